# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""A network that learns from the labels alone beside the others tells what teaching is worth."""

import copy
import math

import pytest
import torch
from conftest import run, switch
from crowds import crowd_config
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from mmpose.registry import DATASETS, HOOKS, MODELS

from mmpose_dualteach.datasets import UnlabeledPoseDataset
from mmpose_dualteach.engine.run.teaching_verdict import gain_over, verdict_of
from mmpose_dualteach.switch import stock_config, supervised
from mmpose_dualteach.visualization.report.runs import RunLog


@HOOKS.register_module()
class GivenScoresHook(Hook):
    """Puts scores of our own in the place of each validation's."""

    priority = 'VERY_HIGH'

    def __init__(self, scores: list) -> None:
        self.scores = list(scores)

    def after_val_epoch(self, runner, metrics=None):
        metrics.update(self.scores.pop(0))


def build(config):
    torch.manual_seed(0)
    model = MODELS.build(copy.deepcopy(config.model))
    model.init_weights()
    return model


def test_the_baseline_learns_what_it_would_without_the_others(stock):
    taught, alone = switch(stock, baseline=True), switch(stock, model=dict(networks=dict(z=dict(seed=2)), lessons=[]))
    dataset = DATASETS.build(copy.deepcopy(taught.train_dataloader.dataset))
    batch = pseudo_collate([dataset[index] for index in (0, 1, 2, 3, 8, 9, 10, 11)])
    taught.model.networks.baseline.seed = 2
    weights = {}
    for config, name in ((taught, 'baseline'), (alone, 'z')):
        model = build(config).train()
        wrapper = OptimWrapper(torch.optim.Adam(model.parameters(), lr=1e-3))
        losses = [model.train_step(copy.deepcopy(batch), wrapper) for _ in range(2)][-1]
        weights[name] = model.networks[name].state_dict()
        assert losses[f'{name}/loss_kpt'] > 0 and f'{name}/loss_pseudo' not in losses
    assert all(torch.equal(value, weights['z'][key]) for key, value in weights['baseline'].items())


def test_the_baseline_is_no_part_of_the_mean(stock):
    config = switch(stock, baseline=True, model=dict(predict_on='mean'))
    model = build(config).eval()
    assert model.answers == ['mean', 'a', 'b', 'baseline'] and model.baselines == ['baseline']
    dataset = DATASETS.build(copy.deepcopy(config.val_dataloader.dataset))
    data = model.data_preprocessor(pseudo_collate([dataset[0], dataset[1]]), False)
    answers = model.predict_all(data['inputs'], data['data_samples'])
    heatmaps = [model.networks[name](data['inputs'], None, mode='tensor') for name in 'ab']
    expected = model.networks['a'].head.decode(sum(heatmaps) / 2)
    for ours, theirs in zip(answers['mean'], expected):
        assert (ours.pred_instances.keypoint_scores == theirs.keypoint_scores).all()
    assert set(answers) == {'a', 'b', 'mean', 'baseline'}


@pytest.mark.parametrize('rule, sign', [('greater', 1), ('less', -1)])
def test_every_validation_tells_what_teaching_is_worth(stock, tmp_path, rule, sign):
    def scores(a, b, baseline):
        values = {'PCK': a, 'b/PCK': b, 'mean/PCK': 0.8, 'baseline/PCK': baseline}  # Better than each.
        return {key: sign * value for key, value in values.items()}

    stock['custom_hooks'] = [
        dict(type='GivenScoresHook', scores=[scores(0.4, 0.5, 0.3), scores(0.6, 0.4, 0.5), scores(0.6, 0.65, 0.7)])
    ]
    stock['default_hooks']['checkpoint'].update(rule=rule)
    runner = run(switch(stock, baseline=True), tmp_path, train_cfg=dict(max_epochs=3))
    (log,) = tmp_path.glob('*/*.log')
    lines = [line for line in log.read_text().splitlines() if 'teaching ' in line]
    assert ['teaching helps.' in line for line in lines] == [True, False, False]
    assert ['neither helps nor harms' in line for line in lines] == [False, True, False]
    assert 'WARNING' in lines[2] and 'teaching harms' in lines[2]
    assert (
        f'PCK: a {sign * 0.4:.4f}, b {sign * 0.5:.4f}, mean {sign * 0.8:.4f}; of the labels alone: baseline'
        in (lines[0])
    )
    assert 'gains: a -14.3%, b -7.1%; see' in lines[2]
    report = RunLog.of('run', tmp_path)
    assert report.verdict == 'run: teaching harms (gains over the labels alone: a -14.3%, b -7.1%).'
    assert [value for _, value in report.scores['b']['gain']] == pytest.approx([2 / 3, -0.2, -1 / 14])
    assert runner.message_hub.get_info('mutual_teaching_scores')['best'] == 'baseline', 'then it is the better student'
    assert 'a teaches b, b teaches a; ' in log.read_text() and '; baseline learns from labels alone' in log.read_text()


