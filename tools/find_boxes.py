#!/usr/bin/env python
# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Find one box a frame without a detector: what moves, a fixed region, or the joints that a network follows."""

import argparse
import sys
from typing import List, Optional

from mmpose_dualteach.command_line import add_video_options, exit_code, video_options
from mmpose_dualteach.label_loop.one_box import seen_in_box
from mmpose_dualteach.prepare.detection_file import in_words
from mmpose_dualteach.prepare.find_boxes import find_boxes
from mmpose_dualteach.utils.config_file import read_config


def parse_args(arguments: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Find the box of one animal or person in every frame, without a detector: what moves in front of a '
        'camera that stands still (the default), a fixed region, or the joints that a network follows'
    )
    parser.add_argument('source', help='a folder of images and videos, or a video')
    parser.add_argument('-o', '--output', required=True, help='the file to write')
    parser.add_argument(
        '--region',
        type=float,
        nargs=4,
        metavar=('LEFT', 'TOP', 'WIDTH', 'HEIGHT'),
        help='this box, in pixels; with --joints, of the first frame and wherever joints are lost',
    )
    parser.add_argument(
        '--joints',
        nargs=2,
        metavar=('CONFIG', 'CHECKPOINT'),
        help="a run or a student: a box is that of the joints it sees in the last frame's box (take --frame-every 1)",
    )
    parser.add_argument('--network', help="of a run, who looks: a network's name, mean or best (default: mean)")
    parser.add_argument(
        '--margin', type=float, default=0.1, help='added to either side, in shares of a box (default 0.1)'
    )
    parser.add_argument('--device', help='default: a GPU if there is one')
    parser.add_argument('--allow-outside', action='store_true', help='open links that lead out of the folder')
    add_video_options(parser)
    return parser.parse_args(arguments)


def run(args: argparse.Namespace) -> None:
    see = None
    if args.joints:
        config, checkpoint = args.joints
        see = seen_in_box(read_config(config), checkpoint, args.network, args.device)
    counts = find_boxes(
        args.source,
        args.output,
        region=args.region,
        see=see,
        margin=args.margin,
        video=video_options(args),
        allow_outside=args.allow_outside,
    )
    print(in_words(counts, args.output))
    without = counts['images'] - counts['boxes']
    if args.region is None and without:
        print(
            f'{without} images have no box: nothing moves there, as a camera that stands still would see it. For '
            'photos and moving cameras give --region, or use tools/detect_boxes.py'
        )


def main(arguments: Optional[List[str]] = None) -> int:
    return exit_code(run, parse_args(arguments))


if __name__ == '__main__':
    sys.exit(main())
