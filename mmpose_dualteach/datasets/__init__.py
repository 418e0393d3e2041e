# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from .datasets import LabeledUnlabeledDataset, UnlabeledPoseDataset
from .samplers import LabeledUnlabeledSampler
from .transforms import DropAbsentKeypoints3D, EasyHardViews, TakeView, WholeImageBox

__all__ = [
    'DropAbsentKeypoints3D',
    'EasyHardViews',
    'LabeledUnlabeledDataset',
    'LabeledUnlabeledSampler',
    'TakeView',
    'UnlabeledPoseDataset',
    'WholeImageBox',
]
