#!/usr/bin/env python
# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Draw people, train a supervised baseline and mutual teaching on them, and compare the two."""

import argparse
import sys
from typing import List, Optional

from mmpose_dualteach.command_line import exit_code
from mmpose_dualteach.dev.quickstart.run import quickstart


def parse_args(arguments: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--configs', default='configs/quickstart', help='folder of the two configs')
    parser.add_argument('--work-dir', default='work_dirs/quickstart', help='where everything goes')
    parser.add_argument('--seed', type=int, default=0, help='seed of the training runs')
    return parser.parse_args(arguments)


def main(arguments: Optional[List[str]] = None) -> int:
    return exit_code(lambda args: quickstart(args.configs, args.work_dir, args.seed), parse_args(arguments))


if __name__ == '__main__':
    sys.exit(main())
