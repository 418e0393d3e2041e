# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What several command lines share: the options of the switch, and errors in one line."""
import argparse
import os
import os.path as osp
import pprint
import sys
from typing import Callable, Union

from mmengine.config import Config, DictAction

from mmpose_dualteach.switch import WRAPPER, mutual_teaching
from mmpose_dualteach.whole_files import whole_file

OVERLAY = '''_base_ = {base!r}
from mmpose_dualteach.switch import WRAPPER, mutual_teaching

globals().update(mutual_teaching(_base_, **{options}))
'''


def add_switch_options(parser: argparse.ArgumentParser, switched: bool = False) -> None:
    """Add the options of the switch; with ``switched`` the config may have been switched before."""
    parser.add_argument('config', help=('switched config, or ' if switched else '')
                        + 'stock config: a file, or a name such as mmpose::body_2d_keypoint/...')
    parser.add_argument('--labeled', help="labelled annotation file (default: the stock config's)")
    parser.add_argument('--labeled-images', help="folder of the labelled images (default: the stock config's)")
    parser.add_argument('--unlabeled', required=not switched,
                        help='people without labels: a COCO-format .json, a folder of images and videos, or a video')
    parser.add_argument('--unlabeled-images', help="folder of the images of --unlabeled (default: the stock config's)")
    parser.add_argument('--boxes', help='detections for --unlabeled in COCO result format; see tools/detect_boxes.py')
    parser.add_argument('--max-broken', type=float, metavar='SHARE',
                        help='largest share of people without labels that may be unusable (default 0.1)')
    add_access_options(parser)
    parser.add_argument('--box-score', type=float, help='least score of a detection (default 0)')
    parser.add_argument('--box-category', nargs='+', type=_number_or_name, metavar='CATEGORY',
                        help='ids or names of the categories to take (default: those with keypoints; of detections, 1)')
    parser.add_argument('--box-area', type=float, help='least area of a box in square pixels (default 0)')
    add_video_options(parser)
    parser.add_argument('--batch', type=int, nargs=2, metavar=('LABELED', 'UNLABELED'),
                        help='people of either kind in a batch (default: the stock batch size of each)')
    parser.add_argument('--epoch', choices=('unlabeled', 'labeled'), default='unlabeled',
                        help='the set that an epoch passes over')
    parser.add_argument('--burn-in', type=float, default=0, help='supervised-only epochs')
    parser.add_argument('--ramp-up', type=float, default=0, help='ramp-up epochs of the pseudo loss')
    parser.add_argument('--joint-cutout', action='store_true', help='cover joints on the hard view')
    parser.add_argument('--rand-augment', type=float, metavar='MAGNITUDE',
                        help='photometric RandAugment on the hard view: two operations of this magnitude, 0 to 30')


def add_access_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what may be read, and how."""
    parser.add_argument('--allow-outside', action='store_true',
                        help='open absolute names in an annotation file, and links that lead out of the folder')
    parser.add_argument('--backend-args', nargs='+', action=DictAction, metavar='KEY=VALUE',
                        help="of mmengine's storage backend for people without labels: backend=petrel, for instance")


def add_video_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose frames of videos."""
    parser.add_argument('--frame-every', type=int, metavar='N', help='of videos, every n-th frame')
    parser.add_argument('--frame-rate', type=float, help='of videos, frames a second (default 2)')
    parser.add_argument('--frame-change', type=float, metavar='GREYS',
                        help='drop frames that differ by less from the last one taken (default 2 of 255; 0 drops none)')
    parser.add_argument('--frames', metavar='FOLDER', help="write videos' frames there, once; reading is faster then")


def video_options(options: argparse.Namespace) -> dict:
    """The arguments of :class:`FrameChoice` that the command line names."""
    video = dict(every=options.frame_every, rate=options.frame_rate, min_change=options.frame_change,
                 folder=options.frames and osp.abspath(options.frames))
    return {key: value for key, value in video.items() if value is not None}


