#!/usr/bin/env python
# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Measure speed and memory against the floor."""
import sys

from mmpose_dualteach.commands import benchmark_speed

if __name__ == '__main__':
    sys.exit(benchmark_speed())
