#!/usr/bin/env python
# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Measure speed and memory against the floor."""

import argparse
import sys
from typing import List, Optional

from mmpose_dualteach.command_line import exit_code
from mmpose_dualteach.dev.benchmark.speed.run import compare_methods, measure_all


def parse_args(arguments: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Measure speed and memory against the floor, as ratios in one run')
    parser.add_argument('--json', metavar='FILE', help='write the results')
    parser.add_argument('--rounds', type=int, default=5, help='how often each comparison is made (default 5)')
    parser.add_argument('--methods', action='store_true', help='instead, a step of every method against its own floor')
    return parser.parse_args(arguments)


def run(args: argparse.Namespace) -> None:
    if args.rounds < 1:
        raise ValueError('--rounds must be at least 1')
    (compare_methods if args.methods else measure_all)(args.json, args.rounds)


def main(arguments: Optional[List[str]] = None) -> int:
    return exit_code(run, parse_args(arguments))


if __name__ == '__main__':
    sys.exit(main())
