# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from mmpose.registry import MODELS
from torch import Tensor

from mmpose_dualteach.models.occlusions.occlusion import JointPatches
from mmpose_dualteach.models.occlusions.patches import draw_joints, pasted


@MODELS.register_module()
class KeypointMix(JointPatches):
    """Mix what lies around some joints of an instance with what lies around other joints of its own.

    Source of the idea: Yun et al., "A New Teacher-Reviewer-Student Framework for Semi-supervised 2D Human Pose
    Estimation", 2025, whose Keypoint-Mix mixes different keypoints to disturb the pose. No code of it is released: how
    much of either is mixed, and the patches' sizes, which are those of the other occlusions, are this package's.

    Args:
        joints (int): How many joints to mix others into. Defaults to 2.
        share (float): How much of the other joint is mixed in, 0 to 1. Defaults to 0.5.
        **options: Of :class:`JointPatches`, whose error both places have.

    Raises:
        ValueError: If a number is out of range.
    """

    def __init__(self, joints: int = 2, share: float = 0.5, **options) -> None:
        super().__init__(joints, **options)
        if not 0 < share <= 1:
            raise ValueError(f'KeypointMix: share={share} must be greater than 0 and at most 1')
        self.share = share

    def __call__(self, images: Tensor, points: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        points = self.jittered(points, (width, height)).round()
        count = min(self.count, points.shape[1] // 2)  # A single joint has none to be mixed with.
        drawn = points.gather(1, draw_joints(points, 2 * count)[..., None].expand(-1, -1, 2))
        covered, cut = drawn[:, :count], drawn[:, count:]
        mixed = images
        for inside, patch in pasted(images, covered, cut, self.boxes_around(covered, (width, height))):
            mixed = (mixed + self.share * (patch - mixed)).where(inside, mixed)
        return mixed
