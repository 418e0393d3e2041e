# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from abc import ABC, abstractmethod
from typing import Tuple

import torch
from torch import Tensor


class Occlusion(ABC):
    """Patches on images, each of a random size.

    The numbers are those of the released codes (xierc/Semi_Human_Pose, hlz0606/SSPCM, hnuzhy/MultiAugs), in pixels of a
    192x256 input; those codes have the same number of pixels at every size, and whole ones, whose patches are smaller
    by a sixteenth. Those put their patches on the easy view and turn the result; here they lie on the hard view, where
    the teacher sees the joints after the turn.

    Args:
        count (int): Patches on each instance.
        half_width (Tuple[float, float]): Least and largest half width and half height of a patch in pixels of a
            ``base_size`` input; drawn uniformly. Defaults to (10, 20).
        base_size (Tuple[float, float]): The input size (width, height) that pixels belong to. Other inputs are covered
            in proportion to the root of their area. Defaults to (192, 256).

    Raises:
        ValueError: If a number is out of range.
    """

    # Whether patches go by where joints are.
    uses_joints = True

    def __init__(
        self, count: int, half_width: Tuple[float, float] = (10.0, 20.0), base_size: Tuple[float, float] = (192, 256)
    ) -> None:
        if count < 1 or not 0 <= half_width[0] <= half_width[1]:
            raise ValueError(
                f'{type(self).__name__}: {count} patches must be at least 1, half_width={half_width} an ascending pair'
            )
        if min(base_size) < 1:
            raise ValueError(f'{type(self).__name__}: base_size={base_size} must be at least 1 pixel wide and high')
        self.count = count
        self.half_width = half_width
        self.base_size = base_size

    @abstractmethod
    def __call__(self, images: Tensor, points: Tensor) -> Tensor:
        """Cover parts of images.

        Args:
            images (Tensor): Normalised input images in shape (N, C, H, W); left untouched.
            points (Tensor): The teacher's joints (x, y) in pixels of these images in shape (N, K, 2).

        Returns:
            Tensor: New images in shape (N, C, H, W).
        """

    def scale(self, size: Tuple[int, int]) -> float:
        """Pixels of an input of this size (width, height) to a pixel of ``base_size``."""
        return ((size[0] * size[1]) / (self.base_size[0] * self.base_size[1])) ** 0.5

    def halves(self, centre: Tensor, size: Tuple[int, int]) -> Tensor:
        """Draw half widths and half heights in input pixels, in the shape of the centres, (N, M, 2)."""
        low, high = self.half_width
        return (low + torch.rand_like(centre) * (high - low)) * self.scale(size)

    def boxes_around(self, centre: Tensor, size: Tuple[int, int]) -> Tensor:
        """Draw boxes (left, top, right, bottom) in input pixels in shape (N, M, 4) around centres (x, y) in shape
        (N, M, 2)."""
        half = self.halves(centre, size)
        return torch.cat((centre - half, centre + half), dim=-1)


class JointPatches(Occlusion):
    """Patches that lie on joints, but for a normal error.

    Args:
        count (int): Patches on each instance.
        jitter (float): The error's standard deviation in pixels of ``base_size``. Defaults to 10.
        **options: Of :class:`Occlusion`.

    Raises:
        ValueError: If a number is out of range.
    """

    def __init__(self, count: int, jitter: float = 10.0, **options) -> None:
        super().__init__(count, **options)
        if jitter < 0:
            raise ValueError(f'{type(self).__name__}: jitter={jitter} must not be negative')
        self.jitter = jitter

    def jittered(self, points: Tensor, size: Tuple[int, int]) -> Tensor:
        """Points (x, y) in input pixels with their error, in the same shape, float32."""
        points = points.float()
        return points + torch.randn_like(points) * (self.jitter * self.scale(size))
