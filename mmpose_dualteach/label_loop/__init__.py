# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""The loop around training: pseudo-labels out, what to label next, corrections back."""
