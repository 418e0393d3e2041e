# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Command lines around training: switch, train, export."""
import argparse
import logging
import os.path as osp
import runpy
import sys
from typing import List, Optional

import torch

from mmpose_dualteach.engine.export import export
from mmpose_dualteach.mmpose_files import mmpose_tool, read_stock_config, stock_configs
from mmpose_dualteach.switch import mutual_teaching

from .options import add_switch_options, in_one_line, is_switched, named_config, write_overlay


def switch_config(arguments: Optional[List[str]] = None) -> int:
    """``tools/switch_config.py``: write an overlay."""
    parser = argparse.ArgumentParser(description='Write an overlay that switches a stock config to mutual teaching')
    parser.add_argument('--list', action=ListStockConfigs,
                        help='print which stock configs of the installed MMPose can be switched, and why others cannot')
    add_switch_options(parser)
    parser.add_argument('-o', '--output', required=True, help='the overlay to write')
    options = parser.parse_args(arguments)
    return in_one_line(lambda: print(f'wrote {write_overlay(options, options.output)}'))


class ListStockConfigs(argparse.Action):
    """``--list``: print and leave, as ``--help`` does."""

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


def train(arguments: Optional[List[str]] = None) -> int:
    """``tools/train.py``: switch, then hand over to MMPose's own train.py."""
    parser = argparse.ArgumentParser(
        description='Switch a stock config to mutual teaching, if it is not yet, and train it. All other options are '
        "those of MMPose's own train.py.")
    add_switch_options(parser, switched=True)
    parser.add_argument('--work-dir', help='where logs, checkpoints and the overlay go')
    options, others = parser.parse_known_args(arguments)
    name = osp.splitext(osp.basename(options.config))[0]
    configs: List[str] = []

    def choose() -> None:
        if is_switched(options, named_config(options)):
            work_dir = options.work_dir or osp.join('work_dirs', name)
            configs.extend((options.config, work_dir))
        else:
            work_dir = options.work_dir or osp.join('work_dirs', f'posedual_{name}')
            configs.extend((write_overlay(options, osp.join(work_dir, f'posedual_{name}.py')), work_dir))
            print(f'wrote {configs[0]}')

    if in_one_line(choose):
        return 1
    if 'pytorch' in others and not torch.cuda.is_available():
        _on_cpus(others)
    sys.argv = ['train.py', configs[0], '--work-dir', configs[1], *others]
    runpy.run_path(mmpose_tool('train.py'), run_name='__main__')
    if torch.distributed.is_initialized():
        # One that leaves early may abort in gloo's threads, and take with it the first, which still writes.
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()
    return 0


def _on_cpus(arguments: List[str]) -> None:
    """Start several processes without GPUs, which mmengine takes for granted."""
    torch.distributed.init_process_group('gloo')
    place = arguments.index('--cfg-options') + 1 if '--cfg-options' in arguments else 0
    arguments[place:place] = [*([] if place else ['--cfg-options']), 'model_wrapper_cfg.device_ids=None',
                              'model_wrapper_cfg.broadcast_buffers=False']


def export_network(arguments: Optional[List[str]] = None) -> int:
    """``tools/export.py``: one network as an ordinary MMPose checkpoint."""
    parser = argparse.ArgumentParser(description='Write one network of a mutual-teaching checkpoint as an ordinary '
                                     'MMPose checkpoint')
    parser.add_argument('checkpoint', help='checkpoint of a mutual-teaching run')
    parser.add_argument('--network', default='best', help="a network's name, or 'best' (default)")
    parser.add_argument('-o', '--output', required=True, help='the checkpoint to write')
    options = parser.parse_args(arguments)

    def write() -> None:
        network = export(options.checkpoint, options.network, options.output)
        print(f'wrote network {network} to {options.output}')

    return in_one_line(write)
