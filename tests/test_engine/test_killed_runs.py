# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Runs that are killed, resumed by stock train.py, and end where the uninterrupted run ends."""

import signal

from processes import ForkedTool

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


def start(folder, work_dir, kill='never:0', resume=False):
    """Stock train.py."""
    log = folder / f'{work_dir.name} {kill}.log'
    arguments = [folder / 'config.py', '--work-dir', work_dir, *['--resume'] * resume]
    environment = dict(PYTHONPATH=str(folder), KILL=kill, CUDA_VISIBLE_DEVICES='')  # Bit for bit, on a CPU.
    return ForkedTool(mmpose_tool('train.py'), *arguments, log=log, **environment)


def test_a_run_killed_three_times_ends_where_the_uninterrupted_one_ends(everything, tmp_path):
    everything.custom_hooks = [dict(type='KillHook')]
    everything.custom_imports.imports.append('kill_hook')
    everything.dump(tmp_path / 'config.py')
    (tmp_path / 'kill_hook.py').write_text(KILL)
    whole = start(tmp_path, tmp_path / 'whole')
    assert whole.wait() == 0, whole.output[-3000:]
    for kill in ('train:8', 'validation:2', 'checkpoint:3'):
        killed = start(tmp_path, tmp_path / 'killed', kill, resume=True)
        assert killed.wait() == -signal.SIGKILL, killed.output[-3000:]
        assert list((tmp_path / 'killed').glob('epoch_*.pth')), 'the last checkpoint stays until the next is whole'
    last = start(tmp_path, tmp_path / 'killed', resume=True)
    assert last.wait() == 0, last.output[-3000:]
    for name in ('epoch_3.pth', 'student_best.pth', 'student_last.pth'):
        assert not differences(*[load_safely(str(tmp_path / each / name)) for each in ('whole', 'killed')]), name