@pytest.mark.parametrize(
    'alone, a, b, less, verdict',
    [
        ([0.0], 0.0, 0.0, False, 'neither helps nor harms'),
        ([0.0], 0.3, 0.3, False, 'neither helps nor harms'),
        ([0.08], 0.08, 0.08, True, 'neither helps nor harms'),
        ([0.08], 0.0799999, 0.0799, True, 'neither helps nor harms'),
        ([0.0800], 0.0850, 0.0860, True, 'harms'),
        ([math.nan], 0.5, 0.6, False, 'neither helps nor harms'),
        ([0.5], 0.6, math.nan, False, 'neither helps nor harms'),
        ([0.5, math.nan, 0.4], 0.6, 0.51, False, 'helps'),
        ([0.5], 0.0, 0.0, False, 'harms'),
    ],
)
def test_the_verdict_is_of_every_network_by_more_than_chance(alone, a, b, less, verdict):
    assert verdict_of({name: gain_over(alone, value, less) for name, value in dict(a=a, b=b).items()}) == verdict


def test_in_the_burn_in_nothing_is_told(stock, tmp_path):
    run(switch(stock, baseline=True, hook=dict(burn_in=5)), tmp_path)
    (log,) = tmp_path.glob('*/*.log')
    assert 'teaching he' not in log.read_text() and 'teaching ha' not in log.read_text()


def test_at_the_end_of_the_burn_in_nothing_has_been_taught(stock, tmp_path):
    runner = run(switch(stock, baseline=True, hook=dict(burn_in=1)), tmp_path, train_cfg=dict(max_epochs=2))
    (log,) = tmp_path.glob('*/*.log')
    told = [line for line in log.read_text().splitlines() if 'teaching ' in line]
    assert len(told) == 1 and log.read_text().index('loss_pseudo: 0.0') < log.read_text().index(told[0])
    config = runner.cfg.copy()
    for key in ('train_dataloader', 'train_cfg', 'optim_wrapper', 'param_scheduler'):
        config[key] = None
    config.work_dir = str(tmp_path / 'val')
    config.experiment_name = None
    config.default_hooks.checkpoint.pop('save_best')  # It wants a training run, in stock mmengine too.
    assert 'baseline/PCK' in Runner.from_cfg(config).val(), 'without a train loop'


def test_rounds_that_end_on_labels_are_judged_at_their_end(stock, tmp_path):
    stock['train_cfg'].update(val_interval=1)
    config = switch(stock, method='self-training', baseline=True, hook=dict(rounds=1))
    run(config, tmp_path, train_cfg=dict(max_epochs=3))
    (log,) = tmp_path.glob('*/*.log')
    told = [line for line in log.read_text().splitlines() if 'teaching ' in line]
    assert len(told) == 2 and 'no lesson ever counts' not in log.read_text()


def test_the_baseline_has_what_the_first_network_has_of_its_own(stock):
    networks = dict(a=dict(seed=7, backbone=dict(depth=34)), b=dict())
    own = switch(stock, baseline=True, model=dict(networks=networks)).model.networks.baseline
    assert own == dict(backbone=dict(depth=34))
    frozen = dict(frozen=True, init_cfg=dict(type='Pretrained', checkpoint='x.pth'))
    model = dict(networks=dict(big=frozen, a=dict(seed=3)), lessons=[dict(teacher='big', student='a')])
    assert switch(stock, baseline=True, model=model).model.networks.baseline == {}
    with pytest.raises(ValueError, match='baseline=True: without lessons'):
        switch(stock, baseline=True, model=dict(lessons=[]))


