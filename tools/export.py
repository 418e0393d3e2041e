#!/usr/bin/env python
# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Write one network of a mutual-teaching checkpoint as an ordinary MMPose checkpoint."""

import argparse
import sys
from typing import List, Optional

from mmpose_dualteach.command_line import exit_code
from mmpose_dualteach.engine.checkpoints.export import export
from mmpose_dualteach.engine.checkpoints.onnx_export import export_onnx
from mmpose_dualteach.utils.file_io import refuse_to_overwrite


def parse_args(arguments: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Write one network of a mutual-teaching checkpoint as an ordinary MMPose checkpoint'
    )
    parser.add_argument('checkpoint', help='checkpoint of a mutual-teaching run, or with --onnx alone a student')
    parser.add_argument('--network', default='best', help="a network's name, or 'best' (default)")
    parser.add_argument('-o', '--output', help='the checkpoint to write')
    parser.add_argument('--onnx', metavar='FILE', help='write it as ONNX, and beside it what it takes and gives')
    return parser.parse_args(arguments)


def run(args: argparse.Namespace) -> None:
    if not args.output and not args.onnx:
        raise ValueError('nothing is asked for; name a checkpoint by -o, or a file by --onnx')
    refuse_to_overwrite([args.output] if args.output else [], [args.checkpoint])
    # ONNX is made of the checkpoint that -o writes.
    refuse_to_overwrite([args.onnx, f'{args.onnx}.json'] if args.onnx else [], [args.checkpoint, args.output])
    if args.output:
        network = export(args.checkpoint, args.network, args.output)
        print(f'wrote network {network} to {args.output}')
    if args.onnx:
        told = export_onnx(args.output or args.checkpoint, args.onnx)
        print(
            f'wrote {args.onnx} and {args.onnx}.json; outputs {", ".join(told["outputs"])}, at most '
            f'{told["difference"]:.1g} from PyTorch'
        )


def main(arguments: Optional[List[str]] = None) -> int:
    return exit_code(run, parse_args(arguments))


if __name__ == '__main__':
    sys.exit(main())
