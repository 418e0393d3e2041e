# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from .datasets import LabeledUnlabeledDataset, UnlabeledPoseDataset
from .samplers import LabeledUnlabeledSampler
from .transforms import ColorRandAugment, DropAbsentKeypoints3D, EasyHardViews, TakeView, WholeImageBox

__all__ = [
    'ColorRandAugment',
    'DropAbsentKeypoints3D',
    'EasyHardViews',
    'LabeledUnlabeledDataset',
    'LabeledUnlabeledSampler',
    'TakeView',
    'UnlabeledPoseDataset',
    'WholeImageBox',
]
