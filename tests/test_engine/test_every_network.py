# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Scores, files and exports of every network and their mean."""

import json
import pickle
import shutil
from types import SimpleNamespace

import pytest
import torch
from conftest import run, switch, tool
from mmengine.config import Config
from mmengine.hooks import CheckpointHook, Hook
from mmengine.runner import Runner, ValLoop
from mmpose.evaluation.metrics import EPE
from mmpose.models import TopdownPoseEstimator
from mmpose.registry import HOOKS, LOOPS, METRICS, MODELS

from mmpose_dualteach.engine.checkpoints.export import best_network
from mmpose_dualteach.engine.checkpoints.safe_loading import load_safely
from mmpose_dualteach.engine.hooks.atomic_checkpoint_hook import AtomicCheckpointHook
from mmpose_dualteach.engine.run.network_scores import NetworkScores, is_guessed
from mmpose_dualteach.engine.run.validation_log import ValidationLog, weights_digest
from mmpose_dualteach.models.estimators.network_ensemble import merged_parts
from mmpose_dualteach.switch import stock_config

export_network = tool('export')


def test_where_the_mean_answers_its_score_has_the_stock_name(stock, tmp_path):
    mean = run(switch(stock, model=dict(predict_on='mean')), tmp_path / 'mean')
    first = run(switch(stock), tmp_path / 'first')
    ours = {key: mean.message_hub.get_scalar(f'val/{key}').current() for key in ('PCK', 'a/PCK', 'b/PCK')}
    theirs = {key: first.message_hub.get_scalar(f'val/{key}').current() for key in ('PCK', 'b/PCK', 'mean/PCK')}
    assert ours == {'PCK': theirs['mean/PCK'], 'a/PCK': theirs['PCK'], 'b/PCK': theirs['b/PCK']}
    assert len({*ours.values()}) == 3, 'three different scores, or this shows nothing'
    assert mean.message_hub.get_info('best_score') == ours['PCK'], 'save_best goes by it'
    assert mean.message_hub.get_info('mutual_teaching_scores')['networks'] == dict(a=ours['a/PCK'], b=ours['b/PCK'])


def test_what_each_network_has_is_no_ones_of_the_whole(switched):
    model = MODELS.build(switched.model)
    with pytest.raises(AttributeError, match=r'model.networks.values\(\): network.backbone'):
        model.backbone.eval()
    with pytest.raises(AttributeError, match="has no attribute 'nothing'$"):
        model.nothing.eval()


def test_the_mean_of_one_network_is_that_network(stock, tmp_path):
    model = dict(networks=dict(a=dict()), lessons=[], predict_on='mean')
    runner = run(switch(stock, model=model), tmp_path)
    assert runner.model.predict_on == 'a' and runner.message_hub.get_scalar('val/PCK').current() >= 0
    assert (tmp_path / 'student_best.pth').exists()


@pytest.mark.parametrize('answer, others', [('a', ['b', 'mean']), ('mean', ['a', 'b'])])
def test_every_network_has_files_of_its_own(stock, people, tmp_path, answer, others):
    stock['val_evaluator'] = [
        dict(type='CocoMetric', ann_file=str(people / 'val.json'), outfile_prefix=str(tmp_path / 'coco')),
        dict(type='DumpResults', out_file_path=str(tmp_path / 'dump.pkl')),
    ]
    stock['default_hooks']['checkpoint'].pop('save_best')
    run(switch(stock, model=dict(predict_on=answer)), tmp_path / 'work')
    points = {}
    for name, middle in ((answer, ''), *((other, f'.{other}') for other in others)):
        rows = json.loads((tmp_path / f'coco{middle}.keypoints.json').read_text())
        dumped = pickle.loads((tmp_path / f'dump{middle}.pkl').read_bytes())
        points[name] = [value for row in rows for value in row['keypoints']]
        assert len(dumped) == 6
    a, b, mean = points['a'], points['b'], points['mean']
    assert a != b != mean != a


@HOOKS.register_module()
class ScoresHook(Hook):
    """Puts scores of our own in the place of a validation's."""

    priority = 'VERY_HIGH'

    def __init__(self, scores: list) -> None:
        self.scores = scores

    def after_val_epoch(self, runner, metrics=None):
        metrics.update(self.scores[runner.epoch - 1])


