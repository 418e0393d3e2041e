# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What several tools share: the options of the switch, reading configs, and errors in one line."""

import argparse
import os
import os.path as osp
import sys
from typing import Any, Callable, Dict, Optional, Sequence, Union

from mmengine.config import Config, DictAction

from mmpose_dualteach.methods import DEFAULT, find_method, method_names
from mmpose_dualteach.switch import is_switched, mutual_teaching
from mmpose_dualteach.utils.config_file import read_config
from mmpose_dualteach.utils.errors import of_file

# Options by their names in the parsed command line: those of the unlabelled set, and all of the switch.
UNLABELED_OPTIONS = (
    *('unlabeled_images', 'boxes', 'max_broken', 'allow_outside', 'backend_args', 'box_score', 'box_category'),
    *('box_area', 'frame_every', 'frame_rate', 'frame_change', 'frames'),
)
SWITCH_OPTIONS = (
    *('labeled', 'labeled_images', 'unlabeled', *UNLABELED_OPTIONS),
    *('batch', 'epoch', 'method', 'baseline', 'burn_in', 'ramp_up', 'joint_cutout', 'rand_augment'),
)


def add_switch_options(parser: argparse.ArgumentParser, switched: bool = False) -> None:
    """Add the options of the switch; with ``switched`` the config may have been switched before."""
    parser.add_argument(
        'config',
        help=('switched config, or ' if switched else '')
        + 'stock config: a file, or a name such as mmpose::body_2d_keypoint/...',
    )
    parser.add_argument('--labeled', help="labelled annotation file (default: the stock config's)")
    parser.add_argument('--labeled-images', help="folder of the labelled images (default: the stock config's)")
    add_unlabeled_options(parser, required=not switched)
    parser.add_argument(
        '--batch',
        type=int,
        nargs=2,
        metavar=('LABELED', 'UNLABELED'),
        help='instances of either kind in a batch (default: the stock batch size of each)',
    )
    parser.add_argument(
        '--epoch', choices=('unlabeled', 'labeled'), help='the set that an epoch passes over (default unlabeled)'
    )
    parser.add_argument('--method', choices=method_names(), help=f'who teaches whom, and how (default {DEFAULT})')
    parser.add_argument(
        '--baseline',
        action='store_true',
        help='let one more network learn from the labels alone, so that every validation tells what teaching is worth',
    )
    parser.add_argument('--burn-in', type=_length, help='supervised-only epochs, or a share of the run such as 20%%')
    parser.add_argument('--ramp-up', type=_length, help='ramp-up epochs of the pseudo loss, or a share of the run')
    parser.add_argument('--joint-cutout', action='store_true', help='cover joints on the hard view')
    parser.add_argument(
        '--rand-augment',
        type=float,
        metavar='MAGNITUDE',
        help='photometric RandAugment on the hard view: two operations of this magnitude, up to 30 (default 20; 0 is '
        'none)',
    )


def add_unlabeled_options(parser: argparse.ArgumentParser, required: bool) -> None:
    """Add the options that name instances without labels."""
    parser.add_argument(
        '--unlabeled',
        required=required,
        help='instances without labels: a COCO-format .json, a folder of images and videos, or a video',
    )
    parser.add_argument('--unlabeled-images', help="folder of the images of --unlabeled (default: the stock config's)")
    parser.add_argument('--boxes', help='detections for --unlabeled in COCO result format; see tools/detect_boxes.py')
    parser.add_argument(
        '--max-broken',
        type=float,
        metavar='SHARE',
        help='largest share of unlabelled instances that may be unusable (default 0.1)',
    )
    add_access_options(parser)
    parser.add_argument('--box-score', type=float, help='least score of a detection (default 0)')
    parser.add_argument(
        '--box-category',
        nargs='+',
        type=_number_or_name,
        metavar='CATEGORY',
        help='ids or names of the categories to take (default: those with keypoints; of detections, 1)',
    )
    parser.add_argument('--box-area', type=float, help='least area of a box in square pixels (default 0)')
    add_video_options(parser)


