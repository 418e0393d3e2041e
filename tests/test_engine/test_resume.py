# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Runs that are interrupted by an exception and resumed in one process, and the checkpoints they go on from."""

import copy
import pickle
import shutil

import pytest
import torch
from conftest import run, small_config, switch
from crowds import crowd_config, in_second_mode, of_two_modes
from mmengine.fileio import BaseStorageBackend, register_backend
from mmengine.hooks import Hook
from mmpose.registry import HOOKS

from mmpose_dualteach.datasets import LabeledUnlabeledDataset
from mmpose_dualteach.dev.soak import differences
from mmpose_dualteach.engine import DualTeacherHook, MutualTeachingValLoop
from mmpose_dualteach.engine.checkpoints.safe_loading import CAN_BE_TOLD, load_safely

NEEDS_REFUSALS = pytest.mark.skipif(not CAN_BE_TOLD, reason='torch before 2.4 refuses nothing')


class Interruption(Exception):
    pass


@HOOKS.register_module()
class InterruptionHook(Hook):
    def __init__(self, at: int) -> None:
        self.at = at

    def before_train_iter(self, runner, *_, **__):
        if runner.iter == self.at:
            raise Interruption


def interrupted(config, work_dir, *iterations: int, **changes):
    """Run until each of some iterations, resuming, then to the end."""
    for number, at in enumerate(iterations):
        hooks = [*config.get('custom_hooks', []), dict(type='InterruptionHook', at=at)]
        with pytest.raises(Interruption):
            run(config, work_dir, **changes, custom_hooks=hooks, resume=number > 0)
    return run(config, work_dir, **changes, resume=bool(iterations))


def last(work_dir) -> dict:
    return load_safely((work_dir / 'last_checkpoint').read_text())


def test_a_checkpoint_inside_of_an_epoch_goes_on_inside_of_it(everything, tmp_path):
    changes = dict(default_hooks=dict(checkpoint=dict(by_epoch=False, interval=4, max_keep_ckpts=2)))
    run(everything, tmp_path / 'whole', **changes)
    resumed = interrupted(everything, tmp_path / 'part', 11, **changes)
    assert resumed.iter == 18 and resumed.epoch == 3
    assert not differences(last(tmp_path / 'whole'), last(tmp_path / 'part'))


@pytest.mark.parametrize('killed_in', ['the epoch after it', 'the validation'])
def test_only_an_interrupted_validation_is_done_again(stock, tmp_path, monkeypatch, killed_in):
    stock['default_hooks']['checkpoint'].pop('save_best')  # With it mmengine writes a best checkpoint again.
    config = switch(stock)
    config.train_cfg.max_epochs = 2
    whole = run(config, tmp_path / 'whole')
    original, validated, waiting = MutualTeachingValLoop.run, [], [killed_in == 'the validation']

    def counted(loop):
        validated.append(loop.runner.iter)
        if waiting[0]:
            waiting[0] = False
            raise Interruption
        return original(loop)

    def interrupting(hook, runner, *args, **kwargs):
        if runner.iter == 8:
            raise Interruption
        return before_iter(hook, runner, *args, **kwargs)

    def twice(work_dir):
        """Not by a hook of the config, on which scores may depend."""
        with monkeypatch.context() as patched, pytest.raises(Interruption):
            patched.setattr(DualTeacherHook, 'before_train_iter', interrupting)
            run(config, work_dir)
        return run(config, work_dir, resume=True)

    before_iter = DualTeacherHook.before_train_iter
    monkeypatch.setattr(MutualTeachingValLoop, 'run', counted)
    resumed = twice(tmp_path / 'part')
    assert validated == ([6, 12] if killed_in == 'the epoch after it' else [6, 6, 12])
    assert not differences(whole.model.state_dict(), resumed.model.state_dict())
    key = 'mutual_teaching_scores'
    assert resumed.message_hub.get_info(key) == whole.message_hub.get_info(key)
    if killed_in == 'the validation':
        return
    # Scores belong to weights: another run's in the same folder are not taken over.
    validated.clear()
    config.randomness.seed = 7
    twice(tmp_path / 'other')
    shutil.copy(tmp_path / 'part' / 'validations.json', tmp_path / 'other')
    validated.clear()
    run(config, tmp_path / 'other', resume=True, load_from=str(tmp_path / 'other' / 'epoch_1.pth'))
    assert validated[0] == 6


