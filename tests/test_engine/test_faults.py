# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Faults while training, each injected: what is saved stays, and what can go on goes on."""

import multiprocessing
import os
import resource
import shutil
import signal

import pytest
import torch
from conftest import run, switch
from mmengine.hooks import Hook
from mmpose.registry import HOOKS

from mmpose_dualteach.dev.soak import differences
from mmpose_dualteach.engine.checkpoints.safe_loading import load_safely
from mmpose_dualteach.models.adapters.heatmap import HeatmapAdapter


def weights(runner) -> dict:
    return {key: value.clone() for key, value in runner.model.state_dict().items()}


def log_of(work_dir) -> str:
    return ''.join(path.read_text() for path in work_dir.rglob('*.log'))


CALLS = []


@HOOKS.register_module()
class CallHook(Hook):
    """Call something before an iteration; by number, since mmengine prints configs."""

    def __init__(self, number: int, at: int) -> None:
        self.call, self.at = CALLS[number], at

    def before_train_iter(self, runner, *_, **__):
        if runner.iter == self.at:
            self.call(runner)


def calling(config, call, at: int) -> list:
    CALLS.append(call)
    return [*config.get('custom_hooks', []), dict(type='CallHook', number=len(CALLS) - 1, at=at)]


# ------------------------------------------------------------------ losses that are not finite


def spoil_lessons(monkeypatch, config, times, statistics=False) -> list:
    """Hooks of a run in which some of b's lessons have a loss that is no number."""
    original, count, students = HeatmapAdapter.loss, [], []

    def loss(self, student, answer, target):
        value = original(self, student, answer, target)
        if student not in students:
            return value
        count.append(1)
        if len(count) not in times:
            return value
        for buffer in student.buffers() if statistics else ():
            if buffer.is_floating_point():
                buffer.data.fill_(float('nan'))  # As a forward pass does it: no backward pass minds.
        return value * float('nan')

    monkeypatch.setattr(HeatmapAdapter, 'loss', loss)
    return calling(config, lambda runner: students.append(runner.model.networks['b']), 0)


@pytest.mark.parametrize('statistics', [False, True])
def test_a_lesson_that_is_not_finite_is_skipped_and_counted(stock, tmp_path, monkeypatch, statistics):
    config = switch(stock, hook=dict(interval=2))
    config.train_cfg.max_epochs = 2
    runner = run(config, tmp_path, custom_hooks=spoil_lessons(monkeypatch, config, (3, 8), statistics))
    assert runner.iter == 12 and runner.model.guard.counts() == dict(a=[0, 0], b=[2, 0])
    assert all(value.isfinite().all() for value in weights(runner).values())
    assert '1 lessons of network b were skipped' in log_of(tmp_path)
    assert runner.message_hub.get_info('mutual_teaching_skipped_lessons') == dict(b=2)


@pytest.mark.parametrize('kept', ['all', 'easy'])
def test_a_skipped_lesson_leaves_its_step_as_if_it_had_not_been_given(stock, tmp_path, monkeypatch, kept):
    ends = []
    for lessons, times in (([], ()), ([dict(teacher='a', student='b')], (1,))):
        options = dict(lessons=lessons, statistics=kept)
        config = switch(stock, model=options, unlabeled=dict(ann_file='train.json', indices=4))
        with monkeypatch.context() as patched:
            hooks = spoil_lessons(patched, config, times, statistics=True)
            runner = run(config, tmp_path / str(len(lessons)), custom_hooks=hooks)
        assert runner.iter == 1
        ends.append({key: value for key, value in weights(runner).items() if 'num_batches' not in key})
    for key, value in ends[0].items():
        if kept == 'easy' and 'networks.a.backbone' in key and 'running' in key:  # No easy view counted in this step.
            value = torch.full_like(value, float('var' in key))
        assert torch.equal(value, ends[1][key]), key


def test_a_run_resumed_after_a_skipped_lesson_ends_where_the_whole_one_ends(everything, tmp_path, monkeypatch):
    def interrupt(_):
        raise InterruptedError

    everything.train_cfg.max_epochs = 2
    for folder in ('whole', 'part'):
        with monkeypatch.context() as patched:
            hooks = spoil_lessons(patched, everything, (2,), statistics=True)
            if folder == 'whole':
                run(everything, tmp_path / folder, custom_hooks=hooks)
                continue
            with pytest.raises(InterruptedError):
                run(everything, tmp_path / folder, custom_hooks=[*hooks, *calling(everything, interrupt, 8)])
    resumed = run(everything, tmp_path / 'part', resume=True)
    assert resumed.iter == 12 and resumed.message_hub.get_info('mutual_teaching_skipped_lessons') == dict(b=1)
    ends = [load_safely((tmp_path / folder / 'last_checkpoint').read_text()) for folder in ('whole', 'part')]
    assert not differences(*ends)


