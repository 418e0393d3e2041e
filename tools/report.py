#!/usr/bin/env python
# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Compare runs: one self-contained page of their validations' scores, losses, peaks and lessons."""

import argparse
import os.path as osp
import sys
from typing import List, Optional

from mmpose_dualteach.command_line import exit_code
from mmpose_dualteach.visualization.report import compare_runs

PAGE_BEGINS = 100  # Bytes, in which a page says that it is one.


def parse_args(arguments: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('work_dirs', nargs='+', metavar='WORK_DIR', help="work directories of this package or MMPose's")
    parser.add_argument('--names', nargs='+', metavar='NAME', help="what runs are called (default: the folders' names)")
    parser.add_argument('--scores', nargs='+', metavar='SCORE', help='of validations (default: those of one word)')
    parser.add_argument('-o', '--output', default='report.html', help='the page (default: %(default)s)')
    return parser.parse_args(arguments)


def run(args: argparse.Namespace) -> None:
    names = args.names or [osp.basename(osp.normpath(folder)) for folder in args.work_dirs]
    if len(names) != len(args.work_dirs):
        raise ValueError(f'--names: {len(names)} for {len(args.work_dirs)} work directories; give one for each')
    if len(set(names)) < len(names):
        raise ValueError(f'two of {", ".join(names)} have one name; tell them apart by --names')
    if osp.exists(args.output):
        with open(args.output, 'rb') as file:
            if not file.read(PAGE_BEGINS).lower().lstrip().startswith(b'<!doctype html'):
                raise ValueError(f'{args.output} is there and is no page; name another file by -o')
    compare_runs(args.output, ' and '.join(names), dict(zip(names, args.work_dirs)), scores=args.scores)
    print(f'wrote {args.output}')


def main(arguments: Optional[List[str]] = None) -> int:
    return exit_code(run, parse_args(arguments))


if __name__ == '__main__':
    sys.exit(main())
