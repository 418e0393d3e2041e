#!/usr/bin/env python
# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Draw the walkthrough's data: videos of a mouse, and a DeepLabCut project with 20 labels; or label frames of them."""

import argparse
import os.path as osp
import sys
from typing import List, Optional

from mmpose_dualteach.command_line import exit_code
from mmpose_dualteach.dev.walkthrough.drawn_mouse import correct, draw_example


def parse_args(arguments: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('-o', '--output', default='work_dirs/walkthrough', help='where to (default: %(default)s)')
    parser.add_argument(
        '--correct',
        metavar='SUGGESTED',
        help='in place of a labelling tool: the labels of what tools/suggest_labels.py has suggested of the videos, as '
        'corrected.json',
    )
    parser.add_argument('--seed', type=int, default=0, help='all is drawn from it (default 0)')
    return parser.parse_args(arguments)


def run(args: argparse.Namespace) -> None:
    if args.correct:
        path = osp.join(args.output, 'corrected.json')
        print(f'wrote {path} with the labels of {correct(args.correct, path, args.seed)} frames')
        return
    counts = draw_example(args.output, args.seed)
    told = ', '.join(f'{args.output}/{name} with {count} frames' for name, count in counts.items())
    print(f'wrote {told}; {args.output}/project with 20 labels, {args.output}/truth with 100')


def main(arguments: Optional[List[str]] = None) -> int:
    return exit_code(run, parse_args(arguments))


if __name__ == '__main__':
    sys.exit(main())
