#!/usr/bin/env python
# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Write the docs' page of every option."""

import argparse
import sys
from typing import List, Optional

from mmpose_dualteach.command_line import exit_code
from mmpose_dualteach.dev.options_page import options_page
from mmpose_dualteach.utils.file_io import atomic_write


def parse_args(arguments: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Write the docs' page of every option from the docstrings (needs pip install '.[docs]')"
    )
    parser.add_argument('-o', '--output', default='docs/options.md', help='default: docs/options.md')
    return parser.parse_args(arguments)


def run(args: argparse.Namespace) -> None:
    with atomic_write(args.output) as file:
        file.write(options_page())


def main(arguments: Optional[List[str]] = None) -> int:
    return exit_code(run, parse_args(arguments))


if __name__ == '__main__':
    sys.exit(main())