def test_a_run_of_skipped_lessons_stops_with_the_reason(stock, tmp_path, monkeypatch):
    config = switch(stock, hook=dict(interval=1, max_skipped=3))
    config.train_cfg.max_epochs = 2
    with pytest.raises(RuntimeError, match='iteration 8: the last 4 lessons of network b were skipped'):
        run(config, tmp_path, custom_hooks=spoil_lessons(monkeypatch, config, range(5, 99)))
    assert torch.load(tmp_path / 'epoch_1.pth')['meta']['iter'] == 6


# ------------------------------------------------------------------ memory, disk, source, workers


@pytest.mark.parametrize(
    'options, message',
    [
        (
            dict(),
            '2 labelled and 6 unlabelled instances of 64x96 pixels: lower the unlabelled part .*--amp.*input_size',
        ),
        (dict(autocast='bfloat16'), 'lower the unlabelled part .*--batch.*, then use smaller views'),
        (dict(lessons=[]), 'with 2 labelled instances of 64x96 pixels: lower the batch first .*--amp'),
    ],
)
def test_out_of_memory_says_what_to_lower(stock, tmp_path, monkeypatch, options, message):
    def too_much(runner):
        def loss(*_):
            raise torch.cuda.OutOfMemoryError('CUDA out of memory. Tried to allocate 2.00 GiB')

        monkeypatch.setattr(runner.model.networks['b'], 'loss', loss)

    config = switch(stock, batch=(2, 6), model=options)
    with pytest.raises(torch.cuda.OutOfMemoryError, match=message):
        run(config, tmp_path, custom_hooks=calling(config, too_much, 0))


def test_a_disk_that_fills_while_saving_loses_nothing(stock, tmp_path):
    config = switch(stock)
    config.merge_from_dict(
        dict(train_cfg=dict(max_epochs=3), default_hooks=dict(checkpoint=dict(max_keep_ckpts=1, save_best=None)))
    )
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(size):
        return lambda runner: resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))

    def look(runner):
        limit(limits[0])(runner)
        seen.extend(sorted(path.name for path in tmp_path.glob('epoch*')))

    seen = []
    config.custom_hooks = calling(config, limit(100_000), 11)  # The last iteration of the second epoch.
    hooks = calling(config, look, 12)
    try:
        run(config, tmp_path, custom_hooks=hooks)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert seen == ['epoch_1.pth'], 'no half file, and the one before it stays'
    assert 'could not be written' in log_of(tmp_path) and 'training goes on' in log_of(tmp_path)
    assert torch.load(tmp_path / 'epoch_3.pth')['meta']['iter'] == 18
    assert sorted(path.name for path in tmp_path.glob('epoch*')) == ['epoch_3.pth']


def test_a_disk_that_is_full_at_the_end_is_an_error(stock, tmp_path):
    config = switch(stock)
    config.merge_from_dict(dict(train_cfg=dict(max_epochs=2)))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    hooks = calling(config, lambda runner: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1])), 11)
    try:
        with pytest.raises(OSError, match='could not be written to .*make room there, then go on with --resume'):
            run(config, tmp_path, custom_hooks=hooks)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert torch.load(tmp_path / 'epoch_1.pth')['meta']['iter'] == 6
    assert run(config, tmp_path, resume=True).iter == 12


def test_a_source_that_disappears_halfway_is_named_and_the_run_goes_on_when_it_is_back(stock, people, tmp_path):
    images = tmp_path / 'pictures'
    shutil.copytree(people / 'images', images)
    config = switch(
        stock, unlabeled=dict(ann_file=str(people / 'train.json'), data_root='', data_prefix=dict(img=str(images)))
    )
    config.train_cfg.max_epochs = 2
    hooks = calling(config, lambda runner: images.rename(tmp_path / 'gone'), 8)
    with pytest.raises(ValueError, match=f'20 unlabelled images in a row cannot be used.*is missing.*{images}'):
        run(config, tmp_path / 'part', custom_hooks=hooks)
    (tmp_path / 'gone').rename(images)
    resumed, whole = run(config, tmp_path / 'part', resume=True), run(config, tmp_path / 'whole')
    assert all(torch.equal(value, weights(whole)[key]) for key, value in weights(resumed).items())


def test_a_killed_worker_ends_the_run_and_loses_nothing(stock, tmp_path):
    config = switch(stock)
    config.merge_from_dict(
        dict(
            train_cfg=dict(max_epochs=2),
            train_dataloader=dict(num_workers=2, multiprocessing_context='fork', persistent_workers=False),
        )
    )

    def kill(runner):
        os.kill(multiprocessing.active_children()[0].pid, signal.SIGKILL)

    # As torch finds out: by the worker's end, or in the middle of what it was handing over.
    with pytest.raises((RuntimeError, ConnectionResetError), match='worker|Connection reset by peer'):
        run(config, tmp_path / 'part', custom_hooks=calling(config, kill, 7))
    resumed, whole = run(config, tmp_path / 'part', resume=True), run(config, tmp_path / 'whole')
    assert all(torch.equal(value, weights(whole)[key]) for key, value in weights(resumed).items())
