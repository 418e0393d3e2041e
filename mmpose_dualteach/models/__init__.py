# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from .data_preprocessors import BranchDataPreprocessor
from .estimators import MutualTeachingPoseEstimator
from .losses import FiniteJSDiscretLoss, PseudoHeatmapLoss
from .occlusions import BlockShuffle, JointCutout, JointOcclude, KeypointMix, RandomCutMix, RandomCutout

__all__ = [
    'BlockShuffle',
    'BranchDataPreprocessor',
    'FiniteJSDiscretLoss',
    'JointCutout',
    'JointOcclude',
    'KeypointMix',
    'MutualTeachingPoseEstimator',
    'PseudoHeatmapLoss',
    'RandomCutMix',
    'RandomCutout',
]
