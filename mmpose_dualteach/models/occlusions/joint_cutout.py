# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from typing import Tuple

from mmpose.registry import MODELS
from torch import Tensor

from mmpose_dualteach.models.occlusions.occlusion import JointPatches
from mmpose_dualteach.models.occlusions.patches import draw_joints, within


@MODELS.register_module()
class JointCutout(JointPatches):
    """Cover some joints of each instance with the mean colour, which is 0 in a normalised image.

    Source: Xie et al., ICCV 2021 (xierc/Semi_Human_Pose, ``lib/models/pose_dual.py``, ``mask_joint``). That code draws
    its 5 joints with replacement out of the 24 of COCO and MPII together, of which COCO sees 17: 3.3 different ones on
    the average; and since it takes an image's height for its width, patches never reach the lowest quarter of an input
    of 192x256, where ankles are. Here 5 different joints are covered, wherever they are.

    Args:
        joints (int): How many joints to cover. Defaults to 5.
        replacement (bool): Draw joints with replacement, so that one may be drawn again. Defaults to False.
        **options: Of :class:`JointPatches`.
    """

    def __init__(self, joints: int = 5, replacement: bool = False, **options) -> None:
        super().__init__(joints, **options)
        self.replacement = replacement

    def boxes(self, points: Tensor, size: Tuple[int, int]) -> Tensor:
        """Draw the boxes to cover.

        Args:
            points (Tensor): The teacher's joints (x, y) in input pixels in shape (N, K, 2).
            size (Tuple[int, int]): Input size (width, height).

        Returns:
            Tensor: Boxes (left, top, right, bottom) in input pixels in shape (N, M, 4); M is ``joints``, or K if that
            is less and joints are not drawn again.
        """
        drawn = draw_joints(points, self.count, self.replacement)
        return self.boxes_around(self.jittered(points.gather(1, drawn[..., None].expand(-1, -1, 2)), size), size)

    def __call__(self, images: Tensor, points: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        covered = within(self.boxes(points, (width, height)), (width, height)).any(dim=1)
        return images.masked_fill(covered[:, None], 0.0)
