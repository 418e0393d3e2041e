# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from .estimators import MutualTeachingPoseEstimator
from .losses import FiniteJSDiscretLoss, PseudoHeatmapLoss

__all__ = ['FiniteJSDiscretLoss', 'MutualTeachingPoseEstimator', 'PseudoHeatmapLoss']
