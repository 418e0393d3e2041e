# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""The command lines of tools/: arguments in, package called, result out."""
import argparse
import logging
import os
import os.path as osp
import pprint
import runpy
import sys
from typing import List, Optional

from mmengine.config import Config

from mmpose_dualteach.engine.export import export
from mmpose_dualteach.mmpose_files import mmpose_tool, read_stock_config, stock_configs
from mmpose_dualteach.switch import mutual_teaching

OVERLAY = '''_base_ = {base!r}
from mmpose_dualteach.switch import mutual_teaching

globals().update(mutual_teaching(_base_, **{options}))
'''


def switch_config(arguments: Optional[List[str]] = None) -> int:
    """``tools/switch_config.py``: write an overlay."""
    parser = argparse.ArgumentParser(description='Write an overlay that switches a stock config to mutual teaching')
    parser.add_argument('--list', action=ListStockConfigs,
                        help='print which stock configs of the installed MMPose can be switched, and why others cannot')
    _add_switch_options(parser)
    parser.add_argument('-o', '--output', required=True, help='the overlay to write')
    options = parser.parse_args(arguments)
    return _in_one_line(lambda: print(f'wrote {write_overlay(options, options.output)}'))


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
        description='Switch a stock config to mutual teaching and train it. All other options are those of '
        "MMPose's own train.py.")
    _add_switch_options(parser)
    parser.add_argument('--work-dir', help='where logs, checkpoints and the overlay go')
    options, others = parser.parse_known_args(arguments)
    name = osp.splitext(osp.basename(options.config))[0]
    work_dir = options.work_dir or osp.join('work_dirs', f'posedual_{name}')
    overlay = osp.join(work_dir, f'posedual_{name}.py')

    if _in_one_line(lambda: print(f'wrote {write_overlay(options, overlay)}')):
        return 1
    sys.argv = ['train.py', overlay, '--work-dir', work_dir, *others]
    runpy.run_path(mmpose_tool('train.py'), run_name='__main__')
    return 0


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

    return _in_one_line(write)


def check_configs(arguments: Optional[List[str]] = None) -> int:
    """``tools/check_configs.py``: switch, train, predict and export every stock config."""
    from mmpose_dualteach.sweep.run import summary, sweep, table  # Imports all of MMPose.
    parser = argparse.ArgumentParser(
        description='Switch each stock config of the installed MMPose, take one training step with two labelled and '
        'two unlabelled people, predict, export, and load the export into the stock config')
    parser.add_argument('--only', metavar='PATTERN', help='a part of the path, or a pattern with wildcards')
    parser.add_argument('--jobs', type=int, default=1, help='worker processes (default 1; large networks need 20 GB)')
    parser.add_argument('--data', required=True, help="folder of samples, laid out as MMPose's tests/data")
    parser.add_argument('--json', metavar='FILE', help='write the results; those already in it are not checked again')
    options = parser.parse_args(arguments)
    results: List[dict] = []

    def check() -> None:
        if not osp.isdir(options.data):
            raise FileNotFoundError(f'--data {options.data} is no folder')
        configs = stock_configs(options.only)
        if not configs:
            raise ValueError(f'--only {options.only} matches no stock config')
        for result in sweep(configs, osp.abspath(options.data), options.jobs, options.json):
            results.append(result)
            print(f'[{len(results)}/{len(configs)}] {result["config"]}: {result["status"]} ({result["kind"]}, '
                  f'{result["seconds"]} s) {result["reason"]}', flush=True)
        print(f'\n{table(sorted(results, key=lambda each: each["config"]))}\n\n{summary(results)}')

    failed = _in_one_line(check)
    return failed or int(any(result['status'] == 'failed' for result in results))


def benchmark(arguments: Optional[List[str]] = None) -> int:
    """``tools/benchmark.py``: every run of a plan that is not done yet, and the report on all that are."""
    from mmpose_dualteach.benchmark.run import run_plan  # Imports all of MMPose.
    parser = argparse.ArgumentParser(description='Run a plan of configs/benchmark; goes on where it stopped')
    parser.add_argument('plan', help='plan file')
    parser.add_argument('--work-dir', help='where everything goes (default: work_dirs/benchmark/NAME_OF_PLAN)')
    parser.add_argument('--jobs', type=int, help='runs at a time (default: one a core on a CPU, one on a GPU)')
    parser.add_argument('--methods', nargs='+', metavar='METHOD', help='only these methods of the plan')
    options = parser.parse_args(arguments)
    failed: List[object] = []

    def run() -> None:
        if options.jobs is not None and options.jobs < 1:
            raise ValueError(f'--jobs {options.jobs} must be at least 1')
        failed.extend(run_plan(options.plan, options.work_dir, options.jobs, options.methods))

    return _in_one_line(run) or int(bool(failed))


