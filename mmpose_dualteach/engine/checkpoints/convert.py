# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Checkpoints of the authors' released code (https://github.com/xierc/Semi_Human_Pose) for networks of MMPose.

What they hold, by file of that code:

- ``pose_estimation/train.py``, ``lib/utils/utils.py``: ``final_state``, ``model_best`` and ``State_epochN.pth.tar`` are
  state dicts; ``checkpoint.pth.tar`` has one under ``state_dict``, beside the optimizer's.
- ``lib/models``: PoseDual's networks are ``resnet`` and ``resnet2``, also where they are HRNets; PoseCons's is
  ``resnet``; a supervised one has no prefix. The last layer is ``final_layer``, that of PoseDual's ResNets
  ``final_layer_1``. Every other name is torchvision's or HRNet's own, as MMPose's are.
- ``lib/dataset/JointsDataset.py``: the 24 union joints, of which each dataset trains its own, and heatmaps as MMPose's
  ``MSRAHeatmap`` makes them.
- ``lib/core/config.py``, ``pose_estimation/valid.py``: ``DATASET.COLOR_RGB`` is false and no experiment changes that:
  channels are blue, green, red, normalised by ImageNet's mean and deviation of red, green, blue.

A file does not say with which input size, sigma or ``MODEL.STYLE`` it was trained; no experiment has another than
``'pytorch'``.
"""

from typing import Dict, List, Optional, Sequence

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import DATASETS, MODELS
from torch import Tensor

from mmpose_dualteach.datasets.labeled_pipeline import parts_of
from mmpose_dualteach.engine.checkpoints.export import save_stock_checkpoint
from mmpose_dualteach.engine.checkpoints.safe_loading import load_safely
from mmpose_dualteach.switch import check_switchable, is_switched, stock_config
from mmpose_dualteach.utils.config_dicts import class_name
from mmpose_dualteach.utils.file_io import refuse_to_overwrite

# Rows of their last layer, by MMPose's names: JointsDataset.union_joints.
UNION_JOINTS = (
    'pelvis',
    'right_hip',
    'right_knee',
    'right_ankle',
    'left_hip',
    'left_knee',
    'left_ankle',
    'belly',
    'thorax',
    'neck',
    'upper_neck',
    'nose',
    'head',
    'head_top',
    'left_shoulder',
    'left_elbow',
    'left_wrist',
    'right_shoulder',
    'right_elbow',
    'right_wrist',
    'right_eye',
    'left_eye',
    'right_ear',
    'left_ear',
)
# Of their input's channels in their order, in grey values 0 to 255.
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
FINAL = ('head.final_layer.weight', 'head.final_layer.bias')
REMEDY = 'take a config with the backbone and head that it was trained with'


def convert(
    checkpoint_path: str, config: Config, path: str, network: Optional[int] = None, rgb: bool = False
) -> List[str]:
    """Write a checkpoint of the authors' code as one that loads strictly into a config's model.

    Args:
        checkpoint_path (str): The authors' file.
        config (Config): A switched config, or a stock top-down one, with a ``HeatmapHead``.
        path (str): The file to write.
        network (int, optional): Which of the file's networks to take, from 1, where the config has one network only.
            Defaults to the first.
        rgb (bool): Whether the file was trained with ``DATASET.COLOR_RGB: true``. Defaults to False.

    Returns:
        List[str]: What was written, in words.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file or the config does not suit, or the file would be written over; names the file, and the
            key or the remedy.
    """
    refuse_to_overwrite([path], [checkpoint_path, config.filename])
    init_default_scope('mmpose')
    stock = stock_config(config)
    check_switchable(stock)
    _check_head(stock.model.head)
    meta = dataset_meta(stock.train_dataloader.dataset)
    joints = [meta['keypoint_id2name'][number] for number in range(meta['num_keypoints'])]
    theirs = read_networks(checkpoint_path)
    model = MODELS.build(config.model)
    switched = is_switched(config)
    ours = dict(model.networks.items()) if switched else {'': model}

    written = []
    for (name, one), prefix in zip(ours.items(), _matched(checkpoint_path, list(theirs), list(ours), network)):
        source = f'{checkpoint_path}, network {prefix[:-1]}' if prefix else checkpoint_path
        weights = renamed(theirs[prefix], one.state_dict(), source)
        rows = choose_joints(weights, one.head.out_channels, joints, source)
        _check_shapes(weights, one.state_dict(), source)
        adapt_channels(weights, stock.model.get('data_preprocessor') or {}, rgb)
        one.load_state_dict(weights)
        if switched and name in model.copies.averages:
            model.copies.averages[name].module.load_state_dict(weights)
        written.append(f'{path}: {f"network {name}" if switched else "the network"} is {source}')
        # Rows start at zero, and what has been learned is never exactly that.
        untrained = [joint for joint, bias in zip(rows, weights[FINAL[1]]) if bias == 0]
        if untrained:
            written.append(f'note: {source} was never taught {", ".join(untrained)}')
    save_stock_checkpoint(path, model.state_dict(), meta, config.pretty_text)
    return written


def read_networks(path: str) -> Dict[str, Dict[str, Tensor]]:
    """Read the networks of one of the authors' files, nothing of it as code.

    Args:
        path (str): The file.

    Returns:
        Dict[str, Dict[str, Tensor]]: State dicts by prefix (``'resnet.'``, ``'resnet2.'``; ``''`` for a network without
        one), in that order, with the authors' names.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is none of theirs.
    """
    content = load_safely(path)
    state = content.get('state_dict', content) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in state.items()
    ):
        raise ValueError(
            f'{path} is no state dict of tensors; give a final_state, model_best or checkpoint.pth.tar of '
            'xierc/Semi_Human_Pose'
        )
    state = {key[len('module.') :] if key.startswith('module.') else key: value for key, value in state.items()}
    prefixes = [prefix for prefix in ('resnet.', 'resnet2.') if any(key.startswith(prefix) for key in state)]
    prefixes = prefixes or [''] * ('conv1.weight' in state)
    if not prefixes:
        raise ValueError(
            f'{path} has neither resnet.conv1.weight nor conv1.weight; it is no pose network of xierc/Semi_Human_Pose'
        )
    for key in state:
        if not key.startswith(tuple(prefixes)):
            raise ValueError(
                f'{path}: {key} belongs to neither network of PoseDual, resnet nor resnet2; give a file '
                'that has no others'
            )
    return {
        prefix: {key[len(prefix) :]: value for key, value in state.items() if key.startswith(prefix)}
        for prefix in prefixes
    }


def renamed(weights: Dict[str, Tensor], expected: Dict[str, Tensor], source: str) -> Dict[str, Tensor]:
    """Give weights MMPose's names.

    Args:
        weights (Dict[str, Tensor]): One network with the authors' names.
        expected (Dict[str, Tensor]): State dict of the estimator.
        source (str): File and network, for errors.

    Returns:
        Dict[str, Tensor]: The weights with all the names of ``expected`` and no others.

    Raises:
        ValueError: If a key has no place or is missing; names it.
    """
    found: Dict[str, Tensor] = {}
    for key, value in weights.items():
        name = stock_name(key)
        if name not in expected or name in found:
            raise ValueError(f"{source}: {key} has no place in the config's network; {REMEDY}")
        found[name] = value
    for name in expected:
        if name not in found:
            raise ValueError(f"{source} has nothing for {name} of the config's network; {REMEDY}")
    return found


def stock_name(key: str) -> str:
    """MMPose's name of one of the authors' keys, which is without its network's prefix."""
    layer, _, rest = key.partition('.')
    if layer in ('final_layer', 'final_layer_1'):
        return f'head.final_layer.{rest}'
    return f'head.{key}' if layer == 'deconv_layers' else f'backbone.{key}'


