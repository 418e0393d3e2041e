# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import torch
from mmpose.registry import MODELS
from torch import Tensor

from mmpose_dualteach.models.occlusions.occlusion import JointPatches
from mmpose_dualteach.models.occlusions.patches import draw_joints, others, pasted


@MODELS.register_module()
class JointOcclude(JointPatches):
    """Cover some joints of each instance with what lies around joints of another instance of the batch.

    Source: Huang et al., CVPR 2023, "Cut-Occlude based on pseudo keypoint perception" (hlz0606/SSPCM,
    ``lib/models/my_pose_triple.py``, ``cutmix_based_on_keypoint_perception``; the same in hnuzhy/MultiAugs, where it is
    JO). Those codes swap x and y of every joint, so that their patches, cut and pasted, lie beside joints where an
    instance is not symmetric about the diagonal; here they lie on joints unless ``transposed``. They also draw two of
    24 joints with replacement, 1.4 of COCO's 17, may take the image itself for the other one, and cover in black, a
    quarter of their pixels, where a swapped place to cut from lies beyond an image that is higher than wide. Ours hide
    about three times as many of an instance's joints.

    Args:
        joints (int): How many joints to cover. Defaults to 2.
        transposed (bool): Swap x and y as the released codes do. Defaults to False.
        **options: Of :class:`JointPatches`, whose error both places have, the cut one and the pasted one.
    """

    def __init__(self, joints: int = 2, transposed: bool = False, **options) -> None:
        super().__init__(joints, **options)
        self.transposed = transposed

    def __call__(self, images: Tensor, points: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        points = self.jittered(points, (width, height)).round()
        if self.transposed:
            points = points.flip(-1)
        partner = others(len(images), images.device)
        covered = points.gather(1, draw_joints(points, self.count)[..., None].expand(-1, -1, 2))
        theirs = points[partner]
        cut = theirs.gather(1, draw_joints(theirs, self.count)[..., None].expand(-1, -1, 2))
        boxes = self.boxes_around(covered, (width, height))
        for inside, patch in pasted(images[partner], covered, cut, boxes):
            images = torch.where(inside, patch, images)
        return images
