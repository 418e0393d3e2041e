# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from . import safe_loading  # noqa: F401  (lets torch load mmengine's checkpoints)
from .dual_teacher_hook import DualTeacherHook
from .lesson_picture_hook import LessonPictureHook
from .loops import MutualTeachingTestLoop, MutualTeachingValLoop
from .network_optim_constructor import EachNetworkOptimWrapperConstructor

__all__ = [
    'DualTeacherHook', 'EachNetworkOptimWrapperConstructor', 'LessonPictureHook', 'MutualTeachingTestLoop',
    'MutualTeachingValLoop'
]
