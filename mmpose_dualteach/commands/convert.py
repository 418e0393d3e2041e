# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Command line for checkpoints of the authors' released code."""
import argparse
from typing import List, Optional

from .options import in_one_line, stock_of


def convert_checkpoint(arguments: Optional[List[str]] = None) -> int:
    """``tools/convert_checkpoint.py``: a checkpoint of the authors' code for MMPose."""
    parser = argparse.ArgumentParser(
        description="Convert a checkpoint of the paper's released code (xierc/Semi_Human_Pose) to MMPose: for both "
        'networks of a switched config, or for the one of a stock config')
    parser.add_argument('checkpoint', help='their final_state, model_best or checkpoint.pth.tar')
    parser.add_argument('config', help='switched or stock top-down config with a HeatmapHead: a file, or a name such '
                        'as mmpose::body_2d_keypoint/...; its training dataset says which of the 24 joints are taken')
    parser.add_argument('-o', '--output', required=True, help='the checkpoint to write')
    parser.add_argument('--network', type=int, choices=(1, 2),
                        help='of two networks, the one that a config with one network gets (default 1)')
    parser.add_argument('--rgb', action='store_true',
                        help="the file was trained with DATASET.COLOR_RGB: true, as no experiment of the authors' is")
    options = parser.parse_args(arguments)

    def write() -> None:
        from mmpose_dualteach.prepare.convert import convert
        print('\n'.join(convert(options.checkpoint, stock_of(options.config), options.output, options.network,
                                options.rgb)))

    return in_one_line(write)
