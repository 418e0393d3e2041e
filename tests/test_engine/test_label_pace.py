# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Lessons count little while labels teach fast."""

import numpy as np
import pytest
from conftest import run, switch

from mmpose_dualteach.engine.run.label_pace import LABELED_LOSS, share_left
from mmpose_dualteach.models.estimators import MutualTeachingPoseEstimator


@pytest.mark.parametrize('steps', [9, 40, 75, 300])
@pytest.mark.parametrize('half_life, share', [(50, 0.25), (100, 0.5), (1e6, 1.0)])
def test_what_labels_would_leave_in_a_hundred_steps(steps, half_life, share):
    losses = 0.02 * 0.5 ** (np.arange(steps) / half_life)
    assert share_left(losses, 0) == pytest.approx(share, rel=1e-3)
    assert share_left(7 * losses, 0) == pytest.approx(share, rel=1e-3), 'in any unit'
    assert share_left(losses, 100) == pytest.approx(share**0.5, rel=1e-3), 'half as far'
    assert share_left(losses, 900) == pytest.approx(share**0.1, rel=1e-3)
    assert share_left(losses, 10**6) > 0.999, 'labels have time'


def test_only_the_last_steps_tell():
    assert share_left([5.0] * 100 + [1.0] * 75, 0) == 1
    assert share_left([1.0] * 100 + [0.5] * 75, 0) == 1


@pytest.mark.parametrize(
    'losses', [[], [3, 2, 1], [-1.0] * 50, [4.0] * 25 + [-2.0] * 50, [0.0] * 20, [1.0] * 20 + [2.0] * 20]
)
def test_where_nothing_is_known_lessons_count_in_full(losses):
    assert share_left(losses, 0) == 1


def test_lessons_wait(stock, tmp_path, monkeypatch):
    weights = []
    step = MutualTeachingPoseEstimator.train_step

    def noted(self, *arguments, **named):
        weights.append(self.unsup_scale)
        return step(self, *arguments, **named)

    monkeypatch.setattr(MutualTeachingPoseEstimator, 'train_step', noted)
    stock['train_cfg'].update(max_epochs=3)
    runner = run(switch(stock, baseline=True, hook=dict(ramp_up=1, wait_for_labels=True)), tmp_path / 'default')
    of = {name: runner.message_hub.get_scalar(f'train/{name}/loss_kpt').data[0] for name in 'ab'}
    losses = runner.message_hub.get_scalar(LABELED_LOSS).data[0]
    assert np.allclose(losses, of['a'] + of['b']), 'of who is taught, and not of the baseline'
    ramp_up = [min(1.0, step / 6) for step in range(18)]
    assert weights == [ramp * share_left(losses[:step], 18 - step) for step, ramp in enumerate(ramp_up)]
    assert 0 < min(weights[9:]) < 0.9, 'of a network that begins to learn'
    assert list(runner.message_hub.get_scalar('train/lesson_share').data[0][:9]) == [1.0] * 9
    (log,) = (tmp_path / 'default').glob('*/*.log')
    assert (
        'each joint as much as its teacher is sure of it, and less where labels still teach fast at the end'
        in log.read_text()
    )


@pytest.mark.parametrize('options', [dict(), dict(model=dict(lessons=[]), hook=dict(wait_for_labels=True))])
def test_others_do_not_wait(stock, tmp_path, options):
    runner = run(switch(stock, **options), tmp_path)
    assert LABELED_LOSS not in runner.message_hub.log_scalars
    (log,) = tmp_path.glob('*/*.log')
    assert 'labels still teach fast' not in log.read_text()
