# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from .mutual_teaching import MutualTeachingPoseEstimator

__all__ = ['MutualTeachingPoseEstimator']
