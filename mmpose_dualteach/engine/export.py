# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""From two networks back to one ordinary MMPose checkpoint."""
import io
import os
from typing import Dict, Optional

import mmengine
import torch
from mmengine.config import Config
from mmpose import __version__ as mmpose_version
from torch import Tensor

from mmpose_dualteach.switch import stock_config
from mmpose_dualteach.whole_files import whole_file

from .safe_loading import load_safely

SCORES = 'mutual_teaching_scores'


def network_weights(weights: Dict[str, Tensor], network: str) -> Dict[str, Tensor]:
    """Take one network out of a wrapper's state dict.

    Args:
        weights (Dict[str, Tensor]): The wrapper's state dict.
        network (str): The network's name.

    Returns:
        Dict[str, Tensor]: The state dict of the stock estimator.

    Raises:
        ValueError: If there is no such network; names those there are.
    """
    prefix = f'networks.{network}.'
    chosen = {key[len(prefix):]: value for key, value in weights.items() if key.startswith(prefix)}
    if not chosen:
        names = sorted({key.split('.')[1] for key in weights if key.startswith('networks.')})
        raise ValueError(f'there is no network {network!r} to export; the checkpoint has {names or "none"}')
    return chosen


def save_stock_checkpoint(path: str, weights: Dict[str, Tensor], dataset_meta: dict, config: Optional[str]) -> None:
    """Write weights as MMPose writes its own, whole or not at all.

    Args:
        path (str): The file to write.
        weights (Dict[str, Tensor]): State dict of a stock estimator.
        dataset_meta (dict): Metainfo of the dataset, for MMPose's inference.
        config (str, optional): Text of the stock config, to be kept in the file.
    """
    meta = dict(mmengine_version=mmengine.__version__, mmpose_version=mmpose_version, dataset_meta=dataset_meta)
    if config is not None:
        meta['cfg'] = config
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    content = io.BytesIO()  # Where a disk is full torch's own writer says something else.
    torch.save(dict(meta=meta, state_dict={key: value.cpu() for key, value in weights.items()}), content)
    with whole_file(path, binary=True) as file:
        file.write(content.getbuffer())


def best_network(checkpoint: dict) -> str:
    """The network that scored best when the checkpoint's run was last validated.

    Args:
        checkpoint (dict): A loaded checkpoint of a mutual-teaching run.

    Raises:
        ValueError: If the run was never validated.
    """
    scores = checkpoint.get('message_hub', {}).get('runtime_info', {}).get(SCORES)
    if not scores:
        raise ValueError('the checkpoint knows no scores, so no network is best; name one with --network')
    return scores['best']


def export(checkpoint_path: str, network: str, path: str) -> str:
    """Write one network of a mutual-teaching checkpoint as an ordinary MMPose checkpoint.

    Args:
        checkpoint_path (str): Checkpoint of a mutual-teaching run.
        network (str): A network's name, or ``'best'``.
        path (str): The file to write.

    Returns:
        str: The name of the network written.

    Raises:
        ValueError: If the checkpoint cannot be used; names it.
    """
    checkpoint = load_safely(checkpoint_path)
    if not isinstance(checkpoint.get('state_dict'), dict):
        raise ValueError(f'{checkpoint_path} has no state_dict; it is no checkpoint of a mutual-teaching run')
    meta = checkpoint.get('meta', {})
    try:
        network = best_network(checkpoint) if network == 'best' else network
        weights = network_weights(checkpoint['state_dict'], network)
    except ValueError as error:
        raise ValueError(f'{checkpoint_path}: {error}') from None
    config = meta.get('cfg') and stock_config(Config.fromstring(meta['cfg'], file_format='.py')).pretty_text
    save_stock_checkpoint(path, weights, meta.get('dataset_meta', {}), config)
    return network
