# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Data of the walkthrough in the docs."""
