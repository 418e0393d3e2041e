# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What develops and proves the method and is no part of it: nothing outside of here imports it."""
