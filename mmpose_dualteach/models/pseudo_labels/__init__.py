# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Who teaches whom, and how a teacher's prediction on the easy view reaches the hard one."""
