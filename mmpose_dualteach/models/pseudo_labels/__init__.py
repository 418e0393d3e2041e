# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Who teaches whom, and how a teacher's prediction on the easy view reaches the hard one."""

from .lesson_guard import LessonGuard
from .lessons import Lesson, parse_lessons
from .view_pair import ViewPair

__all__ = ['Lesson', 'LessonGuard', 'ViewPair', 'parse_lessons']
