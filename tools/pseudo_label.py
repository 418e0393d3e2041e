#!/usr/bin/env python
# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Label instances without labels by a student, or by the networks of a mutual-teaching run."""

import argparse
import sys
from typing import List, Optional

from mmengine.dist import is_main_process

from mmpose_dualteach.command_line import (
    add_look_options,
    add_unlabeled_options,
    exit_code,
    other_unlabeled,
)
from mmpose_dualteach.label_loop.coco import Choice
from mmpose_dualteach.label_loop.formats import FORMATS, beside
from mmpose_dualteach.label_loop.formats.label_studio import LOCAL_FILES
from mmpose_dualteach.label_loop.instances import unlabeled_of
from mmpose_dualteach.label_loop.pseudo_labels import pseudo_labels
from mmpose_dualteach.utils.config_file import read_config
from mmpose_dualteach.utils.launch import launched


def parse_args(arguments: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Label instances without labels by a student, or by the networks of a mutual-teaching run; goes on '
        'where it was interrupted'
    )
    add_look_options(parser)
    add_unlabeled_options(parser, required=False)
    parser.add_argument('-o', '--output', required=True, help='the file to write')
    parser.add_argument(
        '--format',
        choices=list(FORMATS),
        default='coco',
        help="COCO's own (default), or as a labelling tool imports it",
    )
    parser.add_argument(
        '--min-score', type=float, default=0.3, help='least score of a joint that becomes a label (default 0.3)'
    )
    parser.add_argument(
        '--agreement',
        type=float,
        metavar='SHARE',
        help="leave out joints that two networks see farther apart than this share of the box's longer side",
    )
    parser.add_argument('--draw', metavar='FOLDER', help='draw what is seen: videos, images, scores over time')
    parser.add_argument('--network', help="who labels: a network's name, mean or best (default: mean)")
    parser.add_argument(
        '--image-address',
        default=LOCAL_FILES,
        metavar='PREFIX',
        help=f'for Label Studio: what stands before names of images (default {LOCAL_FILES})',
    )
    return parser.parse_args(arguments)


@launched
def run(args: argparse.Namespace) -> None:
    config = read_config(args.config)
    counts = pseudo_labels(
        config,
        args.checkpoint,
        unlabeled_of(config, other_unlabeled(args)),
        args.output,
        choice=Choice(args.min_score, args.agreement),
        network=args.network,
        batch=args.batch,
        workers=args.workers,
        device=args.device,
        format_name=args.format,
        address=args.image_address,
        drawn=args.draw,
    )
    if not is_main_process():
        return
    print(
        f'wrote {counts.joints} joints of {counts.instances} instances on {counts.images} images to {args.output}; '
        f'left out {counts.left_out} joints; names of images are relative to {counts.folder or "."}'
    )
    if args.draw:
        print(f'drew what is seen into {args.draw}')
    form = FORMATS[args.format]
    if form.beside:
        print(f'wrote {beside(args.output, form)}: {form.beside.hint}')


def main(arguments: Optional[List[str]] = None) -> int:
    return exit_code(run, parse_args(arguments))


if __name__ == '__main__':
    sys.exit(main())