class FarBackend(BaseStorageBackend):
    """Files that are on no disk of this machine."""

    files = {}

    def get(self, filepath):
        return self.files[filepath]

    def get_text(self, filepath):
        return self.files[filepath].decode()


register_backend('far', FarBackend, prefixes='far', force=True)


def test_a_checkpoint_elsewhere_is_fetched_once_and_resumed_from(stock, tmp_path):
    config = switch(stock)
    run(config, tmp_path / 'first')
    FarBackend.files['far://bucket/epoch_1.pth'] = (tmp_path / 'first' / 'epoch_1.pth').read_bytes()
    config.train_cfg.max_epochs = 2
    resumed = run(config, tmp_path / 'second', resume=True, load_from='far://bucket/epoch_1.pth')
    assert resumed.iter == 12 and (tmp_path / 'second' / 'resumed_from' / 'epoch_1.pth').exists()
    log = ''.join(path.read_text() for path in (tmp_path / 'second').rglob('*.log'))
    assert 'resumed epoch: 1, iter: 6' in log
    with pytest.raises(ValueError, match='far://bucket/none.pth cannot be fetched'):
        run(config, tmp_path / 'third', resume=True, load_from='far://bucket/none.pth')


def test_networks_that_begin_alike_are_told(stock, tmp_path):
    config = switch(stock)
    told = 'networks a and b begin with the same weights'
    run(config, tmp_path / 'first')
    run(config, tmp_path / 'second', load_from=str(tmp_path / 'first' / 'student_last.pth'))
    first, second = (next((tmp_path / name).rglob('*.log')).read_text() for name in ('first', 'second'))
    assert told not in first and told in second


def test_a_run_by_iterations(everything, tmp_path, monkeypatch):
    config = everything.copy()
    config.train_cfg = dict(type='IterBasedTrainLoop', max_iters=15, val_interval=5)
    changes = dict(default_hooks=dict(checkpoint=dict(by_epoch=False, interval=5)))
    config.param_scheduler = [dict(type='LinearLR', begin=0, end=15, start_factor=0.01, by_epoch=False)]
    config.default_hooks.dual_teacher.by_epoch = False
    run(config, tmp_path / 'whole', **changes)
    original, loaded = LabeledUnlabeledDataset.__getitem__, []
    monkeypatch.setattr(
        LabeledUnlabeledDataset, '__getitem__', lambda *given: loaded.append(given[1]) or original(*given)
    )
    interrupted(config, tmp_path / 'part', 13, **changes)
    assert not differences(last(tmp_path / 'whole'), last(tmp_path / 'part'))
    assert len(loaded) == (14 + 5) * 8, 'until the interruption, and since the checkpoint'


@HOOKS.register_module()
class DrawnHook(Hook):
    """Who was drawn in each iteration."""

    drawn = []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        samples = data_batch['data_samples']
        people = [each.id for branch in ('labeled', 'easy') for each in samples[branch] if each is not None]
        self.drawn.append((runner.iter, people))


@pytest.mark.parametrize('workers', [0, 2])
def test_a_run_by_iterations_without_a_seed_goes_on_with_the_one_it_drew(stock, tmp_path, workers):
    config = switch(stock)
    config.randomness = dict(seed=None)
    config.train_cfg = dict(type='IterBasedTrainLoop', max_iters=9, val_interval=9)
    config.train_dataloader.update(num_workers=workers, persistent_workers=workers > 0)
    config.default_hooks.checkpoint.update(by_epoch=False, interval=4)
    config.default_hooks.checkpoint.pop('save_best')
    config.custom_hooks = [dict(type='DrawnHook', priority=40)]
    DrawnHook.drawn.clear()
    interrupted(config, tmp_path, 7)
    first, again = DrawnHook.drawn[:8], DrawnHook.drawn[8:]
    assert [number for number, _ in again] == [4, 5, 6, 7, 8] and again[:4] == first[4:]


