# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""A frozen teacher: larger than its student, never learning, never exported."""

import copy

import pytest
import torch
from conftest import run, switch
from mmpose.registry import MODELS

from mmpose_dualteach.engine.checkpoints.safe_loading import load_safely
from mmpose_dualteach.methods import passes_of

LESSON = [dict(teacher='big', student='a')]


@pytest.fixture
def frozen(stock, tmp_path):
    """Networks of the small config: one that learns, and a wider frozen one with the weights of a file."""
    wide = dict(stem_channels=8, base_channels=16, depth=18)
    head = dict(in_channels=64)
    torch.manual_seed(5)
    model = copy.deepcopy(stock['model'])
    model['backbone'].update(wide)
    model['head'].update(head)
    teacher = MODELS.build(model)
    path = tmp_path / 'teacher.pth'
    torch.save(dict(state_dict=teacher.state_dict()), path)
    big = dict(frozen=True, init_cfg=dict(type='Pretrained', checkpoint=str(path)), backbone=wide, head=head)
    return dict(a=dict(), big=big), teacher.state_dict()


def test_a_frozen_teacher_teaches_and_stays_as_it_is(stock, frozen, tmp_path):
    networks, weights = frozen
    config = switch(
        stock, model=dict(networks=networks, lessons=LESSON), hook=dict(interval=1), pictures=dict(interval=6)
    )
    runner = run(config, tmp_path / 'run')
    model = runner.model
    kept = model.networks['big'].state_dict()
    assert all(torch.equal(value, weights[key]) for key, value in kept.items()), 'running statistics included'
    model.train()
    assert not any(module.training for module in model.networks['big'].modules()) and model.networks['a'].training
    state = runner.optim_wrapper.optimizer.state
    assert len(state) == len([*model.networks['a'].parameters()])
    log = runner.message_hub.log_scalars
    assert {'train/a/loss_kpt', 'train/a/loss_pseudo', 'val/PCK', 'val/big/PCK'} <= set(log)
    assert 'train/big/loss_kpt' not in log and not any('mean' in key for key in log)
    assert 'big teaches a' in (text := next((tmp_path / 'run').rglob('*.log')).read_text()) and 'big is frozen' in text
    student = load_safely(str(tmp_path / 'run' / 'student_last.pth'))['state_dict']
    assert all(torch.equal(value, model.networks['a'].state_dict()[key]) for key, value in student.items())
    assert passes_of(config.model) == 3 + 1 + 3

    resumed = run(config, tmp_path / 'run', train_cfg=dict(max_epochs=2), resume=True)
    again = resumed.model.networks['big'].state_dict()
    assert all(torch.equal(value, weights[key]) for key, value in again.items()) and resumed.epoch == 2


def test_a_stock_checkpoint_is_of_those_that_learn(stock, frozen):
    networks, weights = frozen
    model = MODELS.build(switch(stock, model=dict(networks=networks, lessons=LESSON)).model)
    model.init_weights()
    other = MODELS.build(copy.deepcopy(stock['model'])).state_dict()
    missing = model.load_state_dict(other, strict=False).missing_keys
    assert missing and all(key.startswith('networks.big.') for key in missing)
    assert all(torch.equal(value, other[key]) for key, value in model.networks['a'].state_dict().items())
    assert all(torch.equal(value, weights[key]) for key, value in model.networks['big'].state_dict().items())


def test_the_baseline_is_compared_with_those_that_learn(stock, frozen, tmp_path):
    networks, _ = frozen
    config = switch(stock, model=dict(networks=networks, lessons=LESSON), baseline=True)
    run(config, tmp_path / 'run')
    text = next((tmp_path / 'run').rglob('*.log')).read_text()
    verdict = next(line for line in text.splitlines() if 'of the labels alone: baseline' in line)
    assert 'PCK: a ' in verdict and 'big' not in verdict


@pytest.mark.parametrize(
    'networks, lessons, message',
    [
        (
            dict(a=dict(), b=dict(frozen=True)),
            [dict(teacher='b', student='a')],
            r"networks.b: a frozen .*type='Pretrained'",
        ),
        (dict(a=dict(frozen=True)), [], 'all are frozen'),
        (
            dict(a=dict(), b=dict(frozen=True, init_cfg=dict(type='Pretrained', checkpoint='x'))),
            [dict(teacher='a', student='b')],
            'b is frozen and cannot be a student',
        ),
    ],
)
def test_bad_frozen_networks_are_named(stock, networks, lessons, message):
    with pytest.raises(ValueError, match=message):
        MODELS.build(switch(stock, model=dict(networks=networks, lessons=lessons)).model)
