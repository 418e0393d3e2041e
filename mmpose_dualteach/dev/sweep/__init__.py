# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""The sweep over configs, MMPose's stock ones or switched ones: does each switch, train, predict and export?"""
