#!/usr/bin/env python
# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Write one network of a mutual-teaching checkpoint as an ordinary MMPose checkpoint."""
import sys

from mmpose_dualteach.commands import export_network

if __name__ == '__main__':
    sys.exit(export_network())
