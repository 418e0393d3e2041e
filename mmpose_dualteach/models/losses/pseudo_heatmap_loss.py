# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from typing import Optional

from mmdet.utils import reduce_mean
from mmpose.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class PseudoHeatmapLoss(nn.Module):
    """Mean squared error between a student's heatmaps and a teacher's, over valid cells only.

    Every joint weighs what ``model.confidence`` says, its teacher's score or 1; the authors' released code has 1
    (xierc/Semi_Human_Pose, ``lib/core/loss.py``, ``PoseCoLoss``). That code multiplies this term and the supervised one
    alike by a further 0.5, which stock MMPose's ``KeypointMSELoss`` does not; the ratio of the two counts. Several
    processes divide by the mean of their numbers of valid cells, so that their averaged gradient is
    that of the joined batch.

    Args:
        loss_weight (float): Weight of the loss. Defaults to 1.0, the released code's.
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self, output: Tensor, target: Tensor, valid: Tensor, weight: Optional[Tensor] = None) -> Tensor:
        """Compare heatmaps.

        Args:
            output (Tensor): The student's heatmaps in shape (N, K, H, W).
            target (Tensor): The teacher's heatmaps, mapped to the student's view, in shape (N, K, H, W).
            valid (Tensor): Cells that count in shape (N, 1, H, W) or (N, K, H, W), bool.
            weight (Tensor, optional): How much each joint counts in shape (N, K), 0 to 1. Defaults to 1 for all.

        Returns:
            Tensor: The scalar loss; zero where no cell is valid.
        """
        valid = valid.expand_as(output)
        error = (output.float() - target.float()).square()
        if weight is not None:
            error = error * weight[..., None, None]
        return self.loss_weight * (error * valid).sum() / reduce_mean(valid.sum().float()).clamp(min=1)
