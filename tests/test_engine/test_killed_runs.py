# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Runs that are killed, resumed by stock train.py, and end where the uninterrupted run ends."""
import os
import pickle
import signal
import subprocess
import sys

import pytest
import torch
from conftest import run, switch
from mmengine.hooks import Hook
from mmpose.registry import HOOKS

from mmpose_dualteach.engine.safe_loading import load_safely
from mmpose_dualteach.mmpose_files import mmpose_tool
from mmpose_dualteach.soak import differences

KILL = '''
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
'''


def start(folder, work_dir, kill='never:0', resume=False) -> subprocess.CompletedProcess:
    command = [sys.executable, mmpose_tool('train.py'), str(folder / 'config.py'), '--work-dir', str(work_dir)]
    return subprocess.run(command + ['--resume'] * resume, cwd=folder, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, env=dict(
                              os.environ, KILL=kill, PYTHONPATH=str(folder), OMP_NUM_THREADS='1',
                              PYTHONWARNINGS='ignore'))


@pytest.fixture
def everything(stock):
    """Moving averages, a ramp-up, cut-outs, RandAugment: all that has a state or draws random numbers."""
    config = switch(stock, hook=dict(ramp_up=2, interval=1, momentum=0.1), rand_augment=dict(num=2, magnitude=20),
                    model=dict(joint_cutout=dict(), lessons=[dict(teacher='a', student='b', average=True),
                                                             dict(teacher='b', student='a')]))
    config.merge_from_dict(dict(train_cfg=dict(max_epochs=3), default_hooks=dict(checkpoint=dict(max_keep_ckpts=1))))
    return config


def test_a_run_killed_three_times_ends_where_the_uninterrupted_one_ends(everything, tmp_path):
    everything.custom_hooks.append(dict(type='KillHook'))
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


# ------------------------------------------------------------------ the same in one process, by an exception


class Interruption(Exception):
    pass


@HOOKS.register_module()
class InterruptionHook(Hook):

    def __init__(self, at: int) -> None:
        self.at = at

    def before_train_iter(self, runner, *_, **__):
        if runner.iter == self.at:
            raise Interruption


def interrupted(config, work_dir, at: int, **changes):
    """Run until an iteration, then resume and run to the end."""
    with pytest.raises(Interruption):
        run(config, work_dir, **changes, custom_hooks=[*config.custom_hooks, dict(type='InterruptionHook', at=at)])
    return run(config, work_dir, **changes, resume=True)


def last(work_dir) -> dict:
    return load_safely((work_dir / 'last_checkpoint').read_text())


def test_a_checkpoint_inside_of_an_epoch_goes_on_inside_of_it(everything, tmp_path):
    changes = dict(default_hooks=dict(checkpoint=dict(by_epoch=False, interval=4, max_keep_ckpts=2)))
    run(everything, tmp_path / 'whole', **changes)
    resumed = interrupted(everything, tmp_path / 'part', 11, **changes)
    assert resumed.iter == 18 and resumed.epoch == 3
    assert not differences(last(tmp_path / 'whole'), last(tmp_path / 'part'))


def test_a_run_by_iterations(everything, tmp_path):
    config = everything.copy()
    config.train_cfg = dict(type='IterBasedTrainLoop', max_iters=15, val_interval=5)
    changes = dict(default_hooks=dict(checkpoint=dict(by_epoch=False, interval=5)))
    config.param_scheduler = [dict(type='LinearLR', begin=0, end=15, start_factor=0.01, by_epoch=False)]
    next(hook for hook in config.custom_hooks if hook.type == 'DualTeacherHook').by_epoch = False
    run(config, tmp_path / 'whole', **changes)
    interrupted(config, tmp_path / 'part', 13, **changes)
    assert not differences(last(tmp_path / 'whole'), last(tmp_path / 'part'))


def test_a_run_without_a_seed_goes_on_with_the_one_it_drew(everything, tmp_path):
    config = everything.copy()
    config.randomness = dict(seed=None)
    config.train_cfg.max_epochs = 2
    first = run(config, tmp_path / 'part', train_cfg=dict(max_epochs=1)).train_dataloader.sampler.seed
    resumed = run(config, tmp_path / 'part', resume=True).train_dataloader.sampler
    other = run(config, tmp_path / 'other', train_cfg=dict(max_epochs=1)).train_dataloader.sampler
    assert resumed.seed == first != other.seed


def test_the_number_of_workers_changes_nothing(everything, tmp_path):
    ends = [run(everything, tmp_path / str(workers), train_cfg=dict(max_epochs=1),
                train_dataloader=dict(num_workers=workers, multiprocessing_context='fork' if workers else None)
                ).model.state_dict() for workers in (0, 2)]
    assert all(torch.equal(value, ends[1][key]) for key, value in ends[0].items())


# ------------------------------------------------------------------ broken checkpoints


@pytest.mark.parametrize('spoil, reason', [
    (lambda path: path.write_bytes(path.read_bytes()[:5000]), 'truncated'),
    (lambda path: path.write_bytes(b''), 'truncated'),
    (lambda path: path.unlink(), 'does not exist'),
    (lambda path: torch.save(dict(state_dict={}), path), 'is none of a training run'),
    (lambda path: torch.save(dict(torch.load(path), state_dict=dict(x=torch.ones(1))), path), 'is of another model'),
    (lambda path: path.write_bytes(pickle.dumps(print)), 'is refused'),
])
def test_the_one_before_a_broken_checkpoint_is_tried(stock, tmp_path, caplog, spoil, reason):
    config = switch(stock)
    run(config, tmp_path, train_cfg=dict(max_epochs=2))
    spoil(tmp_path / 'epoch_2.pth')
    resumed = run(config, tmp_path, train_cfg=dict(max_epochs=2), resume=True)
    log = ''.join(path.read_text() for path in tmp_path.rglob('*.log'))
    lines = [line for line in log.splitlines() if 'epoch_2.pth' in line and reason in line]
    assert len(lines) == 1 and 'going on from' in log and 'epoch_1.pth' in log
    assert resumed.iter == 12
    torch.load(tmp_path / 'epoch_2.pth')


def test_a_half_written_name_of_the_last_checkpoint_does_no_harm(stock, tmp_path):
    config = switch(stock)
    run(config, tmp_path, train_cfg=dict(max_epochs=2))
    (tmp_path / 'last_checkpoint').write_text('')
    resumed = run(config, tmp_path, train_cfg=dict(max_epochs=2), resume=True)
    assert resumed.iter == 12 and resumed._load_from.endswith('epoch_2.pth')


def test_nothing_to_resume_from_is_said_in_one_line(stock, tmp_path):
    config = switch(stock)
    (tmp_path / 'epoch_1.pth').write_bytes(b'x')
    with pytest.raises(ValueError, match='no checkpoint in .* can be resumed from; the first: .*epoch_1.pth'):
        run(config, tmp_path, resume=True)
    assert run(config, tmp_path / 'new', resume=True).iter == 6, 'a run that was killed before its first checkpoint'
