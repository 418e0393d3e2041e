# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from abc import abstractmethod
from typing import Any, List, Optional, Sequence, Tuple

import numpy as np
import torch
from mmengine.structures import InstanceData
from mmpose.registry import MODELS
from torch import Tensor

from mmpose_dualteach.models.adapters.base import OutputAdapter, Target
from mmpose_dualteach.models.adapters.kinds import loss_of


class JointPictures(OutputAdapter):
    """Pictures of outputs that say where each joint is and are no heatmaps."""

    def heat(self, output: Any, size: Tuple[int, int]) -> Tensor:
        return blobs(*self.joints(output), size)

    @abstractmethod
    def target_joints(self, target: Target) -> Tuple[Tensor, Tensor]:
        """Where a target sees the joints, and how much each counts; see :meth:`joints`."""

    def target_heat(self, target: Target, size: Tuple[int, int]) -> Tensor:
        return blobs(*self.target_joints(target), size)


class JointAdapter(JointPictures):
    """Outputs that say where each joint is and are no heatmaps.

    The teacher's joints are moved to the hard view, and the student's own stock loss compares, weighted by the
    teacher's score. Joints that leave the hard view teach nothing.

    Args:
        head (dict): The head's config.
        **options: Of :class:`OutputAdapter`.

    Raises:
        ValueError: As :class:`OutputAdapter`, or if the stock loss takes no weights; names the key.
    """

    head_methods: Tuple[str, ...] = ('loss',)
    differentiable = False

    def __init__(self, head: dict, **options) -> None:
        super().__init__(head, **options)
        stock = loss_of(head)
        self.stock_losses = [MODELS.build(each) for each in stock.get('losses', [stock])]
        for each in self.stock_losses:
            if not getattr(each, 'use_target_weight', False):
                raise ValueError(
                    f'model.head.loss: {type(each).__name__} has use_target_weight=False, so joints without '
                    'a target could not be left out; set use_target_weight=True'
                )


def joint_weight(target: Target) -> Tensor:
    """How much each joint counts in shape (N, K), float."""
    return target.valid.float() if target.weight is None else target.valid * target.weight


def mean_of_predictions(outputs: Sequence[Sequence[InstanceData]]) -> List[InstanceData]:
    """The mean keypoints and scores of several networks' predictions on the same instances.

    Args:
        outputs (Sequence[Sequence[InstanceData]]): Each network's predictions.

    Returns:
        List[InstanceData]: One for each instance.
    """
    return [
        InstanceData(
            **{
                name: np.mean([each[name] for each in parts], axis=0)
                for name in ('keypoints', 'keypoint_scores')
                if name in parts[0]
            }
        )
        for parts in zip(*outputs)
    ]


def blobs(joints: Tensor, scores: Optional[Tensor], size: Tuple[int, int]) -> Tensor:
    """Warm spots on joints, as wide as a stock heatmap's.

    Args:
        joints (Tensor): Joints (x, y) in input pixels in shape (N, K, 2).
        scores (Tensor, optional): Their scores in shape (N, K).
        size (Tuple[int, int]): Size (width, height) in pixels.

    Returns:
        Tensor: Heat in shape (N, height, width).
    """
    radius = max(size) / 48
    x = torch.arange(size[0], device=joints.device)
    y = torch.arange(size[1], device=joints.device)
    columns = torch.exp(-0.5 * ((x - joints[..., :1]) / radius).square())
    rows = torch.exp(-0.5 * ((y - joints[..., 1:]) / radius).square())
    heat = rows[..., :, None] * columns[..., None, :]
    if scores is not None:
        heat = heat * scores[..., None, None]
    return heat.amax(dim=1)
