# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Stock hooks, optimizers and datasets that reach into the model or the training dataset keep working."""

import copy

import pytest
import torch
from conftest import run, switch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmpose.registry import MODELS

from mmpose_dualteach.engine.checkpoints.safe_loading import load_safely
from mmpose_dualteach.switch import stock_config

EMA = dict(type='EMAHook', ema_type='ExpMomentumEMA', momentum=0.3, update_buffers=True)


@pytest.mark.parametrize('priority', [49, 'NORMAL', 'BELOW_NORMAL'])
def test_ema_averages_both_networks_and_the_export_is_what_was_validated(stock, tmp_path, priority):
    stock['custom_hooks'] = [dict(EMA, priority=priority)]
    run(
        switch(stock, model=dict(lessons=[dict(teacher='a.ema', student='b'), dict(teacher='b', student='a')])),
        tmp_path,
    )
    checkpoint = load_safely(str(next(tmp_path.glob('epoch_*.pth'))))
    averaged, trained = checkpoint['state_dict'], checkpoint['ema_state_dict']
    best = checkpoint['message_hub']['runtime_info']['mutual_teaching_scores']['best']
    for network in 'ab':
        key = f'networks.{network}.head.final_layer.weight'
        assert not torch.equal(averaged[key], trained[f'module.{key}']), 'the average differs from the network'
    for name in ('student_best.pth', 'student_last.pth'):
        exported = load_safely(str(tmp_path / name))['state_dict']
        for key, value in exported.items():
            assert torch.equal(value, averaged[f'networks.{best}.{key}']), key


def test_pipeline_switch_changes_the_labelled_pipeline_alone(stock, tmp_path):
    second = [t for t in stock['train_dataloader']['dataset']['pipeline'] if t['type'] != 'RandomBBoxTransform']
    stock['custom_hooks'] = [dict(type='mmdet.PipelineSwitchHook', switch_epoch=1, switch_pipeline=second)]
    stock['train_cfg']['max_epochs'] = 2
    runner = run(switch(stock), tmp_path)
    labeled, unlabeled = runner.train_dataloader.dataset.datasets
    names = [type(transform).__name__ for transform in labeled.pipeline.transforms]
    assert names == [t['type'] for t in second]
    left = [type(transform).__name__ for transform in unlabeled.pipeline.transforms]
    assert left == ['LoadImage', 'WholeImageBox', 'GetBBoxCenterScale', 'EasyHardViews', 'MultiBranch']


def test_a_constructor_that_goes_by_names_sees_the_stock_names(stock):
    stock['optim_wrapper'] = dict(
        optimizer=dict(type='AdamW', lr=1.0, weight_decay=0.1),
        constructor='LayerDecayOptimWrapperConstructor',
        paramwise_cfg=dict(num_layers=2, layer_decay_rate=0.5),
    )
    from mmpose.engine.optim_wrappers import layer_decay_optim_wrapper  # noqa: F401

    config = switch(stock)
    ours = build_optim_wrapper(MODELS.build(config.model), config.optim_wrapper.to_dict())
    restored = stock_config(config)
    assert restored.optim_wrapper.constructor == 'LayerDecayOptimWrapperConstructor'
    stocks = build_optim_wrapper(MODELS.build(restored.model), restored.optim_wrapper.to_dict())
    expected = [
        (group['lr'], group['weight_decay'], [p.shape for p in group['params']])
        for group in stocks.optimizer.param_groups
    ]
    got = [
        (group['lr'], group['weight_decay'], [p.shape for p in group['params']])
        for group in ours.optimizer.param_groups
    ]
    assert got == expected * 2


SMALL = dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=1.0, weight_decay=0.1))
LAYERS = dict(SMALL, constructor='LayerDecayOptimWrapperConstructor')
OF_TWO = dict(LAYERS, paramwise_cfg=dict(num_layers=2, layer_decay_rate=0.5))
OF_FOUR = dict(LAYERS, paramwise_cfg=dict(num_layers=4, layer_decay_rate=0.5))


@pytest.mark.parametrize('first, second', [(OF_TWO, OF_FOUR), (OF_TWO, SMALL), (SMALL, OF_FOUR)])
def test_a_network_of_a_config_of_its_own_has_its_options_of_a_constructor(stock, tmp_path, first, second):
    """A deeper ViT, for instance: by another number of layers its last ones would learn faster than the first."""
    from mmpose.engine.optim_wrappers import layer_decay_optim_wrapper  # noqa: F401

    stock['optim_wrapper'] = copy.deepcopy(first)
    Config(dict(stock, optim_wrapper=second)).dump(tmp_path / 'second.py')
    networks = dict(b=dict(config=str(tmp_path / 'second.py')), a=dict())
    config = switch(stock, model=dict(networks=networks), baseline=True)
    model = MODELS.build(copy.deepcopy(config.model))
    built = build_optim_wrapper(model, config.optim_wrapper.to_dict())
    groups = []
    for name, own in dict(b=second, a=first, baseline=second).items():
        assert stock_config(config, name).optim_wrapper == own
        alone = build_optim_wrapper(model.networks[name], copy.deepcopy(own))
        groups += alone.optimizer.param_groups
    assert stock_config(config).optim_wrapper == first

    def told(group):
        return group.get('group_name'), group['lr'], group['weight_decay'], [id(each) for each in group['params']]

    assert [told(group) for group in built.optimizer.param_groups] == [told(group) for group in groups]


def test_a_frozen_network_needs_no_options_of_a_constructor(stock, tmp_path):
    stock['optim_wrapper'] = copy.deepcopy(SMALL)
    Config(dict(stock, optim_wrapper=OF_FOUR)).dump(tmp_path / 'second.py')
    networks = dict(a=dict(), b=dict(config=str(tmp_path / 'second.py'), frozen=True))
    config = switch(stock, model=dict(networks=networks, lessons=[dict(teacher='b', student='a')]))
    assert config.optim_wrapper == SMALL


@pytest.mark.parametrize('key, slower', [('backbone', True), ('b.', False), ('net', False)])
def test_custom_keys_are_parts_of_stock_names(stock, key, slower):
    stock['optim_wrapper'] = dict(
        optimizer=dict(type='SGD', lr=1.0), paramwise_cfg=dict(custom_keys={key: dict(lr_mult=0.1)})
    )
    config = switch(stock)
    assert stock_config(config).optim_wrapper == stock['optim_wrapper']
    model = MODELS.build(config.model)
    groups = build_optim_wrapper(model, config.optim_wrapper.to_dict()).optimizer.param_groups
    rates = {id(parameter): group['lr'] for group in groups for parameter in group['params']}
    assert len(rates) == len(list(model.parameters()))
    for name, parameter in model.named_parameters():
        assert rates[id(parameter)] == (0.1 if slower and '.backbone.' in name else 1.0), name
