# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from typing import Optional

import torch
from torch import Tensor


class Selection:
    """How much each joint of a lesson counts.

    Args:
        confidence (bool): Weigh each joint by its teacher's score, 0 to 1. Defaults to True.
        pseudo_label_thr (float): Joints whose teacher's score is less teach nothing. Defaults to 0.
        pseudo_label_quantile (float): This share of the batch's joints, those with the lowest scores, teaches nothing;
            of each process's own part of the batch. Source: Kim et al., ECCV 2022
            (VisionLearningGroup/UDA_PoseEstimation, ``train_human.py``, ``mask_ratio``). Defaults to 0.
        max_disagreement (float, optional): Joints that a lesson's teachers see farther apart than this, in input
            pixels, teach nothing. Defaults to None, which asks for no agreement.

    Raises:
        ValueError: If a number is out of range; names the key.
    """

    def __init__(
        self,
        confidence: bool = True,
        pseudo_label_thr: float = 0.0,
        pseudo_label_quantile: float = 0.0,
        max_disagreement: Optional[float] = None,
    ) -> None:
        for name, value in (('pseudo_label_thr', pseudo_label_thr), ('pseudo_label_quantile', pseudo_label_quantile)):
            if not 0 <= value < 1:
                raise ValueError(f'model.{name}={value} must be at least 0 and less than 1')
        if max_disagreement is not None and max_disagreement <= 0:
            raise ValueError(f'model.max_disagreement={max_disagreement} must be greater than 0, in input pixels')
        self.confidence = confidence
        self.pseudo_label_thr = pseudo_label_thr
        self.pseudo_label_quantile = pseudo_label_quantile
        self.max_disagreement = max_disagreement

    @property
    def uses_scores(self) -> bool:
        """bool: Whether lessons need their teachers' scores."""
        return self.confidence or self.wants_scores

    @property
    def wants_scores(self) -> bool:
        """bool: Whether joints are chosen by scores, which then must be told."""
        return self.pseudo_label_thr > 0 or self.pseudo_label_quantile > 0

    def check_scores(self, told: bool) -> None:
        """Refuse to choose joints by scores that nothing tells.

        Args:
            told (bool): Whether teachers tell scores.

        Raises:
            ValueError: Names the keys.
        """
        if self.wants_scores and not told:
            raise ValueError(
                'model.pseudo_label_thr and pseudo_label_quantile go by scores: this head tells none, and a network '
                'that teaches alone has no other to agree with; leave them out, or let two networks teach'
            )

    @property
    def uses_agreement(self) -> bool:
        """bool: Whether lessons need to know how far apart their teachers see the joints."""
        return self.max_disagreement is not None

    def weights(
        self, scores: Optional[Tensor], apart: Optional[Tensor], joint_weights: Optional[Tensor] = None
    ) -> Optional[Tensor]:
        """How much each joint counts.

        Args:
            scores (Tensor, optional): The joints' scores in shape (N, K), NaN where there is no such joint; None where
                the kind tells none.
            apart (Tensor, optional): How far apart, in input pixels, the teachers see each in shape (N, K).
            joint_weights (Tensor, optional): How much each counts by the dataset's definition in shape (N, K).

        Returns:
            Optional[Tensor]: In shape (N, K), 0 to 1, times the dataset's weights; None where all count alike.
        """
        weights = None
        if scores is not None and self.uses_scores:
            weights = scores.clamp(0, 1) if self.confidence else torch.ones_like(scores)
            weights = weights * (scores >= self.pseudo_label_thr)
            if self.pseudo_label_quantile and scores.numel():
                left_out = (self.pseudo_label_quantile * scores.isfinite().sum().double()).long()
                # Of equal scores all stay: some kinds have many of exactly 1.
                weights = weights * (scores >= scores.flatten().sort().values.take(left_out))
        if apart is not None and self.max_disagreement is not None:
            agreed = (apart <= self.max_disagreement).float()
            weights = agreed if weights is None else weights * agreed
        if joint_weights is not None:
            weights = joint_weights if weights is None else weights * joint_weights
        return weights
