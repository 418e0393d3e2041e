# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from typing import Dict

from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS


@TRANSFORMS.register_module()
class DropAbsentKeypoints3D(BaseTransform):
    """Take ``keypoints_3d`` away where there are none.

    MMPose's ``CocoWholeBodyDataset`` says ``keypoints_3d=None``, which its ``KeypointConverter`` takes for 3D keypoints
    and fails on (seen in MMPose 1.3.2). The switch puts this transform between the two.

    Required Keys:

        - keypoints_3d (optional)

    Removed Keys:

        - keypoints_3d, if it is None
    """

    def transform(self, results: Dict) -> Dict:
        """Take it away. See the class for the keys."""
        if results.get('keypoints_3d', True) is None:
            del results['keypoints_3d']
        return results