def choose_joints(weights: Dict[str, Tensor], count: int, joints: Sequence[str], source: str) -> List[str]:
    """Keep the rows of a last layer of union joints that a dataset has, in its order; in place.

    Args:
        weights (Dict[str, Tensor]): A network with MMPose's names. A last layer of ``count`` rows stays as it is.
        count (int): Channels of the config's head.
        joints (Sequence[str]): MMPose's names of the dataset's joints.
        source (str): File and network, for errors.

    Returns:
        List[str]: The joints that were chosen.

    Raises:
        ValueError: If the rows are no union joints, or do not have one of the joints.
    """
    rows = len(weights[FINAL[0]])
    if rows == count:
        return []
    if rows != len(UNION_JOINTS):
        raise ValueError(
            f'{source}: the last layer has {rows} joints; it must have the {len(UNION_JOINTS)} union '
            f"joints or the {count} of the config's head"
        )
    if len(joints) != count:
        raise ValueError(
            f"the config's head has {count} joints and its training dataset {len(joints)}; make "
            'model.head.out_channels and the metainfo of train_dataloader.dataset agree'
        )
    for joint in joints:
        if joint not in UNION_JOINTS:
            raise ValueError(
                f"{source} has no joint {joint}, which the config's training dataset has; take a dataset "
                f'of joints among {", ".join(UNION_JOINTS)}'
            )
    chosen = [UNION_JOINTS.index(joint) for joint in joints]
    weights.update({name: weights[name][chosen] for name in FINAL})
    return list(joints)


