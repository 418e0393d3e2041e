#!/usr/bin/env python
# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Run a benchmark plan: stock config x labelled counts x methods x seeds."""

import argparse
import sys
from typing import List, Optional

from mmpose_dualteach.command_line import exit_code
from mmpose_dualteach.dev.benchmark.run import run_plan


def parse_args(arguments: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Run a plan of configs/benchmark; goes on where it stopped')
    parser.add_argument('plan', help='plan file')
    parser.add_argument('--work-dir', help='where everything goes (default: work_dirs/benchmark/NAME_OF_PLAN)')
    parser.add_argument('--jobs', type=int, help='runs at a time (default: one a core on a CPU, one on a GPU)')
    parser.add_argument('--methods', nargs='+', metavar='METHOD', help='only these methods of the plan')
    return parser.parse_args(arguments)


def run(args: argparse.Namespace) -> int:
    if args.jobs is not None and args.jobs < 1:
        raise ValueError(f'--jobs {args.jobs} must be at least 1')
    failed = run_plan(args.plan, args.work_dir, args.jobs, args.methods)
    return int(bool(failed))


def main(arguments: Optional[List[str]] = None) -> int:
    return exit_code(run, parse_args(arguments))


if __name__ == '__main__':
    sys.exit(main())
