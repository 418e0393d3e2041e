# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from mmpose_dualteach.datasets.transforms.absent_keypoints_3d import DropAbsentKeypoints3D
from mmpose_dualteach.datasets.transforms.color_rand_augment import ColorRandAugment
from mmpose_dualteach.datasets.transforms.easy_hard_views import EasyHardViews, TakeView
from mmpose_dualteach.datasets.transforms.whole_image_box import WholeImageBox

__all__ = ['ColorRandAugment', 'DropAbsentKeypoints3D', 'EasyHardViews', 'TakeView', 'WholeImageBox']
