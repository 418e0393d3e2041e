# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from typing import Sequence, Tuple

import torch
from torch import Tensor


class JointCutout:
    """Cover some joints of each instance, where the teacher sees them.

    Numbers of the authors' released code (xierc/Semi_Human_Pose, ``lib/models/pose_dual.py``, ``mask_joint``). The
    boxes are filled with 0, which is the mean colour of a normalised image.

    Args:
        joints (int): How many different joints to cover on each instance. Defaults to 5.
        half_width (Sequence[float]): Least and largest half width and half height of a box in pixels of a
            ``base_size`` input; drawn uniformly. Defaults to (10, 20).
        jitter (float): Standard deviation of a box's centre around the joint in the same pixels. Defaults to 10.
        base_size (Sequence[int]): The input size (width, height) that the pixels above belong to. Other inputs are
            covered in proportion to the root of their area. Defaults to (192, 256).
    """

    def __init__(
        self,
        joints: int = 5,
        half_width: Sequence[float] = (10.0, 20.0),
        jitter: float = 10.0,
        base_size: Sequence[int] = (192, 256),
    ) -> None:
        if joints < 1 or not 0 <= half_width[0] <= half_width[1] or jitter < 0:
            raise ValueError(
                f'model.joint_cutout: joints={joints} must be at least 1, half_width={half_width} an '
                f'ascending pair and jitter={jitter} not negative'
            )
        self.joints = joints
        self.half_width = half_width
        self.jitter = jitter
        self.base_size = base_size

    def boxes(self, points: Tensor, size: Tuple[int, int]) -> Tensor:
        """Draw the boxes to cover.

        Args:
            points (Tensor): The teacher's joints (x, y) in input pixels in shape (N, K, 2).
            size (Tuple[int, int]): Input size (width, height).

        Returns:
            Tensor: Boxes (left, top, right, bottom) in input pixels in shape (N, min(joints, K), 4).
        """
        scale = ((size[0] * size[1]) / (self.base_size[0] * self.base_size[1])) ** 0.5
        count, total = points.shape[:2]
        drawn = torch.rand(count, total, device=points.device).topk(min(self.joints, total), dim=1).indices
        centre = points.gather(1, drawn[..., None].expand(-1, -1, 2)).float()
        centre = centre + torch.randn_like(centre) * (self.jitter * scale)
        low, high = self.half_width
        half = (low + torch.rand_like(centre) * (high - low)) * scale
        return torch.cat((centre - half, centre + half), dim=-1)

    def __call__(self, images: Tensor, points: Tensor) -> Tensor:
        """Cover joints.

        Args:
            images (Tensor): Normalised input images in shape (N, C, H, W); left untouched.
            points (Tensor): The teacher's joints (x, y) in pixels of these images in shape (N, K, 2).

        Returns:
            Tensor: New images in shape (N, C, H, W).
        """
        height, width = images.shape[-2:]
        left, top, right, bottom = self.boxes(points, (width, height)).unbind(dim=-1)
        x = torch.arange(width, device=images.device)
        y = torch.arange(height, device=images.device)
        columns = (x >= left[..., None]) & (x <= right[..., None])
        rows = (y >= top[..., None]) & (y <= bottom[..., None])
        covered = (rows[..., :, None] & columns[..., None, :]).any(dim=1)
        return images.masked_fill(covered[:, None], 0.0)
