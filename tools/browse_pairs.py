#!/usr/bin/env python
# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Draw easy and hard views exactly as the networks will get them."""
import sys

from mmpose_dualteach.commands import browse_pairs

if __name__ == '__main__':
    sys.exit(browse_pairs())
