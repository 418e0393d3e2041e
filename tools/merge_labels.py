#!/usr/bin/env python
# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Add corrected labels to the labelled set, and take them out of the unlabelled one."""

import argparse
import shlex
import sys
from typing import List, Optional

from mmpose_dualteach.command_line import exit_code
from mmpose_dualteach.label_loop.corrections import merge_labels
from mmpose_dualteach.label_loop.image_names import common_root


def parse_args(arguments: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Add corrected labels to the labelled set, and take them out of the unlabelled one'
    )
    parser.add_argument('--labeled', required=True, help='the labelled annotation file, in COCO format')
    parser.add_argument(
        '--corrected', required=True, help="what a labelling tool exports: COCO format, or Label Studio's own JSON"
    )
    parser.add_argument('--unlabeled', help='the unlabelled annotation file, in COCO format')
    parser.add_argument(
        '--images',
        nargs=2,
        metavar=('LABELED', 'CORRECTED'),
        help='folder of the labelled images, and that of the corrected and unlabelled ones, where these are two; '
        'images are then named from the folder that holds both',
    )
    parser.add_argument('--share-images', action='store_true', help='instances of one image may be on either side')
    parser.add_argument('-o', '--output', required=True, metavar='FOLDER', help='gets labeled.json and unlabeled.json')
    return parser.parse_args(arguments)


def run(args: argparse.Namespace) -> None:
    counts = merge_labels(args.labeled, args.corrected, args.output, args.unlabeled, args.share_images, args.images)
    left = f'; {counts["unlabeled"]} instances are still unlabelled' if args.unlabeled else ''
    print(
        f'{counts["replaced"]} labelled instances were corrected and {counts["new"]} are new, {counts["labeled"]} in '
        f'all{left}: {args.output}'
    )
    if counts['renamed']:
        print(f'{counts["renamed"]} corrected images were known by the end of their paths, with fewer folders or more')
    if args.images:
        root = common_root(args.images)
        options = ['--labeled-images', root, *(['--unlabeled-images', root] if args.unlabeled else [])]
        print(f'images are named from {root}: {shlex.join(options)}')


def main(arguments: Optional[List[str]] = None) -> int:
    return exit_code(run, parse_args(arguments))


if __name__ == '__main__':
    sys.exit(main())
