# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from .labeled_unlabeled_dataset import LabeledUnlabeledDataset
from .unlabeled_pose_dataset import UnlabeledPoseDataset

__all__ = ['LabeledUnlabeledDataset', 'UnlabeledPoseDataset']
