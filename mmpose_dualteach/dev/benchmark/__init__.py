# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Mutual teaching against MMPose baselines, and its speed against the floor."""
