# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from mmpose.models.losses import JSDiscretLoss
from mmpose.registry import MODELS
from torch import Tensor


@MODELS.register_module()
class FiniteJSDiscretLoss(JSDiscretLoss):
    """MMPose's Jensen-Shannon loss with finite gradients.

    MMPose multiplies the heatmaps of unlabelled joints by 0, and the slope of ``p * log(p)`` at 0 is infinite: since
    torch left off masking it, a single unlabelled joint turns every weight into NaN (seen with torch 2.11). The switch
    puts this loss in its place. Values are the same.
    """

    def kl(self, p: Tensor, q: Tensor) -> Tensor:
        """Kullback-Leibler divergence of ``q`` from ``p``, cell by cell.

        Args:
            p (Tensor): Probabilities in shape (N, K, H, W).
            q (Tensor): Probabilities in shape (N, K, H, W).

        Returns:
            Tensor: In shape (N, K, H, W).
        """
        eps = 1e-24
        return p * ((p + eps).log() - (q + eps).log())
