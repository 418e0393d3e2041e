# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Runs that are killed, resumed by stock train.py, and end where the uninterrupted run ends."""

import os
import signal
import subprocess
import sys

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


def start(folder, work_dir, kill='never:0', resume=False) -> subprocess.CompletedProcess:
    command = [sys.executable, mmpose_tool('train.py'), str(folder / 'config.py'), '--work-dir', str(work_dir)]
    return subprocess.run(
        command + ['--resume'] * resume,
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=dict(os.environ, KILL=kill, PYTHONPATH=str(folder), OMP_NUM_THREADS='1', PYTHONWARNINGS='ignore'),
    )


def test_a_run_killed_three_times_ends_where_the_uninterrupted_one_ends(everything, tmp_path):
    everything.custom_hooks = [dict(type='KillHook')]
    everything.custom_imports.imports.append('kill_hook')
    everything.dump(tmp_path / 'config.py')
    (tmp_path / 'kill_hook.py').write_text(KILL)
    whole = start(tmp_path, tmp_path / 'whole')
    assert whole.returncode == 0, whole.stdout[-3000:]
    for kill in ('train:8', 'validation:2', 'checkpoint:3'):
        killed = start(tmp_path, tmp_path / 'killed', kill, resume=True)
        assert killed.returncode == -signal.SIGKILL, killed.stdout[-3000:]
        assert list((tmp_path / 'killed').glob('epoch_*.pth')), 'the last checkpoint stays until the next is whole'
    ended = start(tmp_path, tmp_path / 'killed', resume=True)
    assert ended.returncode == 0, ended.stdout[-3000:]
    for name in ('epoch_3.pth', 'student_best.pth', 'student_last.pth'):
        assert not differences(*[load_safely(str(tmp_path / each / name)) for each in ('whole', 'killed')]), name
