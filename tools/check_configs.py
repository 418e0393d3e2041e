#!/usr/bin/env python
# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Switch, train, predict and export every stock config of the installed MMPose, or configs of one's own."""

import argparse
import glob
import os.path as osp
import sys
from typing import List, Optional

from mmpose_dualteach.command_line import exit_code
from mmpose_dualteach.dev.sweep.run import summary, sweep, table
from mmpose_dualteach.utils.mmpose_files import matches, stock_configs


def parse_args(arguments: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Switch each stock config of the installed MMPose, take one training step with two labelled and '
        'two unlabelled instances, predict, export, and load the export into the stock config'
    )
    parser.add_argument(
        'configs',
        nargs='*',
        help='files and folders of configs to check instead; switched ones are taken as they are, in two steps',
    )
    parser.add_argument('--only', metavar='PATTERN', help='a part of the path, or a pattern with wildcards')
    parser.add_argument('--jobs', type=int, default=1, help='worker processes (default 1; large networks need 20 GB)')
    parser.add_argument('--data', required=True, help="folder of samples, laid out as MMPose's tests/data")
    parser.add_argument('--json', metavar='FILE', help='write the results; those already in it are not checked again')
    return parser.parse_args(arguments)


def own_configs(paths: List[str], only: Optional[str]) -> List[str]:
    """Config files, those of folders included.

    Raises:
        FileNotFoundError: If there is no such file or folder; names it.
    """
    found = []
    for path in paths:
        if not osp.exists(path):
            raise FileNotFoundError(f'{path} is no file or folder; name a config or a folder of configs')
        found += sorted(glob.glob(osp.join(path, '*.py'))) if osp.isdir(path) else [path]
    return [each for each in found if matches(each, only)]


def run(args: argparse.Namespace) -> int:
    if not osp.isdir(args.data):
        raise FileNotFoundError(f'--data {args.data} is no folder')
    if args.jobs < 1:
        raise ValueError('--jobs must be at least 1')
    configs = own_configs(args.configs, args.only) if args.configs else stock_configs(args.only)
    if not configs:
        raise ValueError(f'no config is in {", ".join(args.configs) or "MMPose"} that --only {args.only} matches')
    results: List[dict] = []
    for result in sweep(configs, osp.abspath(args.data), args.jobs, args.json):
        results.append(result)
        print(
            f'[{len(results)}/{len(configs)}] {result["config"]}: {result["status"]} ({result["kind"]}, '
            f'{result["seconds"]} s) {result["reason"]}',
            flush=True,
        )
    print(f'\n{table(sorted(results, key=lambda each: each["config"]))}\n\n{summary(results)}')
    return int(any(result['status'] == 'failed' for result in results))


def main(arguments: Optional[List[str]] = None) -> int:
    return exit_code(run, parse_args(arguments))


if __name__ == '__main__':
    sys.exit(main())
