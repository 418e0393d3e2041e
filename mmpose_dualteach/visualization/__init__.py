# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Pictures of lessons and views, and reports, for people to look at."""
