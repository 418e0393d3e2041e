# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""A student as an ONNX file, with all that whoever runs it has to know."""

import inspect
import os
import warnings
from typing import Any, Dict, List, Sequence

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.utils import import_modules_from_strings
from mmpose.models.heads import RLEHead
from mmpose.registry import MODELS
from torch import Tensor, nn

from mmpose_dualteach import compat
from mmpose_dualteach.datasets.labeled_pipeline import pipeline_of
from mmpose_dualteach.engine.checkpoints.safe_loading import load_safely
from mmpose_dualteach.models.adapters import finds_instances
from mmpose_dualteach.utils.config_dicts import class_name
from mmpose_dualteach.utils.config_text import parse_config_text
from mmpose_dualteach.utils.file_io import atomic_write, dump_json

OPSET = 17
IMAGES = 'images'
# Outputs by the head's kind of decoder; others are numbered.
NAMES = dict(SimCCLabel=('x', 'y'), RegressionLabel=('joints',), IntegralRegressionLabel=('joints', 'heatmaps'))
TOLERANCE = 1e-3  # Of the largest output, between PyTorch and onnxruntime.


class Raw(nn.Module):
    """A network's raw output for a batch of normalised images.

    Args:
        network (BasePoseEstimator): The network.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> List[Tensor]:
        """Images in shape (N, C, H, W) in, what the head's decoder takes out; of several stages the last."""
        output = self.network(images, None, mode='tensor')
        stages = getattr(self.network.head, 'num_stages', 1) if isinstance(output, (list, tuple)) else 1
        if isinstance(self.network.head, RLEHead):  # Its predict() makes scores of what follows the joints.
            output = torch.cat([output[..., :2], output[..., 2:].sigmoid()], dim=-1)
        return _flat(output[-1] if stages > 1 else output)


def export_onnx(checkpoint: str, path: str) -> Dict[str, Any]:
    """Write a student as an ONNX file, and what it takes and gives as ``PATH.json``.

    The file takes normalised images in shape (N, 3, H, W), float32, of any N, and gives what the head gives. It is run
    by onnxruntime on random images, and compared with PyTorch.

    Args:
        checkpoint (str): An exported student, with its config.
        path (str): The file to write.

    Returns:
        Dict[str, Any]: What stands in ``PATH.json``: ``input`` (name, size (width, height), mean, standard deviation,
        channels), ``box`` (padding, and whether it is cut as unbiased data processing does it), ``outputs`` (names),
        ``codec`` (MMPose's config of it), ``keypoints`` (names), ``flip_indices``, and ``difference`` from PyTorch.

    Raises:
        FileNotFoundError: If the checkpoint is missing.
        ValueError: If onnx or onnxruntime is missing, the checkpoint has no config, its network finds instances by
            itself, or outputs differ.
    """
    try:
        import onnx  # noqa: F401  # torch's exporter asks for it late.
        from onnxruntime import InferenceSession
    except ImportError as missing:
        raise ValueError(f"{missing.name} is missing; pip install 'mmpose_dualteach[onnx]'") from None
    content = load_safely(checkpoint)
    meta, weights = [(content.get(key) or {}) if isinstance(content, dict) else {} for key in ('meta', 'state_dict')]
    if not weights or not meta.get('cfg') or any(key.startswith('networks.') for key in weights):
        raise ValueError(
            f'{checkpoint} is no student with its config; make one by tools/export.py CHECKPOINT -o student.pth'
        )
    try:
        config = Config(parse_config_text(meta['cfg']))
    except ValueError as error:
        raise ValueError(f"{checkpoint}: meta['cfg'] is no text of a config ({error}); it is never executed") from None
    if config.get('custom_imports'):
        import_modules_from_strings(**config.custom_imports)
    init_default_scope('mmpose')
    if finds_instances(config.model):
        raise ValueError(
            f'{checkpoint} finds all instances of an image, which goes on behind its network; use MMDeploy for that'
        )
    network: Any = MODELS.build(config.model)
    network.load_state_dict(weights)
    width, height = (int(side) for side in config.model.head.decoder.input_size)  # Not every codec keeps its own.
    raw, images = Raw(network).eval(), torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        wanted = [each.numpy() for each in raw(images)]
    names = NAMES.get(type(network.head.decoder).__name__, ('heatmaps',))
    names = names if len(names) == len(wanted) else tuple(f'output{number}' for number in range(len(wanted)))
    unfinished = f'{path}.unfinished'
    try:
        _trace(raw, images, unfinished, names)
        given = InferenceSession(unfinished, providers=['CPUExecutionProvider']).run(None, {IMAGES: images[:1].numpy()})
        difference = max(float(np.abs(one - other[:1]).max()) for one, other in zip(given, wanted))
        largest = max(float(np.abs(each).max()) for each in wanted)
        if not difference <= TOLERANCE * max(largest, 1.0):
            raise ValueError(f'{path} was not written: onnxruntime differs from PyTorch by {difference:.2g}')
        with open(unfinished, 'rb') as file, atomic_write(path, binary=True) as target:
            target.write(file.read())
    finally:
        if os.path.exists(unfinished):
            os.remove(unfinished)
    told = dict(_about(network, config, meta.get('dataset_meta') or {}), outputs=list(names), difference=difference)
    dump_json(told, f'{path}.json', indent=1)
    return told


def _trace(module: nn.Module, images: Tensor, path: str, outputs: Sequence[str]) -> None:
    """torch's exporter by tracing, which knows any batch size; later versions have another one by default, which asks
    for onnxscript."""
    own: Dict[str, Any] = dict(dynamo=False) if 'dynamo' in inspect.signature(torch.onnx.export).parameters else {}
    axes = {each: {0: 'batch'} for each in (IMAGES, *outputs)}
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # Of sizes that are the same for all images, and of the other exporter.
        torch.onnx.export(
            module,
            (images,),
            path,
            input_names=[IMAGES],
            output_names=list(outputs),
            dynamic_axes=axes,
            opset_version=OPSET,
            **own,
        )


def _about(network: Any, config: Config, dataset_meta: dict) -> Dict[str, Any]:
    """What a student takes, and what its joints are."""
    pipeline = pipeline_of((config.get('test_dataloader') or config.val_dataloader).dataset)
    kinds = {class_name(transform): transform for transform in pipeline}
    preprocessor = config.model.data_preprocessor
    codec = config.model.head.decoder
    names = dataset_meta.get('keypoint_id2name') or {}
    return dict(
        input=dict(
            name=IMAGES,
            size=list(codec.input_size),
            mean=list(preprocessor.get('mean') or [0, 0, 0]),
            std=list(preprocessor.get('std') or [1, 1, 1]),
            channels='rgb' if compat.turns_channels(network.data_preprocessor) else 'bgr',
        ),
        box=dict(
            padding=kinds.get('GetBBoxCenterScale', {}).get('padding', 1.25),
            udp=bool(kinds.get('TopdownAffine', {}).get('use_udp', False)),
        ),
        codec=codec.to_dict(),
        keypoints=[names[key] for key in sorted(names, key=int)],
        flip_indices=list(dataset_meta.get('flip_indices') or []),
    )


def _flat(output: Any) -> List[Tensor]:
    """The tensors in nested sequences."""
    return [each for part in output for each in _flat(part)] if isinstance(output, (list, tuple)) else [output]
