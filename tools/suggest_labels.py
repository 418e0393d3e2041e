#!/usr/bin/env python
# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Suggest which instances to label next."""

import argparse
import sys
from typing import List, Optional

from mmpose_dualteach.command_line import (
    add_look_options,
    add_unlabeled_options,
    exit_code,
    other_unlabeled,
)
from mmpose_dualteach.label_loop.instances import unlabeled_of
from mmpose_dualteach.label_loop.suggestions import STRATEGIES, suggest_labels
from mmpose_dualteach.utils.config_file import read_config
from mmpose_dualteach.utils.launch import launched


def parse_args(arguments: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Suggest which instances to label next: by default those that stand for many others'
    )
    add_look_options(parser)
    add_unlabeled_options(parser, required=False)
    parser.add_argument('--count', type=int, required=True, help='how many instances')
    parser.add_argument(
        '-o',
        '--output',
        required=True,
        help='COCO file of what was chosen, with joints to start from; beside it a sheet (.html) and a list (.txt)',
    )
    parser.add_argument(
        '--by', choices=STRATEGIES, default=STRATEGIES[0], help=f'what the choice goes by (default {STRATEGIES[0]})'
    )
    parser.add_argument('--seed', type=int, default=0, help='default 0')
    return parser.parse_args(arguments)


@launched
def run(args: argparse.Namespace) -> None:
    config = read_config(args.config)
    chosen = suggest_labels(
        config,
        args.checkpoint,
        unlabeled_of(config, other_unlabeled(args)),
        args.count,
        args.output,
        by=args.by,
        seed=args.seed,
        batch=args.batch,
        workers=args.workers,
        device=args.device,
    )
    for each in chosen[:5]:
        print(f'{each.rank}. {each.reason}')
    if chosen:
        print(f'wrote {len(chosen)} instances to {args.output}; look at {args.output}.html')


def main(arguments: Optional[List[str]] = None) -> int:
    return exit_code(run, parse_args(arguments))


if __name__ == '__main__':
    sys.exit(main())
