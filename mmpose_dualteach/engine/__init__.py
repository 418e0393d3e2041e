# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from . import safe_loading  # noqa: F401  (lets torch load mmengine's checkpoints)
from .dual_teacher_hook import DualTeacherHook
from .exact_resume_hook import ExactResumeHook
from .lesson_picture_hook import LessonPictureHook
from .loops import MutualTeachingTestLoop, MutualTeachingValLoop
from .network_optim_constructor import EachNetworkOptimWrapperConstructor
from .whole_checkpoint_hook import WholeCheckpointHook

__all__ = [
    'DualTeacherHook', 'EachNetworkOptimWrapperConstructor', 'ExactResumeHook', 'LessonPictureHook',
    'MutualTeachingTestLoop', 'MutualTeachingValLoop', 'WholeCheckpointHook'
]