def test_without_a_baseline_nothing_is_told(stock, tmp_path):
    run(switch(stock), tmp_path)
    (log,) = tmp_path.glob('*/*.log')
    assert 'teaching helps' not in log.read_text() and 'teaching harms' not in log.read_text()


def alone(config):
    config = copy.deepcopy(config)
    config.merge_from_dict(supervised(config))
    return config


def test_the_supervised_run_is_that_of_a_network_that_is_not_taught(stock, tmp_path):
    taught = switch(stock, model=dict(networks=dict(a=dict(seed=5), b=dict(), z=dict(seed=5))))
    weights = [
        run(config, tmp_path / name, randomness=dict(seed=1)).model.networks[name].state_dict()
        for config, name in ((taught, 'z'), (alone(taught), 'a'))
    ]
    assert all(torch.equal(value, weights[0][key]) for key, value in weights[1].items())


def test_only_those_that_are_taught_have_the_methods_weight_of_labels(stock):
    taught = switch(stock, method='posedual', baseline=True)
    assert build(taught).sup_weights == dict(a=0.5, b=0.5, baseline=1.0)
    assert build(alone(switch(stock, method='posedual'))).sup_weights == dict(a=1.0)


def test_a_supervised_run_loads_no_image_without_labels(stock, tmp_path, monkeypatch):
    config = alone(switch(stock))
    loader = config.train_dataloader
    assert loader.batch_size == loader.sampler.labeled == 4 and list(config.model.networks) == ['a']
    again = switch(stock, model=dict(networks=dict(a=dict()), lessons=[]))
    assert (again.train_dataloader, again.model.lessons) == (loader, [])
    monkeypatch.setattr(UnlabeledPoseDataset, '__getitem__', lambda *_: pytest.fail('an image without labels was read'))
    runner = run(config, tmp_path)
    assert runner.iter == len(DATASETS.build(copy.deepcopy(loader.dataset)).datasets[1]) // loader.sampler.unlabeled


def test_the_baseline_of_a_run_in_rounds_is_one_run_on_labels(stock, tmp_path):
    stock['train_cfg']['max_epochs'] = 2
    taught = switch(stock, method='self-training')
    assert taught.default_hooks.dual_teacher.rounds
    weights = [
        run(each, tmp_path / str(n)).model.state_dict() for n, each in enumerate([alone(taught), alone(switch(stock))])
    ]
    assert all(torch.equal(value, weights[1][key]) for key, value in weights[0].items())


def test_the_baseline_stays_on_labels_where_a_stock_hook_changes_the_set(crowd, tmp_path, monkeypatch):
    stock = crowd_config('yoloxpose', crowd)
    later = copy.deepcopy(stock['train_dataloader']['dataset'])
    stock['custom_hooks'] = [dict(type='YOLOXPoseModeSwitchHook', num_last_epochs=1, new_train_dataset=later)]
    monkeypatch.setattr(UnlabeledPoseDataset, '__getitem__', lambda *_: pytest.fail('an image without labels was read'))
    runner = run(alone(switch(stock, labeled=dict(indices=6))), tmp_path, train_cfg=dict(max_epochs=3))
    assert runner.iter == 9 and runner.model.networks['a'].head.use_aux_loss
    assert runner.train_dataloader.dataset.labels_alone and runner.train_dataloader.dataset.num_labeled == 6


def test_the_baseline_of_a_switched_config_keeps_its_learning_rate_rule_and_the_way_back(stock):
    stock['auto_scale_lr'] = dict(base_batch_size=512)
    taught = switch(stock)
    assert taught.auto_scale_lr.base_batch_size == 1024 and alone(taught).auto_scale_lr.base_batch_size == 512
    assert stock_config(alone(taught)).to_dict() == stock_config(taught).to_dict()
    big = dict(a=dict(), big=dict(frozen=True, init_cfg=dict(type='Pretrained', checkpoint='x.pth')))
    lesson = dict(teacher='big', student='a')
    assert list(supervised(switch(stock, model=dict(networks=big, lessons=[lesson])))['model']['networks'])[0] == 'a'
    with pytest.raises(ValueError, match='big answers, but is frozen'):
        supervised(switch(stock, model=dict(networks=big, lessons=[lesson], predict_on='big')))
    with pytest.raises(ValueError, match='is not switched'):
        supervised(Config(stock))
