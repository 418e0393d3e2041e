#!/usr/bin/env python
# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Detect people with any mmdet model: boxes for images without labels."""
import sys

from mmpose_dualteach.commands import detect_boxes

if __name__ == '__main__':
    sys.exit(detect_boxes())