def test_one_rule_chooses_the_best_checkpoint_and_the_student(stock, tmp_path):
    """a is best at epoch 2 and b at epoch 3: save_best goes by a, so both files are of epoch 2, where b is better."""
    scores = [
        {'PCK': 0.3, 'b/PCK': 0.5, 'mean/PCK': 0.9},
        {'PCK': 0.6, 'b/PCK': 0.7, 'mean/PCK': 0.1},
        {'PCK': 0.4, 'b/PCK': 0.8, 'mean/PCK': 0.1},
    ]
    stock['custom_hooks'] = [dict(type='ScoresHook', scores=scores)]
    stock['default_hooks']['checkpoint'].update(max_keep_ckpts=3)
    run(switch(stock), tmp_path, train_cfg=dict(max_epochs=3))
    (best,) = tmp_path.glob('best_PCK*.pth')
    assert best.name == 'best_PCK_epoch_2.pth'
    whole = load_safely(str(best))
    copied = tmp_path.parent / f'{tmp_path.name}_copy'
    shutil.copytree(tmp_path, copied)
    stock['custom_hooks'] = [dict(type='ScoresHook', scores=[*scores, {'PCK': 0.9, 'b/PCK': 0.2, 'mean/PCK': 0.1}])]
    run(switch(stock), copied, train_cfg=dict(max_epochs=4), resume=True)
    assert best.exists() and [path.name for path in copied.glob('best_PCK*.pth')] == ['best_PCK_epoch_4.pth']
    bare = AtomicCheckpointHook.in_place_of(CheckpointHook(save_best=['PCK', 'b/PCK'], rule='greater'))
    bare.out_dir, bare.best_ckpt_path_dict = str(tmp_path / 'bare'), {'PCK': str(best), 'b/PCK': None}
    bare._leave_other_folders()
    assert bare.best_ckpt_path_dict == {'PCK': None, 'b/PCK': None}
    bare._publish_model(None, bare.best_ckpt_path_dict['PCK'])  # There is none to publish.
    for name, source, network in (
        ('student_best.pth', whole, 'b'),
        ('student_last.pth', load_safely(str(tmp_path / 'epoch_3.pth')), 'b'),
    ):
        for key, value in load_safely(str(tmp_path / name))['state_dict'].items():
            assert torch.equal(value, source['state_dict'][f'networks.{network}.{key}']), (name, key)
    log = next(tmp_path.rglob('*.log')).read_text()
    assert 'network b is exported' in log
    assert 'PCK of a is the best so far, 0.6000; of the networks: a 0.6000, b 0.7000' in log
    assert export_network([str(best), '-o', str(tmp_path / 'out.pth')]) == 0
    exported, student = [load_safely(str(tmp_path / name)) for name in ('out.pth', 'student_best.pth')]
    assert all(torch.equal(value, student['state_dict'][key]) for key, value in exported['state_dict'].items())
    assert exported['meta'] == student['meta']
    # A run saves before it validates.
    last = load_safely(str(tmp_path / 'epoch_3.pth'))
    assert last['message_hub']['runtime_info']['mutual_teaching_scores']['networks'] == dict(a=0.6, b=0.7)
    assert ValidationLog(str(tmp_path / 'validations.json')).choice(last['state_dict'])['networks'] == dict(
        a=0.4, b=0.8
    )


