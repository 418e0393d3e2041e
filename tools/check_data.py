#!/usr/bin/env python
# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Look at every image and box of a training set before training."""
import sys

from mmpose_dualteach.commands import check_data

if __name__ == '__main__':
    sys.exit(check_data())
