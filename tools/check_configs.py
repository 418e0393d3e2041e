#!/usr/bin/env python
# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Switch, train, predict and export every stock config of the installed MMPose."""
import sys

from mmpose_dualteach.commands import check_configs

if __name__ == '__main__':
    sys.exit(check_configs())
