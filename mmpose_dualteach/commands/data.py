# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Command lines for what comes before training: splits, boxes, a look at the views, a scan of the images."""
import argparse
from typing import List, Optional

from mmengine.config import Config

from mmpose_dualteach.switch import mutual_teaching
from mmpose_dualteach.whole_files import write_json

from .options import (
    add_access_options,
    add_switch_options,
    add_video_options,
    in_one_line,
    is_switched,
    named_config,
    stock_of,
    switch_options,
    video_options,
)


def split_labels(arguments: Optional[List[str]] = None) -> int:
    """``tools/split_labels.py``: a labelled and an unlabelled file of one."""
    from mmpose_dualteach.prepare import split
    parser = argparse.ArgumentParser(
        description='Split an annotation file into labeled.json and unlabeled.json, the same on every machine')
    parser.add_argument('annotations', help="COCO-format file, or MPII's list of people")
    parser.add_argument('--labeled', type=float, required=True, metavar='N',
                        help='people that keep their labels, or a share of all below 1')
    parser.add_argument('--unit', choices=split.UNITS, default='people',
                        help="what N counts: labelled people, as the paper does (default), or images that have some")
    parser.add_argument('--seed', type=int, default=0, help='default 0')
    parser.add_argument('--share-images', action='store_true', help='people of one image may be on either side')
    parser.add_argument('-o', '--output', required=True, metavar='FOLDER',
                        help='gets labeled.json, unlabeled.json and manifest.json')
    options = parser.parse_args(arguments)

    def write() -> None:
        manifest = split.split_labels(options.annotations, options.labeled, options.output, options.seed,
                                      options.unit, options.share_images)
        print('\n'.join(split.in_words(manifest)))

    return in_one_line(write)


def detect_boxes(arguments: Optional[List[str]] = None) -> int:
    """``tools/detect_boxes.py``: boxes for people without labels, by a detector of mmdet."""
    parser = argparse.ArgumentParser(description='Detect people with any mmdet model and write a detection file in '
                                     "COCO's result format; goes on where it was interrupted")
    parser.add_argument('config', help="the detector's config: a file, or a name such as "
                        'mmdet::rtmdet/rtmdet_m_8xb32-300e_coco.py')
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
    options = parser.parse_args(arguments)

    def detect() -> None:
        from mmpose_dualteach.prepare import detect  # Imports all of mmdet.
        counts = detect.detect_boxes(
            stock_of(options.config), options.checkpoint, options.source, options.output, images=options.images,
            score=options.score, categories=options.category, most=options.max, batch=options.batch,
            device=options.device, video=video_options(options), backend_args=options.backend_args,
            allow_outside=options.allow_outside)
        print(f'wrote {options.output}: {counts["boxes"]} boxes on {counts["images"]} images')
        if counts['unusable']:
            print(f'{counts["unusable"]} images or files could not be used, see {options.output}.skipped.json')

    return in_one_line(detect)


def browse_pairs(arguments: Optional[List[str]] = None) -> int:
    """``tools/browse_pairs.py``: a sheet of easy and hard views."""
    parser = argparse.ArgumentParser(description='Draw easy and hard views exactly as the networks will get them')
    add_switch_options(parser, switched=True)
    parser.add_argument('-o', '--output', default='pairs.png', help='the sheet to write (default pairs.png)')
    parser.add_argument('--people', type=int, default=12, help='how many (default 12)')
    parser.add_argument('--seed', type=int, default=0, help='default 0')
    options = parser.parse_args(arguments)

    def browse() -> None:
        if options.people < 1 or not options.output.lower().endswith(('.png', '.jpg', '.jpeg')):
            raise ValueError(f'--people {options.people} must be at least 1, and {options.output} a .png or .jpg file')
        import mmcv

        from mmpose_dualteach.prepare.browse import pair_sheet
        mmcv.imwrite(pair_sheet(switched_config(options), options.people, options.seed), options.output)
        print(f'wrote {options.output}')

    return in_one_line(browse)


def check_data(arguments: Optional[List[str]] = None) -> int:
    """``tools/check_data.py``: a scan of all images and boxes."""
    parser = argparse.ArgumentParser(
        description='Look at every image and box of a training set and list all that cannot be used or is unusual; '
                    'exits with 1 if training would stop because of it')
    add_switch_options(parser, switched=True)
    parser.add_argument('--json', metavar='FILE', help='write everything, with every path')
    parser.add_argument('--jobs', type=int, help='threads (default: two a core)')
    options = parser.parse_args(arguments)
    broken: List[str] = []

    def check() -> None:
        from mmpose_dualteach.prepare.scan import as_json, in_words, scan
        scans = scan(switched_config(options), options.jobs)
        print('\n'.join(in_words(scans)))
        broken.extend(name for name, found in scans.items() if found.stops)
        if options.json:
            write_json(as_json(scans), options.json, indent=1)

    return in_one_line(check) or int(bool(broken))


def switched_config(options: argparse.Namespace) -> Config:
    """The config that is named, switched here where it is a stock one.

    Raises:
        ValueError: If a stock config comes without ``--unlabeled``.
    """
    config = named_config(options)
    if not is_switched(options, config):
        config.merge_from_dict(mutual_teaching(config, **switch_options(options)))
    return config
