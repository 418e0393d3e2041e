# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Methods by name: each is a short file of data that does what it says."""

import copy

import pytest
import torch
from conftest import switch, tool
from mmengine.dataset import pseudo_collate
from mmengine.optim import OptimWrapper
from mmpose.registry import DATASETS, MODELS

from mmpose_dualteach.methods import DEFAULT, find_method, method_names


def step(config):
    """One step of a switched config: the model, its log, and what its networks did, forward and with a gradient."""
    torch.manual_seed(0)
    model = MODELS.build(copy.deepcopy(config.model)).train()
    model.watching = model.record_lessons = True
    passes = []
    averages = [average.module for average in model.copies.averages.values()]
    for network in [*model.networks.values(), *averages, *model.copies.snapshots.values()]:
        network.backbone.register_forward_hook(lambda *_: passes.append(3 if torch.is_grad_enabled() else 1))
    dataset = DATASETS.build(copy.deepcopy(config.train_dataloader.dataset))
    batch = pseudo_collate([dataset[n] for n in (0, 1, 2, 3, 8, 9, 10, 11)])
    log = model.train_step(batch, OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.01)))
    return model, log, sum(passes)


@pytest.mark.parametrize('name', method_names())
def test_every_method_trains_and_costs_what_it_says(name, stock):
    method = find_method(name)
    model, log, passes = step(switch(stock, method=name))
    # This step is looked at: once more forward over labelled images, where drift is watched.
    looks = len(model.statistics.networks) if model.statistics.kind != 'all' else 0
    assert passes == method.passes + looks
    for network in model.networks:
        assert log[f'{network}/loss_kpt'] > 0 and log[f'{network}/loss_pseudo'] >= 0
    assert len(model.records) == len(model.lessons) * len(model.paths)


def test_every_method_tells_its_source_and_is_listed(capsys):
    with pytest.raises(SystemExit) as ended:
        tool('switch_config')(['--methods'])
    assert ended.value.code == 0
    listed = capsys.readouterr().out
    assert method_names()[0] == DEFAULT
    for name in method_names():
        method = find_method(name)
        assert len(method.summary.splitlines()) == 1 and method.summary.endswith('.') and method.title and method.source
        assert f'{name}: {method.summary}\n    {method.source}; a step is {method.passes} passes of a network' in listed


def test_a_methods_data_are_left_as_they_are(stock):
    before = copy.deepcopy(find_method('multiaugs').options)
    switch(stock, method='multiaugs', model=dict(sup_weight=0.9), views=dict(hard=dict(rotate_factor=1.0)))
    assert find_method('multiaugs').options == before


def test_a_users_networks_and_lessons_come_on_top(stock):
    def networks(method, **model):
        return list(switch(stock, method=method, model=model).model.networks)

    both = [dict(teacher='a', student='b'), dict(teacher='b', student='a')]
    assert networks('posedual', networks=dict(b=dict(seed=3))) == ['a', 'b']
    assert networks('posedual', networks=dict(b=dict(), a=dict(seed=3))) == ['b', 'a'], 'the first one answers'
    assert networks('sspcm', networks=dict(b=dict(seed=3))) == ['a', 'b', 'c']
    assert networks('posecons', networks=dict(x=dict()), lessons=[dict(teacher='x', student='x')]) == ['x']
    assert networks('mutual-teaching', networks=dict(x=dict()), lessons=[]) == ['x']
    assert networks('posecons', networks=dict(b=dict()), lessons=both) == ['a', 'b']
    with pytest.raises(ValueError, match="lessons are of \\['a', 'b'\\]; name these, or give model.lessons too"):
        networks('mutual-teaching', networks=dict(x=dict(), y=dict()))
    own = switch(stock, method='sspcm', model=dict(networks=dict(a=dict(seed=1)), lessons=both)).model
    assert MODELS.build(own).predict_on == 'a', "the method's c is left out"
    alone = switch(stock, model=dict(networks=dict(alone=dict(), a=dict(), b=dict()), lessons=both))
    assert MODELS.build(alone.model).predict_on == 'a', 'who learns from labels alone does not answer'


def test_none_takes_away_what_a_method_sets(stock):
    config = switch(stock, method='scarcenet', model=dict(max_disagreement=None), views='paper')
    assert 'max_disagreement' not in config.model and config.model.redraw
    pipeline = config.train_dataloader.dataset.unlabeled.pipeline
    (views,) = [each for each in pipeline if each['type'] == 'EasyHardViews']
    assert not views['independent'], "both views are the paper's"
    own = switch(stock, method='posedual', views=dict(easy=None)).train_dataloader.dataset.unlabeled.pipeline
    assert [each['easy']['law'] for each in own if each['type'] == 'EasyHardViews'] == ['truncated'], (
        'as labels have it'
    )
    switch(stock, method='self-training', hook=dict(rounds=None, burn_in='20%'))
