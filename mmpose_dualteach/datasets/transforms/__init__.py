# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from .absent_keypoints_3d import DropAbsentKeypoints3D
from .easy_hard_views import EasyHardViews, TakeView
from .whole_image_box import WholeImageBox

__all__ = ['DropAbsentKeypoints3D', 'EasyHardViews', 'TakeView', 'WholeImageBox']
