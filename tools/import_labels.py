#!/usr/bin/env python
# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Import labels of DeepLabCut, Lightning Pose or SLEAP, and write a stock config that trains on them."""

import argparse
import shlex
import sys
from typing import List, Optional

from mmpose_dualteach.command_line import exit_code
from mmpose_dualteach.prepare.importing import import_labels
from mmpose_dualteach.prepare.importing.import_labels import BASE


def parse_args(arguments: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'sources',
        nargs='+',
        metavar='SOURCE',
        help='a DeepLabCut project; tables of labels of DeepLabCut or Lightning Pose (.csv, .h5); or a COCO file with '
        'keypoints, such as SLEAP exports',
    )
    parser.add_argument('-o', '--output', required=True, metavar='FOLDER', help='where files are written')
    parser.add_argument(
        '--images', metavar='FOLDER', help='what names of images are relative to (default: where they are found)'
    )
    parser.add_argument('--val', type=float, default=0.2, help='share of the images for validation (default 0.2)')
    parser.add_argument('--seed', type=int, default=0, help='which images those are depends on it (default 0)')
    parser.add_argument(
        '--base',
        default=BASE,
        metavar='CONFIG',
        help='the stock config to take, top-down or one-stage (RTMO), of a single dataset (default: %(default)s)',
    )
    return parser.parse_args(arguments)


def run(args: argparse.Namespace) -> None:
    found = import_labels(args.sources, args.output, args.images, args.val, args.seed, args.base)
    pairs = ', '.join(f'{one}/{other}' for one, other in found.swaps.items() if one < other)
    print(
        f'{found.instances["train"]} instances on {found.images["train"]} images to learn from, '
        f'{found.instances["val"]} on {found.images["val"]} for validation; {len(found.joints)} joints'
    )
    print(
        f'mirrored pairs: {pairs}'
        if pairs
        else "mirrored pairs: none, by the joints' names; where left and right differ, set swap in metainfo.py, or "
        'take RandomFlip out of the pipeline'
    )
    if found.unpaired:
        print(
            f'of one side by their names, but without a counterpart: {", ".join(found.unpaired)}; where they have one, '
            'set swap in metainfo.py'
        )
    for line in found.left_out:
        print(f'left out: {line}', file=sys.stderr)
    for path in found.kept:
        print(f'kept: {path}, which is not what is written now; remove it to have it written anew', file=sys.stderr)
    said = 'kept' if found.config in found.kept else 'wrote'
    unlabeled = ['--unlabeled', 'VIDEOS_OR_IMAGES', '--boxes', 'BOXES.json']
    print(f'{said} {found.config}: {shlex.join(["python", "tools/train.py", found.config, *unlabeled])}')
    print(
        'boxes are of tools/detect_boxes.py or tools/find_boxes.py; leave them out where one animal or person fills '
        'each image'
    )


def main(arguments: Optional[List[str]] = None) -> int:
    return exit_code(run, parse_args(arguments))


if __name__ == '__main__':
    sys.exit(main())
