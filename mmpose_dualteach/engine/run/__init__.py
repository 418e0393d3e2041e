# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What hooks and loops know of a run: its schedule, its scores, what was checked and what went wrong."""
