# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""The sweep over MMPose's stock configs: does each one switch, train, predict and export?"""
