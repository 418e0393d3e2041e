# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""A short training, killed at random moments and resumed, over and over; its ends against the uninterrupted one's."""

import os
import os.path as osp
import random
import re
import signal
import subprocess
import time
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, List, Optional

import numpy as np
import torch
from mmengine.config import Config
from mmengine.logging import HistoryBuffer

from mmpose_dualteach import compat
from mmpose_dualteach.dev.quickstart.drawn_people import draw_people
from mmpose_dualteach.engine.checkpoints.safe_loading import load_safely
from mmpose_dualteach.utils.file_io import UNFINISHED
from mmpose_dualteach.utils.mmpose_files import start_tool

EPOCHS = 12
PHASES = ('while_starting', 'while_running', 'while_writing')
# Everything that has a state or draws random numbers, in a network that trains in seconds.
SMALL = dict(
    train_cfg=dict(max_epochs=EPOCHS, val_interval=1),
    optim_wrapper=dict(clip_grad=dict(max_norm=1.0)),
    model=dict(
        backbone=dict(stem_channels=8, base_channels=8),
        head=dict(in_channels=32, deconv_out_channels=(8, 8)),
        paths=[[dict(type='JointCutout')]],
        lessons=[dict(teacher='a.ema', student='b'), dict(teacher='b', student='a')],
    ),
    train_dataloader=dict(batch_size=8, sampler=dict(labeled=4, unlabeled=4), dataset=dict(labeled=dict(indices=8))),
    default_hooks=dict(checkpoint=dict(interval=1, max_keep_ckpts=2)),
    randomness=dict(seed=0),
)
# Of the log's scalars and notes, what times and places make.
VARYING = re.compile(r'time|eta|memory|cfg|last_ckpt|best_ckpt|experiment_name|(train|val)/(data_time|time|memory)')


def soak(config: str, work_dir: str, minutes: float, seed: int, say: Callable[[str], None]) -> Dict[str, int]:
    """Kill and resume for some time.

    Args:
        config (str): A switched config on drawn people; the quick start's.
        work_dir (str): Where everything goes.
        minutes (float): How long to go on; a run that has begun is ended.
        seed (int): Of the moments.
        say (Callable[[str], None]): Is told what happens.

    Returns:
        Dict[str, int]: Counts: ``runs`` that ended; kills ``while_starting``, ``while_running`` and ``while_writing`` a
        checkpoint or an export; ``half_files`` under a checkpoint's name; and ``differing`` runs, whose end is not the
        uninterrupted one's.

    Raises:
        ValueError: If the folder is not empty, or a run fails.
    """
    if osp.isdir(work_dir) and os.listdir(work_dir):
        raise ValueError(f'{work_dir} is not empty; name another folder, or remove it')
    os.makedirs(work_dir, exist_ok=True)
    people, small = osp.join(work_dir, 'people'), osp.join(work_dir, 'small.py')
    draw_people(people, dict(train=24, val=6))
    _small(config, people).dump(small)
    begin = time.monotonic()
    with _training(small, osp.join(work_dir, 'whole')) as process:
        if process.wait():
            raise ValueError(f'the uninterrupted run failed, see {osp.join(work_dir, "whole.log")}')
    whole = time.monotonic() - begin
    expected = load_safely(osp.join(work_dir, 'whole', f'epoch_{EPOCHS}.pth'))
    moments, counts = random.Random(seed), dict.fromkeys(('runs', *PHASES, 'half_files', 'differing'), 0)
    while time.monotonic() - begin < 60 * minutes:
        folder = osp.join(work_dir, f'run{counts["runs"]}')
        while phase := _killed(small, folder, moments, whole):
            counts[phase] += 1
            counts['half_files'] += len(_half_files(folder))
        differing = differences(expected, load_safely(osp.join(folder, f'epoch_{EPOCHS}.pth')))
        counts['runs'] += 1
        counts['differing'] += bool(differing)
        say(
            f'{(time.monotonic() - begin) / 60:.0f} minutes: {counts}'
            + (f', {differing[:3]} differ' if differing else '')
        )
    return counts