def test_a_run_without_a_seed_goes_on_with_the_one_it_drew(everything, tmp_path):
    config = everything.copy()
    config.randomness = dict(seed=None)
    config.train_cfg.max_epochs = 2
    first = run(config, tmp_path / 'part', train_cfg=dict(max_epochs=1)).train_dataloader.sampler.seed
    resumed = run(config, tmp_path / 'part', resume=True).train_dataloader.sampler
    other = run(config, tmp_path / 'other', train_cfg=dict(max_epochs=1)).train_dataloader.sampler
    assert resumed.seed == first != other.seed


def test_the_number_of_workers_changes_nothing(everything, tmp_path):
    ends = [
        run(
            everything,
            tmp_path / str(workers),
            train_cfg=dict(max_epochs=1),
            train_dataloader=dict(num_workers=workers, multiprocessing_context='fork' if workers else None),
        ).model.state_dict()
        for workers in (0, 2)
    ]
    assert all(torch.equal(value, ends[1][key]) for key, value in ends[0].items())


# ------------------------------------------------------------------ broken checkpoints


@pytest.fixture(scope='module')
def trained(people, tmp_path_factory):
    """Two epochs: the config and the folder."""
    config, folder = switch(small_config(str(people))), tmp_path_factory.mktemp('trained')
    run(config, folder, train_cfg=dict(max_epochs=2))
    return config, folder


@pytest.mark.parametrize(
    'spoil, reason',
    [
        (lambda path: path.write_bytes(path.read_bytes()[:5000]), 'truncated'),
        (lambda path: path.write_bytes(b''), 'truncated'),
        (lambda path: path.unlink(), 'does not exist'),
        (lambda path: torch.save(dict(state_dict={}), path), 'is none of a training run'),
        (
            lambda path: torch.save(dict(torch.load(path), state_dict=dict(x=torch.ones(1))), path),
            'is of another model',
        ),
        pytest.param(lambda path: torch.save(dict(state_dict=print), path), 'is refused', marks=NEEDS_REFUSALS),
        pytest.param(lambda path: path.write_bytes(pickle.dumps(print)), 'is refused', marks=NEEDS_REFUSALS),
    ],
)
def test_the_one_before_a_broken_checkpoint_is_tried(trained, tmp_path, spoil, reason):
    config = trained[0]
    shutil.copytree(trained[1], tmp_path, dirs_exist_ok=True)
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'epoch_2.pth'))
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


@pytest.mark.parametrize('interrupted_at', [(), (5, 8)])
def test_epochs_behind_a_set_of_another_length_are_whole(crowd, tmp_path, interrupted_at):
    stock = crowd_config('yoloxpose', crowd)
    later = dict(copy.deepcopy(stock['train_dataloader']['dataset']), indices=4)
    stock['custom_hooks'] = [dict(type='YOLOXPoseModeSwitchHook', num_last_epochs=2, new_train_dataset=later)]
    config = switch(stock, labeled=None, epoch='labeled')
    changes = dict(
        train_cfg=dict(max_epochs=5), default_hooks=dict(checkpoint=dict(by_epoch=False, interval=1, max_keep_ckpts=1))
    )
    runner = interrupted(config, tmp_path, *interrupted_at, **changes)
    # Two epochs of 10 images, three of 4, in batches of 4; the hook changes the set at the third epoch.
    assert len(runner.train_dataloader) == 1 and (runner.epoch, runner.iter) == (5, 2 * 3 + 3)
    config.train_dataloader.dataset.unlabeled.max_broken = 0.5
    with pytest.raises(ValueError, match='custom_hooks.0.new_train_dataset.unlabeled is not train_dataloader'):
        run(config, tmp_path / 'other', **changes)


def test_a_run_that_is_resumed_has_the_mode_it_had(crowd, tmp_path):
    """Inside of the epoch at which stock hooks change it, and behind it."""
    config = switch(of_two_modes(crowd), labeled=dict(indices=6))
    changes = dict(
        train_cfg=dict(max_epochs=3), default_hooks=dict(checkpoint=dict(by_epoch=False, interval=1, max_keep_ckpts=1))
    )
    whole = run(config, tmp_path / 'whole', **changes)
    assert len(whole.train_dataloader) == 3
    resumed = interrupted(config, tmp_path / 'part', 4, 7, **changes)
    assert in_second_mode(resumed)
    assert not differences(last(tmp_path / 'whole'), last(tmp_path / 'part'))
