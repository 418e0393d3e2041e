# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Runs that are killed, resumed by stock train.py, and end where the uninterrupted run ends."""

import multiprocessing
import os
import runpy
import signal
import sys
from pathlib import Path

import torch

from mmpose_dualteach.dev.soak import differences
from mmpose_dualteach.engine.checkpoints.safe_loading import load_safely
from mmpose_dualteach.utils.mmpose_files import mmpose_tool

KILL = """
import os, signal
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

WHERE, WHEN = os.environ.get('KILL', 'never:0').split(':')

def kill():
    os.kill(os.getpid(), signal.SIGKILL)

@HOOKS.register_module()
class KillHook(Hook):
    def before_train_iter(self, runner, *_, **__):
        if WHERE == 'train' and runner.iter == int(WHEN):
            kill()

    def before_val_iter(self, runner, *_, **__):
        if WHERE == 'validation' and runner.epoch == int(WHEN):
            kill()

    def after_train_epoch(self, runner):
        if WHERE == 'checkpoint' and runner.epoch + 1 == int(WHEN):
            os.fsync = lambda file: kill()  # The file is there under another name, and not whole.
"""


def train(arguments, kill, log):
    """Stock train.py as a process of its own, but for the imports, which were done before it was forked."""
    for stream in (1, 2):
        os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)
    os.environ['KILL'] = kill
    sys.path.insert(0, os.getcwd())
    sys.argv = [mmpose_tool('train.py'), *arguments]
    torch.set_num_threads(1)
    runpy.run_path(sys.argv[0], run_name='__main__')


def start(folder, work_dir, kill='never:0', resume=False):
    processes = multiprocessing.get_context('forkserver')
    processes.set_forkserver_preload(['mmpose_dualteach', 'mmpose.apis'])
    log = str(folder / f'{work_dir.name} {kill}.log')
    arguments = [str(folder / 'config.py'), '--work-dir', str(work_dir), *['--resume'] * resume]
    process = processes.Process(target=train, args=(arguments, kill, log))
    process.start()
    process.join()
    return process.exitcode, Path(log).read_text()[-3000:]


def test_a_run_killed_three_times_ends_where_the_uninterrupted_one_ends(everything, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '')  # A process that was forked cannot use a device.
    everything.custom_hooks = [dict(type='KillHook')]
    everything.custom_imports.imports.append('kill_hook')
    everything.dump(tmp_path / 'config.py')
    (tmp_path / 'kill_hook.py').write_text(KILL)
    exit_code, log = start(tmp_path, tmp_path / 'whole')
    assert exit_code == 0, log
    for kill in ('train:8', 'validation:2', 'checkpoint:3'):
        exit_code, log = start(tmp_path, tmp_path / 'killed', kill, resume=True)
        assert exit_code == -signal.SIGKILL, log
        assert list((tmp_path / 'killed').glob('epoch_*.pth')), 'the last checkpoint stays until the next is whole'
    exit_code, log = start(tmp_path, tmp_path / 'killed', resume=True)
    assert exit_code == 0, log
    for name in ('epoch_3.pth', 'student_best.pth', 'student_last.pth'):
        assert not differences(*[load_safely(str(tmp_path / each / name)) for each in ('whole', 'killed')]), name
