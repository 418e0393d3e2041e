#!/usr/bin/env python
# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Convert a checkpoint of the paper's released code to MMPose."""

import argparse
import sys
from typing import List, Optional

from mmpose_dualteach.command_line import exit_code
from mmpose_dualteach.engine.checkpoints.convert import convert
from mmpose_dualteach.utils.config_file import read_config


def parse_args(arguments: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Convert a checkpoint of the paper's released code (xierc/Semi_Human_Pose) to MMPose: for both "
        'networks of a switched config, or for the one of a stock config'
    )
    parser.add_argument('checkpoint', help='their final_state, model_best or checkpoint.pth.tar')
    parser.add_argument(
        'config',
        help='switched or stock top-down config with a HeatmapHead: a file, or a name such '
        'as mmpose::body_2d_keypoint/...; its training dataset says which of the 24 joints are taken',
    )
    parser.add_argument('-o', '--output', required=True, help='the checkpoint to write')
    parser.add_argument(
        '--network',
        type=int,
        choices=(1, 2),
        help='of two networks, the one that a config with one network gets (default 1)',
    )
    parser.add_argument(
        '--rgb',
        action='store_true',
        help="the file was trained with DATASET.COLOR_RGB: true, as no experiment of the authors' is",
    )
    return parser.parse_args(arguments)


def run(args: argparse.Namespace) -> None:
    lines = convert(args.checkpoint, read_config(args.config), args.output, args.network, args.rgb)
    print('\n'.join(lines))


def main(arguments: Optional[List[str]] = None) -> int:
    return exit_code(run, parse_args(arguments))


if __name__ == '__main__':
    sys.exit(main())