def differences(one: dict, other: dict) -> List[str]:
    """What is not the same, bit for bit, in two checkpoints: weights, averages, optimizer, schedules, scores, log.

    Args:
        one, other (dict): Loaded checkpoints.

    Returns:
        List[str]: Names; none where they are the same.
    """
    return _differing(_kept(one), _kept(other), 'checkpoint')


def _kept(value: Any) -> Any:
    """A copy in plain types without what varies from run to run."""
    if isinstance(value, dict):
        return {key: _kept(each) for key, each in value.items() if not VARYING.fullmatch(str(key))}
    if isinstance(value, (list, tuple)):
        return [_kept(each) for each in value]
    return compat.history(value) if isinstance(value, HistoryBuffer) else value


def _differing(one: Any, other: Any, name: str) -> List[str]:
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return [found for key in one for found in _differing(one[key], other[key], f'{name}.{key}')]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [found for at, pair in enumerate(zip(one, other)) for found in _differing(*pair, f'{name}.{at}')]
    if type(one) is not type(other) or isinstance(one, (dict, list)):
        return [name]
    if isinstance(one, (torch.Tensor, np.ndarray)):
        return [] if one.shape == other.shape and bool((one == other).all()) else [name]
    return [] if one == other else [name]


def _small(config: str, people: str) -> Config:
    small = Config.fromfile(config)
    small.merge_from_dict(SMALL)
    for side in (
        small.train_dataloader.dataset.labeled,
        small.train_dataloader.dataset.unlabeled,
        small.val_dataloader.dataset,
        small.test_dataloader.dataset,
    ):
        side.data_root = osp.abspath(people)
    small.test_dataloader.dataset.ann_file = 'val.json'
    for evaluator in (small.val_evaluator, small.test_evaluator):
        evaluator[0].ann_file = osp.join(osp.abspath(people), 'val.json')
    small.default_hooks.dual_teacher.update(burn_in=1, interval=1)
    return small


@contextmanager
def _training(config: str, folder: str) -> Iterator[subprocess.Popen]:
    with open(f'{folder}.log', 'ab') as log:
        process = start_tool('train.py', config, '--work-dir', folder, '--resume', output=log, threads=1)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _killed(config: str, folder: str, moments: random.Random, whole: float) -> Optional[str]:
    """Start or resume a run and kill it; every other time in the middle of the next checkpoint or export, if any.

    Returns:
        str, optional: The phase in which it was killed, one of ``PHASES``; None for a run that has ended.
    """
    until = time.monotonic() + moments.uniform(0, 0.8 * whole)
    at_a_checkpoint = moments.random() < 0.5
    said = osp.getsize(f'{folder}.log') if osp.isfile(f'{folder}.log') else 0
    before = set(_unfinished(folder))
    with _training(config, folder) as process:
        while process.poll() is None:
            now = time.monotonic()
            if now > until and (not at_a_checkpoint or set(_unfinished(folder)) - before):
                process.kill()
                break
            time.sleep(0.001)
        code = process.wait()
    if not code:
        return None
    if code != -signal.SIGKILL:
        raise ValueError(f'a resumed run failed, see {folder}.log')
    if set(_unfinished(folder)) - before:
        return 'while_writing'
    with open(f'{folder}.log', 'rb') as log:
        log.seek(said)
        return 'while_running' if b'Checkpoints will be saved' in log.read() else 'while_starting'


def _unfinished(folder: str) -> List[str]:
    return [name for name in os.listdir(folder) if UNFINISHED in name] if osp.isdir(folder) else []


def _half_files(folder: str) -> List[str]:
    found = []
    for name in os.listdir(folder) if osp.isdir(folder) else ():
        if name.endswith('.pth'):
            try:
                load_safely(osp.join(folder, name))
            except ValueError:
                found.append(name)
    return found
