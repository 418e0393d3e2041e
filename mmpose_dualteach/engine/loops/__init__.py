# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from .mutual_teaching_loops import MutualTeachingTestLoop, MutualTeachingValLoop

__all__ = ['MutualTeachingTestLoop', 'MutualTeachingValLoop']
