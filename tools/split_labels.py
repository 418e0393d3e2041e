#!/usr/bin/env python
# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Split an annotation file into a labelled and an unlabelled one."""

import argparse
import sys
from typing import List, Optional

from mmpose_dualteach.command_line import exit_code
from mmpose_dualteach.prepare.split import UNITS, split_in_words, split_labels


def parse_args(arguments: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Split an annotation file into labeled.json and unlabeled.json, the same on every machine'
    )
    parser.add_argument('annotations', help="COCO-format file, or MPII's list of instances")
    parser.add_argument(
        '--labeled',
        type=float,
        required=True,
        metavar='N',
        help='instances that keep their labels, or a share of all below 1',
    )
    parser.add_argument(
        '--unit',
        choices=UNITS,
        default=UNITS[0],
        help='what N counts: labelled instances, as the paper does (default), or images that have some',
    )
    parser.add_argument('--seed', type=int, default=0, help='default 0')
    parser.add_argument('--share-images', action='store_true', help='instances of one image may be on either side')
    parser.add_argument(
        '-o', '--output', required=True, metavar='FOLDER', help='gets labeled.json, unlabeled.json and manifest.json'
    )
    return parser.parse_args(arguments)


def run(args: argparse.Namespace) -> None:
    manifest = split_labels(args.annotations, args.labeled, args.output, args.seed, args.unit, args.share_images)
    print('\n'.join(split_in_words(manifest)))


def main(arguments: Optional[List[str]] = None) -> int:
    return exit_code(run, parse_args(arguments))


if __name__ == '__main__':
    sys.exit(main())
