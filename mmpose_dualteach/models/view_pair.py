# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What is known of a batch's two views of the same instances."""

from typing import List, Optional, Sequence

import numpy as np
import torch
from torch import Tensor

from mmpose_dualteach import geometry
from mmpose_dualteach.utils.branches import JOINT_WEIGHTS


class ViewPair:
    """The map from easy to hard view of each instance of a batch.

    Args:
        easy (Sequence[PoseDataSample]): Samples of the easy branch. Their ``view_matrix`` is the 2x3 map from original
            to input pixels, flip included; ``flip`` says whether it mirrors.
        hard (Sequence[PoseDataSample]): Samples of the hard branch, the same instances in the same order.

    Attributes:
        matrix (np.ndarray): Easy to hard input pixels in shape (N, 2, 3), float64.
        mirrored (np.ndarray): Whether the views differ in flip in shape (N,), bool.
        flip_indices (List[int]): The joint that each joint becomes in a mirrored view.
        has_counterpart (np.ndarray, optional): Which joints of the hard view the easy one has in shape (N, K), bool,
            where a mirror does not give each joint back: DeepFashion2 swaps one for another and not that one for it.
        hard_meta (List[dict]): What else is known of each hard view.
        joint_weights (np.ndarray, optional): How much each joint counts by the dataset's definition in shape (K,),
            where labels are weighted so.
    """

    def __init__(self, easy: Sequence, hard: Sequence) -> None:
        from_original = np.stack([sample.metainfo['view_matrix'] for sample in easy])
        to_hard = np.stack([sample.metainfo['view_matrix'] for sample in hard])
        self.matrix = geometry.compose(to_hard, geometry.invert(from_original))
        self.mirrored = np.array([e.metainfo['flip'] != h.metainfo['flip'] for e, h in zip(easy, hard)])
        self.flip_indices: List[int] = list(easy[0].metainfo['flip_indices'])
        self.has_counterpart: Optional[np.ndarray] = self._has_counterpart()
        self.hard_meta: List[dict] = [sample.metainfo for sample in hard]
        self.joint_weights: Optional[np.ndarray] = self.hard_meta[0].get(JOINT_WEIGHTS)

    def _has_counterpart(self) -> Optional[np.ndarray]:
        swapped = np.array(self.flip_indices)
        there = swapped[swapped] == np.arange(len(swapped))
        return None if there.all() else there | ~self.mirrored[:, None]

    def swap_sides(self, joints: Tensor) -> Tensor:
        """Swap left and right joints of those instances whose views differ in flip.

        Args:
            joints (Tensor): Anything with an instance and a joint axis first, in shape (N, K, ...); of images with
                several instances the joints of one after those of the other, in shape (N, M * K, ...).

        Returns:
            Tensor: The same shape.
        """
        if not self.mirrored.any():
            return joints
        mirrored = geometry.on_device(self.mirrored, joints.device).reshape(-1, *[1] * (joints.dim() - 1))
        each = joints.unflatten(1, (-1, len(self.flip_indices)))
        other_side = geometry.on_device(self.flip_indices, joints.device)
        return torch.where(mirrored, each.index_select(2, other_side).flatten(1, 2), joints)

    def of_counterparts(self, weight: Tensor) -> Tensor:
        """Weights of joints of the hard view, 0 for those that the easy view does not have.

        Args:
            weight (Tensor): In shape (N, K), or of images with several instances in shape (N, M * K).

        Returns:
            Tensor: The same shape.
        """
        if self.has_counterpart is None:
            return weight
        there = geometry.on_device(self.has_counterpart.astype(np.float32), weight.device)
        return weight * there.repeat(1, weight.shape[1] // there.shape[1])

    def move_points(self, points: Tensor) -> Tensor:
        """Move joints from the easy to the hard view.

        Args:
            points (Tensor): Joints (x, y) in input pixels of the easy view in shape (N, K, 2).

        Returns:
            Tensor: Joints in input pixels of the hard view in shape (N, K, 2).
        """
        return self.swap_sides(geometry.transform_points(points, geometry.on_device(self.matrix, points.device)))