def benchmark_speed(arguments: Optional[List[str]] = None) -> int:
    """``tools/benchmark_speed.py``: speed and memory against the floor."""
    from mmpose_dualteach.benchmark.speed.run import main  # Imports all of MMPose.
    parser = argparse.ArgumentParser(description='Measure speed and memory against the floor, as ratios in one run')
    parser.add_argument('--json', metavar='FILE', help='write the results')
    parser.add_argument('--rounds', type=int, default=5, help='how often each comparison is made (default 5)')
    options = parser.parse_args(arguments)
    return _in_one_line(lambda: main(options.json, options.rounds))


def write_overlay(options: argparse.Namespace, path: str) -> str:
    """Write an overlay file, after trying that it works.

    Args:
        options (argparse.Namespace): See :func:`_add_switch_options`.
        path (str): The file to write.

    Returns:
        str: ``path``.

    Raises:
        ValueError: If the config cannot be switched; names the reason and the remedy.
        FileNotFoundError: If the config does not exist.
    """
    base = options.config if '::' in options.config else osp.abspath(options.config)
    chosen = switch_options(options)
    mutual_teaching(stock_of(base), **chosen)
    os.makedirs(osp.dirname(osp.abspath(path)), exist_ok=True)
    with open(path, 'w', encoding='utf-8') as overlay:
        overlay.write(OVERLAY.format(base=base, options=pprint.pformat(chosen, width=110, sort_dicts=False)))
    return path


def stock_of(base: str) -> Config:
    """Read a config by path or by ``mmpose::`` name.

    Raises:
        FileNotFoundError: If it does not exist; names it.
    """
    if '::' in base:
        from mmengine.hub import get_config
        return get_config(base)
    if not osp.isfile(base):
        raise FileNotFoundError(f'config {base} does not exist; give a file or a name such as '
                                'mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py')
    return Config.fromfile(base)


def switch_options(options: argparse.Namespace) -> dict:
    """The arguments of :func:`mmpose_dualteach.switch.mutual_teaching` that the command line names."""
    unlabeled = dict()
    if options.unlabeled.endswith('.json'):
        unlabeled['ann_file'] = _here(options.unlabeled)
    else:
        unlabeled.update(data_root='', ann_file='', data_prefix=dict(img=_here(options.unlabeled)))
    if options.unlabeled_images:
        unlabeled['data_prefix'] = dict(img=_here(options.unlabeled_images))
    if options.boxes:
        unlabeled['bbox_file'] = _here(options.boxes)
    chosen = dict(unlabeled=unlabeled)
    if options.labeled:
        chosen['labeled'] = dict(ann_file=_here(options.labeled))
        if options.labeled_images:
            chosen['labeled']['data_prefix'] = dict(img=_here(options.labeled_images))
    if options.batch:
        chosen['batch'] = tuple(options.batch)
    if options.epoch != 'unlabeled':
        chosen['epoch'] = options.epoch
    hook = {key: value for key, value in (('burn_in', options.burn_in), ('ramp_up', options.ramp_up)) if value}
    if hook:
        chosen['hook'] = hook
    if options.joint_cutout:
        chosen['model'] = dict(joint_cutout=dict())
    if options.rand_augment:
        chosen['rand_augment'] = dict(num=2, magnitude=options.rand_augment)
    return chosen


def _add_switch_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('config', help='stock config: a file, or a name such as mmpose::body_2d_keypoint/...')
    parser.add_argument('--labeled', help="labelled annotation file (default: the stock config's)")
    parser.add_argument('--labeled-images', help="folder of the labelled images (default: the stock config's)")
    parser.add_argument('--unlabeled', required=True,
                        help='people without labels: a COCO-format .json, or a folder of images')
    parser.add_argument('--unlabeled-images', help="folder of the images of --unlabeled (default: the stock config's)")
    parser.add_argument('--boxes', help='detections for --unlabeled in COCO result format')
    parser.add_argument('--batch', type=int, nargs=2, metavar=('LABELED', 'UNLABELED'),
                        help='people of either kind in a batch (default: the stock batch size of each)')
    parser.add_argument('--epoch', choices=('unlabeled', 'labeled'), default='unlabeled',
                        help='the set that an epoch passes over')
    parser.add_argument('--burn-in', type=float, default=0, help='supervised-only epochs')
    parser.add_argument('--ramp-up', type=float, default=0, help='ramp-up epochs of the pseudo loss')
    parser.add_argument('--joint-cutout', action='store_true', help='cover joints on the hard view')
    parser.add_argument('--rand-augment', type=float, metavar='MAGNITUDE',
                        help='photometric RandAugment on the hard view: two operations of this magnitude, 0 to 30')


def _here(path: str) -> str:
    """An absolute path if it exists from here; otherwise as given, for the config's data_root."""
    return osp.abspath(path) if osp.exists(path) else path


def _in_one_line(action) -> int:
    """Do it; turn an error that explains itself into one line and an exit code."""
    try:
        action()
    except (ValueError, FileNotFoundError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    return 0
