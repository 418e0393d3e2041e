# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from .checkpoints import safe_loading  # noqa: F401  (lets torch load mmengine's checkpoints)
from .hooks import AtomicCheckpointHook, DualTeacherHook, ExactResumeHook, LessonVisualizationHook, StudentExportHook
from .loops import MutualTeachingTestLoop, MutualTeachingValLoop
from .optim_wrappers import PerNetworkOptimWrapperConstructor

__all__ = [
    'AtomicCheckpointHook',
    'DualTeacherHook',
    'ExactResumeHook',
    'LessonVisualizationHook',
    'MutualTeachingTestLoop',
    'MutualTeachingValLoop',
    'PerNetworkOptimWrapperConstructor',
    'StudentExportHook',
]