def test_the_best_network_is_that_of_the_checkpoints_own_validation(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr('mmpose_dualteach.engine.checkpoints.export.print_log', lambda text, **_: said.append(text))
    weights = dict(w=torch.ones(2))
    info = dict(mutual_teaching_validated=4, mutual_teaching_scores=dict(best='a'))
    content = dict(state_dict=weights, message_hub=dict(runtime_info=info), meta=dict(iter=8))
    log = ValidationLog(str(tmp_path / 'validations.json'))
    log.add('before', weights_digest(weights), dict(PCK=1), dict(best='c'))
    log.add('now', weights_digest(weights), dict(PCK=1), dict(best='b'))
    log.add('now', weights_digest(dict(w=torch.zeros(2))), dict(PCK=1), dict(best='d'))

    def best(iteration):
        content['meta']['iter'] = iteration
        name = best_network(content, str(tmp_path / 'x.pth'))
        return name, said.pop().partition(' is the best ')[2]

    assert best(8) == ('b', 'in its own validation')
    log.clear()
    assert best(8) == ('a', 'in the last validation before it was saved, its own is not known')
    assert best(4) == ('a', 'in its own validation')


def test_scores_that_are_no_numbers_are_never_the_best(stock, tmp_path):
    scores = [{'PCK': float('nan'), 'b/PCK': 0.9}, {'PCK': 0.6, 'b/PCK': float('nan')}, {'PCK': 0.5, 'b/PCK': 0.2}]
    stock['custom_hooks'] = [dict(type='ScoresHook', scores=scores)]
    stock['default_hooks']['checkpoint'].update(max_keep_ckpts=3)
    run(switch(stock), tmp_path, train_cfg=dict(max_epochs=3))
    whole = load_safely(str(tmp_path / 'epoch_2.pth'))['state_dict']
    student = load_safely(str(tmp_path / 'student_best.pth'))['state_dict']
    assert all(torch.equal(value, whole[f'networks.a.{key}']) for key, value in student.items())


@pytest.mark.parametrize(
    'name, less, guessed',
    [('distorted/AP', False, False), ('keeper/AP50', False, False), ('NME', True, False), ('P-MPJPE', True, False)]
    + [('hand/EPE', True, False), ('mae@10', True, False), ('landmark/misfit', False, True)]
    + [('PCKh@0.1', False, False)],
)
def test_a_scores_name_says_whether_less_is_better(name, less, guessed):
    runner = SimpleNamespace(hooks=[])
    found = NetworkScores.of_validation(runner, SimpleNamespace(answers=['a']), {name: 1.0})
    assert (found.less, is_guessed(runner, name)) == (less, guessed)


def test_save_best_may_go_by_the_mean(stock, tmp_path):
    scores = [{'PCK': 0.9, 'b/PCK': 0.5, 'mean/PCK': 0.2}, {'PCK': 0.1, 'b/PCK': 0.4, 'mean/PCK': 0.3}]
    stock['custom_hooks'] = [dict(type='ScoresHook', scores=scores)]
    stock['default_hooks']['checkpoint'].update(save_best='mean/PCK', rule='greater')
    run(switch(stock), tmp_path, train_cfg=dict(max_epochs=2))
    (best,) = tmp_path.glob('best_*.pth')
    assert best.name.endswith('epoch_2.pth')
    student = load_safely(str(tmp_path / 'student_best.pth'))['state_dict']
    whole = load_safely(str(best))['state_dict']
    assert all(torch.equal(value, whole[f'networks.b.{key}']) for key, value in student.items())


@MODELS.register_module()
class OpenEstimator(TopdownPoseEstimator):
    """A user's own, which takes anything."""

    def __init__(self, extra: int = 1, **kwargs) -> None:
        super().__init__(**kwargs)
        self.extra = extra


def test_an_estimator_of_the_users_own(stock):
    model = MODELS.build(switch(stock, model=dict(estimator='OpenEstimator', extra=5)).model)
    assert model.networks['b'].extra == 5
    assert stock_config(switch(stock, model=dict(estimator='OpenEstimator'))).model.type == 'OpenEstimator'
    with pytest.raises(ValueError, match="model.estimator='Nothing' is no registered model"):
        switch(stock, model=dict(estimator='Nothing'))


@pytest.mark.parametrize(
    'own, expected',
    [
        (dict(x=dict(b=2)), dict(type='X', a=1, b=2)),
        (dict(x=dict(_delete_=True, type='Y', b=2)), dict(type='Y', b=2)),
        (dict(x=dict(_delete_=True, b=2)), dict(b=2)),
        (dict(x=dict(a=dict(type='P'))), dict(type='X', a=dict(type='P'))),
        (dict(x=[1]), [1]),
    ],
)
def test_parts_merge_as_mmengine_merges_and_types_replace(own, expected):
    stock = dict(x=dict(type='X', a=1), y=3)
    assert merged_parts(stock, dict(own, seed=1)) == dict(x=expected, y=3)
    assert stock == dict(x=dict(type='X', a=1), y=3)


def test_each_networks_export_has_its_own_config(stock, tmp_path):
    networks = dict(a=dict(), b=dict(backbone=dict(base_channels=4), head=dict(in_channels=16), seed=5))
    config = switch(stock, model=dict(networks=networks))
    run(config, tmp_path)
    for network, channels in (('a', 8), ('b', 4)):
        assert export_network([str(tmp_path / 'epoch_1.pth'), '--network', network, '-o', str(tmp_path / 'x.pth')]) == 0
        exported = load_safely(str(tmp_path / 'x.pth'))
        own = Config.fromstring(exported['meta']['cfg'], '.py')
        assert own.model.backbone.base_channels == channels and 'seed' not in own.model
        MODELS.build(own.model).load_state_dict(exported['state_dict'], strict=True)
        assert own.model == stock_config(config, network).model
    best = load_safely(str(tmp_path / 'student_best.pth'))
    MODELS.build(Config.fromstring(best['meta']['cfg'], '.py').model).load_state_dict(best['state_dict'], strict=True)


def test_a_part_with_a_type_takes_the_stock_parts_place(stock):
    backbone = dict(type='ResNet', depth=18, stem_channels=4, base_channels=4)
    config = switch(stock, model=dict(networks=dict(a=dict(), b=dict(backbone=backbone, head=dict(in_channels=32)))))
    assert stock_config(config, 'b').model.backbone == backbone
    assert stock_config(config, 'a').model.backbone == stock['model']['backbone']


def test_stock_samplers_come_back(stock):
    sampler = dict(type='InfiniteSampler', shuffle=False)
    stock['train_dataloader'].update(sampler=sampler, drop_last=True, batch_sampler=None)
    back = stock_config(switch(stock, labeled=None))
    assert back.train_dataloader == stock['train_dataloader']
    assert Runner.build_dataloader(switch(stock).train_dataloader).sampler.batch_size == 8


@pytest.fixture
def own_parts(monkeypatch):
    """Nothing of a test's own classes is left in the registries."""
    for registry in (MODELS, LOOPS):
        monkeypatch.setattr(registry, '_module_dict', dict(registry._module_dict))


def test_an_estimators_own_predict_is_what_is_scored(stock, tmp_path, own_parts):
    @MODELS.register_module()
    class FarOff(TopdownPoseEstimator):
        """Sees every joint where none is."""

        def predict(self, inputs, data_samples):
            samples = super().predict(inputs, data_samples)
            for sample in samples:
                sample.pred_instances.keypoints += 1e4
            return samples

    stock['model']['type'] = 'FarOff'
    stock['val_evaluator'] = [dict(type='EPE')]
    stock['default_hooks']['checkpoint'].pop('save_best')
    runner = run(switch(stock), tmp_path)
    scores = [key for key in runner.message_hub.log_scalars if key.startswith('val/') and 'EPE' in key]
    assert sorted(scores) == ['val/EPE', 'val/b/EPE'], 'of the mean nobody knows what the user would make'
    assert all(runner.message_hub.get_scalar(key).current() > 1e3 for key in scores)


def test_a_metric_gets_the_heatmaps_that_a_config_asks_for(stock, tmp_path):
    stock['model']['test_cfg'] = dict(flip_test=False, output_heatmaps=True)
    stock['val_evaluator'] = [dict(type='DumpResults', out_file_path=str(tmp_path / 'dump.pkl'))]
    stock['default_hooks']['checkpoint'].pop('save_best')
    run(switch(stock), tmp_path / 'run')
    for name in ('dump', 'dump.b'):
        rows = pickle.loads((tmp_path / f'{name}.pkl').read_bytes())
        assert tuple(rows[0]['pred_fields']['heatmaps'].shape) == (17, 24, 16)


def test_a_validation_loop_of_the_users_own_stays(stock, tmp_path, own_parts):
    @LOOPS.register_module()
    class CountingValLoop(ValLoop):
        """A loop with an option of its own."""

        def __init__(self, *args, every, **kwargs):
            super().__init__(*args, **kwargs)
            self.every = every

    stock['val_cfg'] = dict(type='CountingValLoop', every=2)
    config = switch(stock)
    runner = run(config, tmp_path)
    assert runner.val_loop.every == 2 and stock_config(config).val_cfg == stock['val_cfg']
    assert (tmp_path / 'student_best.pth').exists() and 'val/b/PCK' not in runner.message_hub.log_scalars
    (log,) = tmp_path.glob('*/*.log')
    assert (
        'val_cfg.type is CountingValLoop, which scores the network that answers at test time alone' in log.read_text()
    )
    config.val_cfg = dict(type='ValLoop')
    with pytest.raises(ValueError, match='val_cfg.type is ValLoop, which does not score every network'):
        run(config, tmp_path / 'lost')


@pytest.mark.parametrize('name, told', [('Wobble', True), ('RMSE', False)])
def test_a_score_of_which_nobody_knows_whether_less_is_better(stock, tmp_path, name, told):
    @METRICS.register_module(name=name, force=True)
    class Own(EPE):
        """A metric under a name of its own."""

        def compute_metrics(self, results):
            return {name: super().compute_metrics(results)['EPE']}

    stock['val_evaluator'] = [dict(type=name)]
    stock['default_hooks']['checkpoint'].pop('save_best')
    runner = run(switch(stock), tmp_path / 'guessed')
    METRICS.module_dict.pop(name)
    (log,) = tmp_path.glob('guessed/*/*.log')
    assert (f'nothing says whether less or more of {name} is better' in log.read_text()) is told
    scores = {
        network: runner.message_hub.get_scalar(f'val/{key}').current()
        for network, key in (('a', name), ('b', f'b/{name}'))
    }
    best = runner.message_hub.get_info('mutual_teaching_scores')['best']
    assert best == (max if told else min)(scores, key=scores.__getitem__)
