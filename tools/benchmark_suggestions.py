#!/usr/bin/env python
# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Measure what suggestions of labels are worth."""

import argparse
import os.path as osp
import sys
from typing import List, Optional

from mmpose_dualteach.command_line import exit_code
from mmpose_dualteach.dev.benchmark.label_curve import LabelCurve, run_curve
from mmpose_dualteach.label_loop.suggestions import STRATEGIES


def parse_args(arguments: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Measure what suggestions of labels are worth: scores over the number of labels, round by round; '
        'goes on where it stopped'
    )
    parser.add_argument('plan', help='a plan of configs/benchmark, for its data, steps and seeds')
    parser.add_argument('--by', nargs='+', choices=STRATEGIES, default=['random', 'spread'], metavar='WAY')
    parser.add_argument('--start', type=int, default=20, help='labels to begin with (default 20)')
    parser.add_argument('--add', type=int, default=20, help='labels that a round adds (default 20)')
    parser.add_argument('--rounds', type=int, default=3, help='default 3')
    parser.add_argument('--seeds', type=int, nargs='+', help="default: the plan's")
    parser.add_argument('--work-dir', help='default: work_dirs/benchmark/labels-NAME_OF_PLAN')
    return parser.parse_args(arguments)


def run(args: argparse.Namespace) -> None:
    if args.start < 1 or args.add < 1 or args.rounds < 1:
        raise ValueError('--start, --add and --rounds must be at least 1')
    name = osp.splitext(osp.basename(args.plan))[0]
    folder = args.work_dir or osp.join('work_dirs', 'benchmark', f'labels-{name}')
    tables = run_curve(LabelCurve(args.plan, folder, args.by, args.start, args.add, args.rounds, args.seeds))
    for key, table in tables.items():
        print(f'\n{key}\n\n{table}')


def main(arguments: Optional[List[str]] = None) -> int:
    return exit_code(run, parse_args(arguments))


if __name__ == '__main__':
    sys.exit(main())