def add_look_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of tools that let networks look at instances without labels."""
    parser.add_argument('config', help="the run's config, or the stock config of a student")
    parser.add_argument('checkpoint', help='a checkpoint of the run, or the student')
    parser.add_argument('--batch', type=int, default=32, help='instances at a time (default 32)')
    parser.add_argument('--workers', type=int, default=2, help='processes that read images (default 2)')
    parser.add_argument('--device', help='default: a GPU if there is one')
    parser.add_argument(
        '--launcher', choices=('none', 'pytorch', 'slurm', 'mpi'), default='none', help='for one process a GPU'
    )
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)


def add_access_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what may be read, and how."""
    parser.add_argument(
        '--allow-outside',
        action='store_true',
        help='open absolute names in an annotation file, and links that lead out of the folder',
    )
    parser.add_argument(
        '--backend-args',
        nargs='+',
        type=key_value,
        action=DictAction,
        metavar='KEY=VALUE',
        help="of mmengine's storage backend for unlabelled images: backend=petrel, for instance",
    )


def add_video_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose frames of videos."""
    parser.add_argument('--frame-every', type=int, metavar='N', help='of videos, every n-th frame')
    parser.add_argument('--frame-rate', type=float, help='of videos, frames a second (default 2)')
    parser.add_argument(
        '--frame-change',
        type=float,
        metavar='GREYS',
        help='drop frames that differ by less from the last one taken (default 2 of 255; 0 drops none)',
    )
    parser.add_argument('--frames', metavar='FOLDER', help="write videos' frames there, once; reading is faster then")


def video_options(args: argparse.Namespace) -> dict:
    """The arguments of :class:`FrameSelection` that the command line names."""
    video = dict(
        every=args.frame_every,
        rate=args.frame_rate,
        min_change=args.frame_change,
        folder=args.frames and osp.abspath(args.frames),
    )
    return {key: value for key, value in video.items() if value is not None}


def unlabeled_options(args: argparse.Namespace) -> dict:
    """The arguments of :class:`UnlabeledPoseDataset` that the command line names."""
    unlabeled: Dict[str, Any] = dict()
    if args.unlabeled.endswith('.json'):
        unlabeled['ann_file'] = _here(args.unlabeled)
    else:
        unlabeled.update(data_root='', ann_file='', data_prefix=dict(img=_here(args.unlabeled)))
    if args.unlabeled_images:
        if 'ann_file' in unlabeled and not unlabeled['ann_file']:
            raise ValueError(
                f'--unlabeled-images: --unlabeled {args.unlabeled} is a folder of images itself; leave one out'
            )
        unlabeled['data_prefix'] = dict(img=_here(args.unlabeled_images))
    if args.boxes:
        unlabeled['bbox_file'] = _here(args.boxes)
    named = dict(
        bbox_thr=args.box_score,
        category=args.box_category,
        min_area=args.box_area,
        video=video_options(args) or None,
        max_broken=args.max_broken,
        allow_outside=args.allow_outside or None,
        backend_args=args.backend_args,
    )
    unlabeled.update({key: value for key, value in named.items() if value is not None})
    return unlabeled


def other_unlabeled(args: argparse.Namespace) -> Optional[dict]:
    """The unlabelled set that the command line names in place of the config's, if it does.

    Raises:
        ValueError: If it says something of a set that it does not name.
    """
    if args.unlabeled:
        return unlabeled_options(args)
    given = _given(args, UNLABELED_OPTIONS)
    if given:
        raise ValueError(f"{given} would change nothing of the config's own unlabelled set; name one by --unlabeled")
    return None


def switch_options(args: argparse.Namespace) -> dict:
    """The arguments of :func:`mmpose_dualteach.switch.mutual_teaching` that the command line names."""
    chosen: Dict[str, Any] = dict(unlabeled=unlabeled_options(args))
    labeled: Dict[str, Any] = dict(ann_file=_here(args.labeled)) if args.labeled else {}
    if args.labeled_images:
        labeled['data_prefix'] = dict(img=_here(args.labeled_images))
    if labeled:
        chosen['labeled'] = labeled
    if args.batch:
        chosen['batch'] = tuple(args.batch)
    if args.epoch:
        chosen['epoch'] = args.epoch
    if args.method:
        chosen['method'] = args.method
    if args.baseline:
        chosen['baseline'] = True
    hook = {key: value for key, value in (('burn_in', args.burn_in), ('ramp_up', args.ramp_up)) if value is not None}
    if hook:
        chosen['hook'] = hook
    if args.joint_cutout:
        if find_method(args.method or DEFAULT).options.get('model', {}).get('paths'):
            raise ValueError(f'--joint-cutout: method {args.method} has occlusions of its own; leave it out')
        chosen['model'] = dict(paths=[[dict(type='JointCutout')]])
    if args.rand_augment is not None:
        chosen['rand_augment'] = dict(num=2, magnitude=args.rand_augment) if args.rand_augment else False
    return chosen


def check_switch_options(args: argparse.Namespace, config: Config) -> None:
    """Check that the options of the switch are given where they are needed, and only there.

    Args:
        args (argparse.Namespace): See :func:`add_switch_options`.
        config (Config): The config that is named.

    Raises:
        ValueError: If it is switched and data are named again, or it is not and they are not.
    """
    if is_switched(config):
        given = _given(args, SWITCH_OPTIONS)
        if given:
            raise ValueError(
                f'{args.config} is switched to mutual teaching already, so {given} would change nothing; leave that '
                'out, change the config by --cfg-options, or give the stock config'
            )
    elif not args.unlabeled:
        raise ValueError(
            f'{args.config} is not switched to mutual teaching; name unlabelled images by --unlabeled, or '
            'give a switched config'
        )


def switched_config(args: argparse.Namespace) -> Config:
    """The config that is named, switched here where it is a stock one.

    Raises:
        ValueError: If a stock config comes without ``--unlabeled``.
    """
    config = read_config(args.config)
    check_switch_options(args, config)
    if not is_switched(config):
        config.merge_from_dict(mutual_teaching(config, **switch_options(args)))
    return config


def exit_code(action: Callable[[Any], Optional[int]], args: Any) -> int:
    """Run a tool; an error that explains itself becomes one line, and output that nobody reads (``| head``) none.

    Args:
        action (Callable): Takes ``args``; what it returns is the exit code, None is 0.
        args (Any): The command line, parsed or not.

    Returns:
        int: The exit code, 1 after an error.
    """
    code, wrong, read = 0, None, True
    try:
        code = action(args) or 0
    except (ValueError, OSError) as error:
        code, wrong = 1, error
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # For what Python flushes at its end.
        code, read = 1, False
    if wrong and (read or not isinstance(wrong, BrokenPipeError)):
        print(f'error: {of_file(wrong) if isinstance(wrong, OSError) else wrong}', file=sys.stderr)
    return code


def _given(args: argparse.Namespace, names: Sequence[str]) -> str:
    """Those of some options that are given, as they are written."""
    given = [name for name in names if getattr(args, name) is not None and getattr(args, name) is not False]
    return ', '.join(f'--{name.replace("_", "-")}' for name in given)


def key_value(text: str) -> str:
    """An option that is a key and its value, for ``type``."""
    if '=' not in text:
        raise argparse.ArgumentTypeError(f'{text!r} is no KEY=VALUE; write both, without a space around the =')
    return text


def _number_or_name(text: str) -> Union[int, str]:
    return int(text) if text.isdecimal() else text


def _length(text: str) -> Union[float, str]:
    try:
        return text if text.endswith('%') else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number nor a share such as '20%'") from None


def _here(path: str) -> str:
    """An absolute path if it exists from here; otherwise as given, for the config's data_root."""
    return osp.abspath(path) if osp.exists(path) else path
