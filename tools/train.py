#!/usr/bin/env python
# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Switch a stock config to mutual teaching and train it, with every option of MMPose's own train.py."""

import argparse
import inspect
import os.path as osp
import re
import runpy
import sys
from typing import List, Optional

import torch
from mmengine.config import Config

from mmpose_dualteach.command_line import (
    add_switch_options,
    check_switch_options,
    exit_code,
    key_value,
    switch_options,
)
from mmpose_dualteach.switch import is_switched, mutual_teaching
from mmpose_dualteach.switch.names import PLACES
from mmpose_dualteach.switch.overlay import write_overlay, write_supervised
from mmpose_dualteach.utils.config_file import as_base, read_config
from mmpose_dualteach.utils.errors import of_weights, own_message
from mmpose_dualteach.utils.launch import leave_together
from mmpose_dualteach.utils.mmpose_files import mmpose_tool

# Options of MMPose's train.py that take a value; --resume may do without, --cfg-options takes several.
WITH_VALUE = ('--show-dir', '--interval', '--wait-time', '--launcher', '--local-rank', '--local_rank')
FLAGS = ('--amp', '--no-validate', '--auto-scale-lr', '--show')


def parse_args(arguments: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Switch a stock config to mutual teaching, if it is not yet, and train it by MMPose's own train.py"
    )
    add_switch_options(parser, switched=True)
    parser.add_argument('--work-dir', help='where logs, checkpoints and the overlay go')
    parser.add_argument(
        '--supervised',
        action='store_true',
        help='train the baseline instead: the network that answers, on the same labels alone, in as many steps',
    )
    stock = parser.add_argument_group("options of MMPose's train.py, handed on to it")
    stock.add_argument('--resume', nargs='?', const='auto', metavar='CHECKPOINT')
    stock.add_argument('--cfg-options', nargs='+', type=key_value, metavar='KEY=VALUE')
    for flag in FLAGS:
        stock.add_argument(flag, action='store_true')
    for option in WITH_VALUE:
        stock.add_argument(option)
    return parser.parse_args(arguments)


def stock_arguments(args: argparse.Namespace) -> List[str]:
    """The options that MMPose's train.py is called with."""

    def value(option: str) -> Optional[str]:
        return getattr(args, option[2:].replace('-', '_'))

    handed_on = [flag for flag in FLAGS if value(flag)]
    for option in WITH_VALUE[:-1]:
        handed_on += [option, value(option)] if value(option) is not None else []
    if args.resume:
        handed_on += ['--resume'] + ([args.resume] if args.resume != 'auto' else [])
    if args.cfg_options:
        handed_on += ['--cfg-options', *args.cfg_options]
    return handed_on


def choose_config(args: argparse.Namespace) -> None:
    """Write the overlay where the config is a stock one, and the baseline where that is wanted; ``args`` then name what
    is trained and the work directory.

    Raises:
        ValueError: If the config, the work directory or an option of ``--cfg-options`` cannot be used; names it.
    """
    name = osp.splitext(osp.basename(args.config))[0]
    config = read_config(args.config)
    check_cfg_options(config, args.cfg_options or [])
    check_switch_options(args, config)
    switched = is_switched(config)
    if args.supervised:
        own_dir = osp.join('work_dirs', f'supervised_{name}')
    elif switched:
        own_dir = config.get('work_dir') or osp.join('work_dirs', name)
    else:
        own_dir = osp.join('work_dirs', f'mutual-teaching_{name}')
    args.work_dir = args.work_dir or own_dir
    if osp.exists(args.work_dir) and not osp.isdir(args.work_dir):
        raise ValueError(f'--work-dir {args.work_dir} is no folder; name one')
    args.config = as_base(args.config)
    if not switched:
        overlay = osp.join(args.work_dir, f'mutual-teaching_{name}.py')
        args.config = write_overlay(args.config, switch_options(args), overlay)
        print(f'wrote {args.config}')
    if args.supervised:
        args.config = write_supervised(args.config, osp.join(args.work_dir, f'supervised_{name}.py'))
        print(f'wrote {args.config}')


def check_cfg_options(config: Config, options: List[str]) -> None:
    """Refuse what would change nothing: arguments of the switch, which stand elsewhere in a switched config, and a
    position of ``custom_hooks`` that does not exist, as mutual teaching's own hooks have names."""
    arguments = inspect.signature(mutual_teaching).parameters
    count = len(config.get('custom_hooks') or [])
    for option in options:
        key = option.partition('=')[0]
        first, _, rest = key.partition('.')
        if first in arguments and first not in ('stock', *config):
            rest = rest or ('ann_file' if first in ('unlabeled', 'labeled') else '')
            remedy = f'say it in the switch, by {first}=...'
            if first in PLACES:
                remedy = f'set {".".join(filter(None, (PLACES[first], rest)))}'
            raise ValueError(
                f'--cfg-options {key}: a switched config has no key {first!r}, so that would change nothing; {remedy}, '
                'see docs/options.md'
            )
        found = re.match(r'custom_hooks\.(\d+)\.(\w+)', option)
        if found and int(found.group(1)) >= count:
            raise ValueError(
                f'--cfg-options {option}: the config has {count} custom_hooks; those of mutual teaching '
                f'are set by name, default_hooks.dual_teacher.{found.group(2)}=... for instance'
            )


def unknown_argument(error: Exception) -> Optional[str]:
    """What a config's unknown option makes of a class: one line, or None for any other error."""
    found = re.search(r"(?:(\w+)\.)?__init__\(\) got an unexpected keyword argument '(\w+)'", str(error))
    if not found:
        return None
    return f'{found.group(1) or "a class"} has no option {found.group(2)!r}; correct the config or --cfg-options'


def without_gpus(args: argparse.Namespace) -> None:
    """Start several processes without GPUs, which mmengine takes for granted."""
    torch.distributed.init_process_group('gloo')
    args.cfg_options = [
        'model_wrapper_cfg.device_ids=None',
        'model_wrapper_cfg.broadcast_buffers=False',
        *(args.cfg_options or []),
    ]


def train(args: argparse.Namespace) -> None:
    """Hand over to MMPose's train.py."""
    sys.argv = ['train.py', args.config, '--work-dir', args.work_dir, *stock_arguments(args)]
    runpy.run_path(mmpose_tool('train.py'), run_name='__main__')
    leave_together()


def main(arguments: Optional[List[str]] = None) -> int:
    args = parse_args(arguments)
    if exit_code(choose_config, args):
        return 1
    if args.launcher == 'pytorch' and not torch.cuda.is_available():
        without_gpus(args)
    try:
        train(args)
    except Exception as error:
        message = own_message(error) or of_weights(error) or unknown_argument(error)
        if message is None:  # An error of the code, of which everything is worth knowing.
            raise
        print(f'error: {message}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
