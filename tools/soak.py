#!/usr/bin/env python
# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Kill a short training at random moments, resume it, and compare where it ends."""
import sys

from mmpose_dualteach.commands import soak

if __name__ == '__main__':
    sys.exit(soak())
