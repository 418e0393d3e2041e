#!/usr/bin/env python
# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Write an overlay that switches a stock config to mutual teaching."""
import sys

from mmpose_dualteach.commands import switch_config

if __name__ == '__main__':
    sys.exit(switch_config())
