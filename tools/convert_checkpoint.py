#!/usr/bin/env python
# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Convert a checkpoint of the paper's released code to MMPose."""
import sys

from mmpose_dualteach.commands import convert_checkpoint

if __name__ == '__main__':
    sys.exit(convert_checkpoint())
