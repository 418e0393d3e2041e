#!/usr/bin/env python
# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Kill a short training at random moments, resume it, and compare where it ends."""

import argparse
import os.path as osp
import sys
from typing import List, Optional

from mmpose_dualteach.command_line import exit_code
from mmpose_dualteach.dev.soak import soak


def parse_args(arguments: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Kill a short training at random moments, resume it, and compare its end, bit for bit, with the '
        "uninterrupted one's; over and over. Exits with 1 if anything was lost"
    )
    parser.add_argument('--minutes', type=float, default=60, help='how long (default 60)')
    parser.add_argument('--seed', type=int, default=0, help='of the moments (default 0)')
    parser.add_argument(
        '--config',
        default='configs/quickstart/mutual-teaching_res18_1xb16-14e_drawn30-64x96.py',
        help="a switched config on drawn people (default: the quick start's)",
    )
    parser.add_argument('--work-dir', default='work_dirs/soak', help='where everything goes (default work_dirs/soak)')
    return parser.parse_args(arguments)


def run(args: argparse.Namespace) -> int:
    if not osp.isfile(args.config):
        raise FileNotFoundError(f'config {args.config} does not exist; start from the folder of configs/')
    counts = soak(args.config, args.work_dir, args.minutes, args.seed, lambda text: print(text, flush=True))
    kills = {phase: count for phase, count in counts.items() if phase.startswith('while')}
    print(
        f'{sum(kills.values())} kills ({kills}) in {counts["runs"]} runs: {counts["half_files"]} half files, '
        f'{counts["differing"]} ends that differ'
    )
    return int(bool(counts['half_files'] + counts['differing']))


def main(arguments: Optional[List[str]] = None) -> int:
    return exit_code(run, parse_args(arguments))


if __name__ == '__main__':
    sys.exit(main())
