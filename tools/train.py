#!/usr/bin/env python
# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Switch a stock config to mutual teaching and train it, with every option of MMPose's own train.py."""
import sys

from mmpose_dualteach.commands import train

if __name__ == '__main__':
    sys.exit(train())
