# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from .labeled_unlabeled_sampler import LabeledUnlabeledSampler

__all__ = ['LabeledUnlabeledSampler']
