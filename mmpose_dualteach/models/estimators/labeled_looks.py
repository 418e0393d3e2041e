# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What is looked at, one step in many, beside the losses of labelled images."""

from typing import Any, Dict, Mapping

import torch
from mmdet.utils import reduce_mean
from torch import Tensor

from mmpose_dualteach.models.adapters import OutputAdapter
from mmpose_dualteach.models.utils.float_outputs import float_outputs
from mmpose_dualteach.models.utils.modes import evaluation_mode, heads_in_mode
from mmpose_dualteach.models.utils.stock_losses import tensors_of

# Behind a network's name: its loss of labelled images normalised as easy views, over their own; how its joints move.
AS_EASY, MOVED = 'labeled_as_easy', 'labeled_as_easy_moved'


@torch.no_grad()
def drift(model: Any, name: str, images: Tensor, samples: list, losses: dict, output: Any) -> Dict[str, Tensor]:
    """What becomes of labelled images that are normalised as easy views are: a network's loss of them over their
    own, and how far its joints move, as a share of the input's longer side.

    Args:
        model (MutualTeachingPoseEstimator): The model.
        name (str): The network's.
        images (Tensor): Normalised labelled images in shape (N, C, H, W).
        samples (list): Their data samples.
        losses (dict): The network's stock losses of them.
        output (Any): What it saw.

    Returns:
        Dict[str, Tensor]: Two scalars by name.
    """
    network, adapter = model.networks[name], model.adapters[name]
    network.train_cfg['compute_acc'] = False
    heads = heads_in_mode(network, training=True)  # Their losses are of what they answer in training.
    with float_outputs(network), evaluation_mode(network), heads, adapter.watch(network) as outputs:
        again = tensors_of(adapter.stock_loss(network, images, samples))
    torch.clear_autocast_cache()  # As after teachers.
    as_easy, own = [model.parse_losses(each)[0].detach() for each in (again, losses)]
    moved = adapter.distance(*adapter.aligned([output, outputs[-1]])).mean() / max(images.shape[-2:])
    as_easy, own, moved = reduce_mean(torch.stack([as_easy, own, moved]))
    ratio = torch.where(own > 0, as_easy / own, torch.ones_like(own))  # Some are logarithms of densities.
    return {f'{name}/{AS_EASY}': ratio, f'{name}/{MOVED}': moved}


def labeled_peaks(adapters: Mapping[str, OutputAdapter], answers: Mapping[str, Any]) -> Dict[str, Tensor]:
    """The mean peak of each network's answer on labelled instances; networks of a kind may be scored together."""
    peaks: Dict[str, Tensor] = {}
    for adapter in {id(adapters[name]): adapters[name] for name in answers}.values():
        alike = {name: answer for name, answer in answers.items() if adapters[name] is adapter}
        scores = adapter.scores(adapter.checked(alike))
        peaks.update({f'{name}/peak_labeled': score.mean() for name, score in scores.items()})
    return peaks
