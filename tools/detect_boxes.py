#!/usr/bin/env python
# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Detect boxes for images without labels by any mmdet model."""

import argparse
import sys
from typing import List, Optional

from mmpose_dualteach.command_line import add_access_options, add_video_options, exit_code, video_options
from mmpose_dualteach.prepare.detect import detect_boxes
from mmpose_dualteach.prepare.detection_file import in_words
from mmpose_dualteach.utils.config_file import read_config


def parse_args(arguments: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Detect people, or other categories, with any mmdet model and write a '
        "detection file in COCO's result format; goes on where it was interrupted"
    )
    parser.add_argument(
        'config', help="the detector's config: a file, or a name such as mmdet::rtmdet/rtmdet_m_8xb32-300e_coco.py"
    )
    parser.add_argument('checkpoint', help='its weights, a file')
    parser.add_argument('source', help='a folder of images and videos, a video, or a COCO-style list of images (.json)')
    parser.add_argument('--images', default='', metavar='FOLDER', help='the folder of images of a list')
    parser.add_argument('-o', '--output', required=True, help='the file to write')
    parser.add_argument('--score', type=float, default=0.3, help='least score of a box (default 0.3)')
    parser.add_argument('--category', nargs='+', default=['person'], help='classes to keep (default: person)')
    parser.add_argument('--max', type=int, default=100, help='most boxes of an image (default 100)')
    parser.add_argument('--batch', type=int, default=8, help='images at a time (default 8)')
    parser.add_argument('--device', help='default: a GPU if there is one')
    add_video_options(parser)
    add_access_options(parser)
    return parser.parse_args(arguments)


def run(args: argparse.Namespace) -> None:
    counts = detect_boxes(
        read_config(args.config),
        args.checkpoint,
        args.source,
        args.output,
        images=args.images,
        score=args.score,
        categories=args.category,
        most=args.max,
        batch=args.batch,
        device=args.device,
        video=video_options(args),
        backend_args=args.backend_args,
        allow_outside=args.allow_outside,
    )
    print(in_words(counts, args.output))


def main(arguments: Optional[List[str]] = None) -> int:
    return exit_code(run, parse_args(arguments))


if __name__ == '__main__':
    sys.exit(main())
