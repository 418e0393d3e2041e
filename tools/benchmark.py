#!/usr/bin/env python
# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Run a benchmark plan: stock config x labelled counts x methods x seeds."""
import sys

from mmpose_dualteach.commands import benchmark

if __name__ == '__main__':
    sys.exit(benchmark())
