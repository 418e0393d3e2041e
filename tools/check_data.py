#!/usr/bin/env python
# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Look at every image and box of a training set before training."""

import argparse
import sys
from typing import List, Optional

from mmpose_dualteach.command_line import add_switch_options, exit_code, switched_config
from mmpose_dualteach.prepare.scan import as_json, scan, scans_in_words
from mmpose_dualteach.utils.file_io import dump_json


def parse_args(arguments: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Look at every image and box of a training set and list all that cannot be used or is unusual; '
        'exits with 1 if training would stop because of it'
    )
    add_switch_options(parser, switched=True)
    parser.add_argument('--json', metavar='FILE', help='write everything, with every path')
    parser.add_argument('--jobs', type=int, help='threads (default: two a core)')
    return parser.parse_args(arguments)


def run(args: argparse.Namespace) -> int:
    scans = scan(switched_config(args), args.jobs)
    print('\n'.join(scans_in_words(scans)))
    if args.json:
        dump_json(as_json(scans), args.json, indent=1)
    return int(any(found.stops for found in scans.values()))


def main(arguments: Optional[List[str]] = None) -> int:
    return exit_code(run, parse_args(arguments))


if __name__ == '__main__':
    sys.exit(main())