def switch_options(options: argparse.Namespace) -> dict:
    """The arguments of :func:`mmpose_dualteach.switch.mutual_teaching` that the command line names."""
    unlabeled = dict()
    if options.unlabeled.endswith('.json'):
        unlabeled['ann_file'] = _here(options.unlabeled)
    else:
        unlabeled.update(data_root='', ann_file='', data_prefix=dict(img=_here(options.unlabeled)))
    if options.unlabeled_images:
        unlabeled['data_prefix'] = dict(img=_here(options.unlabeled_images))
    if options.boxes:
        unlabeled['bbox_file'] = _here(options.boxes)
    named = dict(bbox_thr=options.box_score, category=options.box_category, min_area=options.box_area,
                 video=video_options(options) or None, max_broken=options.max_broken,
                 allow_outside=options.allow_outside or None, backend_args=options.backend_args)
    unlabeled.update({key: value for key, value in named.items() if value is not None})
    chosen = dict(unlabeled=unlabeled)
    if options.labeled:
        chosen['labeled'] = dict(ann_file=_here(options.labeled))
        if options.labeled_images:
            chosen['labeled']['data_prefix'] = dict(img=_here(options.labeled_images))
    if options.batch:
        chosen['batch'] = tuple(options.batch)
    if options.epoch != 'unlabeled':
        chosen['epoch'] = options.epoch
    hook = {key: value for key, value in (('burn_in', options.burn_in), ('ramp_up', options.ramp_up)) if value}
    if hook:
        chosen['hook'] = hook
    if options.joint_cutout:
        chosen['model'] = dict(joint_cutout=dict())
    if options.rand_augment:
        chosen['rand_augment'] = dict(num=2, magnitude=options.rand_augment)
    return chosen


def is_switched(options: argparse.Namespace, config: Config) -> bool:
    """Whether the config that is named has been switched to mutual teaching.

    Raises:
        ValueError: If it has and people are named again, or it has not and they are not.
    """
    if config.get('model', {}).get('type') == WRAPPER:
        if options.unlabeled or options.labeled or options.boxes:
            raise ValueError(f'{options.config} is switched to mutual teaching already and names its own people; leave '
                             '--unlabeled, --labeled and --boxes out, or give the stock config')
        return True
    if not options.unlabeled:
        raise ValueError(f'{options.config} is not switched to mutual teaching; name its people by --unlabeled, or '
                         'give a switched config')
    return False


def named_config(options: argparse.Namespace) -> Config:
    """The config that a command line names, a file or a name such as ``mmpose::...``."""
    return stock_of(_base(options))


def _base(options: argparse.Namespace) -> str:
    return options.config if '::' in options.config else osp.abspath(options.config)


def write_overlay(options: argparse.Namespace, path: str) -> str:
    """Write an overlay file, after trying that it works.

    Args:
        options (argparse.Namespace): See :func:`add_switch_options`.
        path (str): The file to write.

    Returns:
        str: ``path``.

    Raises:
        ValueError: If the config cannot be switched; names the reason and the remedy.
        FileNotFoundError: If the config does not exist.
    """
    base = _base(options)
    chosen = switch_options(options)
    mutual_teaching(stock_of(base), **chosen)
    os.makedirs(osp.dirname(osp.abspath(path)), exist_ok=True)
    with whole_file(path) as overlay:
        overlay.write(OVERLAY.format(base=base, options=pprint.pformat(chosen, width=110, sort_dicts=False)))
    return path


def stock_of(base: str) -> Config:
    """Read a config by path or by ``mmpose::`` name.

    Raises:
        FileNotFoundError: If it does not exist; names it.
    """
    if '::' in base:
        from mmengine.hub import get_config
        return get_config(base)
    if not osp.isfile(base):
        raise FileNotFoundError(f'config {base} does not exist; give a file or a name such as '
                                'mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py')
    return Config.fromfile(base)


def in_one_line(action: Callable[[], object]) -> int:
    """Do it; turn an error that explains itself into one line and an exit code."""
    try:
        action()
    except (ValueError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    return 0


def _number_or_name(text: str) -> Union[int, str]:
    return int(text) if text.isdecimal() else text


def _here(path: str) -> str:
    """An absolute path if it exists from here; otherwise as given, for the config's data_root."""
    return osp.abspath(path) if osp.exists(path) else path