def adapt_channels(weights: Dict[str, Tensor], preprocessor: dict, rgb: bool = False) -> None:
    """Let a network that knows the authors' channels take those of a config's preprocessor; in place.

    The first convolution takes over the order and the scale, the batch norm behind it the shift. This is exact but for
    what lies beyond the image's edge: the convolution pads by the config's mean colour instead of the authors'. With
    ``bgr_to_rgb=False`` and otherwise stock settings nothing changes.

    Args:
        weights (Dict[str, Tensor]): A network with MMPose's names.
        preprocessor (dict): The config's ``data_preprocessor``. Images come to it as blue, green, red.
        rgb (bool): Whether the authors' channels are red, green, blue. Defaults to False.
    """
    turned = bool(preprocessor.get('bgr_to_rgb') or preprocessor.get('rgb_to_bgr'))
    order = [0, 1, 2] if turned == rgb else [2, 1, 0]
    # From single precision, in which preprocessors keep them: those that are alike change nothing.
    mean, std, their_mean, their_std = (
        torch.tensor(numbers).float().double().expand(3)
        for numbers in (preprocessor.get('mean') or [0.0], preprocessor.get('std') or [1.0], MEAN, STD)
    )
    their_mean, their_std = their_mean[order], their_std[order]
    kernel, bias = 'backbone.conv1.weight', 'backbone.bn1.running_mean'
    their_kernel = weights[kernel].double()[:, order]
    shift = (their_kernel.sum(dim=(2, 3)) * ((mean - their_mean) / their_std)).sum(dim=1)
    weights[kernel] = (their_kernel * (std / their_std)[:, None, None]).to(weights[kernel])
    weights[bias] = (weights[bias].double() - shift).to(weights[bias])


def dataset_meta(dataset: dict) -> dict:
    """The metainfo of a stock training dataset, of which no file needs to be there.

    Args:
        dataset (dict): Config of the dataset, in whatever wrapper.

    Returns:
        dict: As ``parse_pose_metainfo`` gives it.

    Raises:
        FileNotFoundError: If it is in a file that is missing.
        ValueError: If the dataset has none.
    """
    while parts_of(dataset) and not dataset.get('metainfo'):
        dataset = parts_of(dataset)[0]
    info = dataset.get('metainfo') or getattr(DATASETS.get(dataset['type']), 'METAINFO', None)
    if not info:
        raise ValueError(
            f"the config's training dataset, {dataset['type']}, has no metainfo, by whose names joints "
            'are chosen; give train_dataloader.dataset.metainfo'
        )
    return parse_pose_metainfo(info)


def _matched(path: str, theirs: List[str], ours: List[str], network: Optional[int]) -> List[str]:
    """The prefix of the file's network for each of the config's."""
    if len(ours) == 1:
        if (network or 1) > len(theirs):
            raise ValueError(f'{path} has no network {network}, only {len(theirs)}; leave --network out')
        return [theirs[(network or 1) - 1]]
    if network:
        raise ValueError(
            f'--network {network} is for a config with one network; this one has {", ".join(ours)}, which '
            "take the file's in order; leave it out"
        )
    if len(theirs) != len(ours):
        raise ValueError(
            f'{path} has {len(theirs)} and the config {len(ours)} networks ({", ".join(ours)}); take a '
            'config with as many, or a stock one'
        )
    return theirs


def _check_head(head: dict) -> None:
    kinds = [class_name(part) for part in (head, head.get('decoder') or {})]
    if kinds != ['HeatmapHead', 'MSRAHeatmap']:
        raise ValueError(
            f"the config's head is {kinds[0]} with the codec {kinds[1]}; the authors' networks fit a "
            'HeatmapHead with MSRAHeatmap, take such a config'
        )


def _check_shapes(weights: Dict[str, Tensor], expected: Dict[str, Tensor], source: str) -> None:
    for name, value in expected.items():
        if weights[name].shape != value.shape:
            raise ValueError(
                f"{source}: {name} has shape {tuple(weights[name].shape)}, in the config's network "
                f'{tuple(value.shape)}; {REMEDY}'
            )
