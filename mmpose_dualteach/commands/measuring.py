# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Command lines that measure: the sweep of stock configs, the benchmark, speed."""
import argparse
import os.path as osp
from typing import List, Optional

from mmpose_dualteach.mmpose_files import stock_configs

from .options import in_one_line


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

    failed = in_one_line(check)
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

    return in_one_line(run) or int(bool(failed))


def benchmark_speed(arguments: Optional[List[str]] = None) -> int:
    """``tools/benchmark_speed.py``: speed and memory against the floor."""
    from mmpose_dualteach.benchmark.speed.run import main  # Imports all of MMPose.
    parser = argparse.ArgumentParser(description='Measure speed and memory against the floor, as ratios in one run')
    parser.add_argument('--json', metavar='FILE', help='write the results')
    parser.add_argument('--rounds', type=int, default=5, help='how often each comparison is made (default 5)')
    options = parser.parse_args(arguments)
    return in_one_line(lambda: main(options.json, options.rounds))


def soak(arguments: Optional[List[str]] = None) -> int:
    """``tools/soak.py``: a short training, killed at random moments and resumed, over and over."""
    from mmpose_dualteach.soak import soak as run_soak  # Imports all of MMPose.
    parser = argparse.ArgumentParser(
        description='Kill a short training at random moments, resume it, and compare its end, bit for bit, with the '
        "uninterrupted one's; over and over. Exits with 1 if anything was lost")
    parser.add_argument('--minutes', type=float, default=60, help='how long (default 60)')
    parser.add_argument('--seed', type=int, default=0, help='of the moments (default 0)')
    parser.add_argument('--config', default='configs/quickstart/posedual_res18_drawn30-64x96.py',
                        help="a switched config on drawn people (default: the quick start's)")
    parser.add_argument('--work-dir', default='work_dirs/soak', help='where everything goes (default work_dirs/soak)')
    options = parser.parse_args(arguments)
    lost: List[int] = []

    def run() -> None:
        if not osp.isfile(options.config):
            raise FileNotFoundError(f'config {options.config} does not exist; start from the folder of configs/')
        counts = run_soak(options.config, options.work_dir, options.minutes, options.seed,
                          lambda text: print(text, flush=True))
        kills = {phase: count for phase, count in counts.items() if phase.startswith('while')}
        print(f'{sum(kills.values())} kills ({kills}) in {counts["runs"]} runs: {counts["half_files"]} half files, '
              f'{counts["differing"]} ends that differ')
        lost.append(counts['half_files'] + counts['differing'])

    return in_one_line(run) or int(any(lost))
