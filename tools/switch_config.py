#!/usr/bin/env python
# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Write an overlay that switches a stock config to mutual teaching."""

import argparse
import logging
import sys
from typing import List, Optional

from mmpose_dualteach.command_line import add_switch_options, exit_code, switch_options
from mmpose_dualteach.methods import find_method, method_names
from mmpose_dualteach.switch import mutual_teaching
from mmpose_dualteach.switch.overlay import overlay_text
from mmpose_dualteach.utils.file_io import refuse_to_overwrite, write_new
from mmpose_dualteach.utils.mmpose_files import read_stock_config, stock_configs


class ListStockConfigs(argparse.Action):
    """``--list``: print which stock configs can be switched and leave, as ``--help`` does."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, nargs=0, **kwargs)

    def __call__(self, parser, *_) -> None:
        yes = 0
        configs = stock_configs()
        for path in configs:
            try:
                config = read_stock_config(path)
                logging.disable(logging.WARNING)  # What the switch says of a config it repairs.
                mutual_teaching(config, unlabeled='images')
                yes += 1
                print(f'yes  {path}', flush=True)
            except ValueError as reason:
                print(f'no   {path}: {reason}', flush=True)
            finally:
                logging.disable(logging.NOTSET)
        parser.exit(message=f'{yes} of {len(configs)} stock configs can be switched\n')


class ListMethods(argparse.Action):
    """``--methods``: print the methods there are and leave."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, nargs=0, **kwargs)

    def __call__(self, parser, *_) -> None:
        for name in method_names():
            method = find_method(name)
            print(f'{name}: {method.summary}\n    {method.source}; a step is {method.passes} passes of a network')
        parser.exit(message='a step on labels alone is 3 passes a network: one forward, and backward two more\n')


def parse_args(arguments: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Write an overlay that switches a stock config to mutual teaching')
    parser.add_argument(
        '--list',
        action=ListStockConfigs,
        help='print which stock configs of the installed MMPose can be switched, and why others cannot',
    )
    parser.add_argument(
        '--methods', action=ListMethods, help='print the methods there are, what they do and what a step of each costs'
    )
    add_switch_options(parser)
    parser.add_argument('-o', '--output', required=True, help='the overlay to write')
    return parser.parse_args(arguments)


def write(args: argparse.Namespace) -> None:
    """Write the overlay, and say so."""
    refuse_to_overwrite([args.output], [args.config])
    if not args.output.endswith('.py'):
        raise ValueError(f'-o {args.output}: a config is a .py file; name one')
    write_new({args.output: overlay_text(args.config, switch_options(args))})
    print(f'wrote {args.output}')


def main(arguments: Optional[List[str]] = None) -> int:
    return exit_code(lambda given: write(parse_args(given)), arguments)  # --list may be read in part.


if __name__ == '__main__':
    sys.exit(main())
