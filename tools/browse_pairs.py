#!/usr/bin/env python
# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Draw easy and hard views exactly as the networks will get them."""

import argparse
import sys
from typing import List, Optional

import mmcv

from mmpose_dualteach.command_line import add_switch_options, exit_code, switched_config
from mmpose_dualteach.visualization.pair_sheet import pair_sheet


def parse_args(arguments: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Draw easy and hard views exactly as the networks will get them')
    add_switch_options(parser, switched=True)
    parser.add_argument('-o', '--output', default='pairs.png', help='the sheet to write (default pairs.png)')
    parser.add_argument('--count', type=int, default=12, help='how many instances (default 12)')
    parser.add_argument('--seed', type=int, default=0, help='default 0')
    return parser.parse_args(arguments)


def run(args: argparse.Namespace) -> None:
    if args.count < 1 or not args.output.lower().endswith(('.png', '.jpg', '.jpeg')):
        raise ValueError(f'--count {args.count} must be at least 1, and {args.output} a .png or .jpg file')
    mmcv.imwrite(pair_sheet(switched_config(args), args.count, args.seed), args.output)
    print(f'wrote {args.output}')


def main(arguments: Optional[List[str]] = None) -> int:
    return exit_code(run, parse_args(arguments))


if __name__ == '__main__':
    sys.exit(main())
