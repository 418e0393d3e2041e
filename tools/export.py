#!/usr/bin/env python
# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Write one network of a mutual-teaching checkpoint as an ordinary MMPose checkpoint."""

import argparse
import sys
from typing import List, Optional

from mmpose_dualteach.engine.checkpoints.export import export
from mmpose_dualteach.utils.command_line import exit_code


def parse_args(arguments: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Write one network of a mutual-teaching checkpoint as an ordinary MMPose checkpoint'
    )
    parser.add_argument('checkpoint', help='checkpoint of a mutual-teaching run')
    parser.add_argument('--network', default='best', help="a network's name, or 'best' (default)")
    parser.add_argument('-o', '--output', required=True, help='the checkpoint to write')
    return parser.parse_args(arguments)


def run(args: argparse.Namespace) -> None:
    network = export(args.checkpoint, args.network, args.output)
    print(f'wrote network {network} to {args.output}')


def main(arguments: Optional[List[str]] = None) -> int:
    return exit_code(run, parse_args(arguments))


if __name__ == '__main__':
    sys.exit(main())
