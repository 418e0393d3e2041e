# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from .labeled_unlabeled import LabeledUnlabeledDataset
from .sampler import LabeledUnlabeledSampler
from .transforms import DropAbsentKeypoints3D, EasyHardViews, TakeView, WholeImageBox
from .unlabeled import UnlabeledPoseDataset

BRANCHES = ('labeled', 'easy', 'hard')

__all__ = [
    'BRANCHES', 'DropAbsentKeypoints3D', 'EasyHardViews', 'LabeledUnlabeledDataset', 'LabeledUnlabeledSampler',
    'TakeView', 'UnlabeledPoseDataset', 'WholeImageBox'
]
