# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from .atomic_checkpoint_hook import AtomicCheckpointHook
from .dual_teacher_hook import DualTeacherHook
from .exact_resume_hook import ExactResumeHook
from .lesson_visualization_hook import LessonVisualizationHook
from .student_export_hook import StudentExportHook

__all__ = ['AtomicCheckpointHook', 'DualTeacherHook', 'ExactResumeHook', 'LessonVisualizationHook', 'StudentExportHook']
