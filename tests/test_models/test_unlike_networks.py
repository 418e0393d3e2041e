# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""A frozen teacher: larger than its student or of another kind, never learning, never exported."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import run, switch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.runner import Runner
from mmpose.registry import DATASETS, MODELS
from mmpose.structures import PoseDataSample
from test_kinds import INPUT, of_kind

from mmpose_dualteach import geometry
from mmpose_dualteach.engine.checkpoints.export import network_weights
from mmpose_dualteach.engine.checkpoints.safe_loading import load_safely
from mmpose_dualteach.label_loop.networks import Networks
from mmpose_dualteach.methods import passes_of
from mmpose_dualteach.models.view_pair import ViewPair
from mmpose_dualteach.switch import stock_config, supervised

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
    kept = model.networks['big'].cpu().state_dict()
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
    assert all(torch.equal(value, model.networks['a'].cpu().state_dict()[key]) for key, value in student.items())
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


@pytest.fixture
def simcc(stock, tmp_path):
    """A config file of another head and codec for the same images, and a checkpoint of its model."""
    config = Config(of_kind(copy.deepcopy(stock), 'simcc'))
    config.model.backbone.update(base_channels=16)
    config.model.head.update(in_channels=64)
    config.dump(tmp_path / 'simcc.py')
    torch.manual_seed(7)
    teacher = MODELS.build(copy.deepcopy(config.model))
    torch.save(dict(state_dict=teacher.state_dict()), tmp_path / 'simcc.pth')
    init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'simcc.pth'))
    return dict(config=str(tmp_path / 'simcc.py'), frozen=True, init_cfg=init_cfg), teacher


def test_a_teacher_of_another_kind_teaches_by_its_keypoints(stock, simcc, tmp_path):
    big, teacher = simcc
    lessons = [*LESSON, dict(teacher='b', student='a'), dict(teacher='a', student='b')]
    model = dict(networks=dict(a=dict(), b=dict(), big=big), lessons=lessons)
    stock['model']['test_cfg']['flip_mode'] = 'heatmap'
    config = switch(stock, model=model, hook=dict(interval=1), pictures=dict(interval=6))
    built = MODELS.build(copy.deepcopy(config.model))
    assert [type(group.adapter).__name__ for group in built.groups] == ['KeypointAdapter', 'HeatmapAdapter']
    assert [len(group.lessons) for group in built.groups] == [1, 2] and 'neck' not in config.model.networks.a
    assert built.networks['big'].test_cfg == dict(flip_test=True), 'its own, and nothing of the stock one'
    runner = run(config, tmp_path / 'run')
    kept = runner.model.networks['big'].cpu().state_dict()
    assert all(torch.equal(value, kept[key]) for key, value in teacher.state_dict().items())
    log = runner.message_hub.log_scalars
    assert {'val/PCK', 'val/b/PCK', 'val/mean/PCK', 'val/big/PCK', 'train/big/peak_unlabeled'} <= set(log)
    text = next((tmp_path / 'run').rglob('*.log')).read_text()
    assert 'taught by keypoints, the general way: a;' in text
    assert list((tmp_path / 'run').rglob('lessons_6.png'))


def test_a_teacher_whose_scores_say_nothing_is_told(stock, tmp_path):
    other = Config(of_kind(copy.deepcopy(stock), 'regression'))
    other.dump(tmp_path / 'regression.py')
    networks = dict(a=dict(), b=dict(config=str(tmp_path / 'regression.py')))
    told = 'network b: RegressionHead scores every joint 1, so what it teaches counts in full from the first step on'
    for name, hook in (('sure', {}), ('burn_in', dict(burn_in='50%')), ('ramp_up', dict(ramp_up='100%'))):
        run(switch(stock, model=dict(networks=networks), hook=hook), tmp_path / name)
        assert (told in next((tmp_path / name).rglob('*.log')).read_text()) == (name == 'sure')


def test_what_a_networks_config_imports_is_imported(stock, simcc):
    big, _ = simcc
    config = Config.fromfile(big['config'])
    config.custom_imports = dict(imports=['colorsys'], allow_failed_imports=False)
    config.dump(big['config'])
    switched = switch(stock, model=dict(networks=dict(a=dict(), big=big), lessons=LESSON))
    assert switched.custom_imports.imports == ['colorsys', 'mmpose_dualteach']
    assert 'imports' not in switched.model.networks.big


def test_what_a_teacher_of_another_kind_asks_is_where_it_sees_the_joints(stock, simcc):
    big, teacher = simcc
    model = dict(networks=dict(a=dict(), big=big), lessons=LESSON)
    config = switch(stock, model=model, views=dict(easy=dict(rotate_factor=30.0, flip_prob=0.5)))
    model = MODELS.build(copy.deepcopy(config.model)).train()
    model.init_weights()
    dataset = DATASETS.build(copy.deepcopy(config.train_dataloader.dataset))
    data = model.data_preprocessor(pseudo_collate([dataset[n] for n in (0, 1, 2, 3, 8, 9, 10, 11)]), True)
    model.record_lessons = True
    list(model.loss_parts(**data))
    teacher.eval()
    images, samples = data['inputs']['easy'], data['data_samples']
    with torch.no_grad():
        seen = teacher.head.predict(teacher.extract_feat(images), [PoseDataSample() for _ in images], test_cfg={})
    points = torch.from_numpy(np.concatenate([each.keypoints for each in seen]))
    (record,) = model.records
    assert torch.allclose(record.prediction[0], points, atol=1e-4)
    views = ViewPair(samples['easy'], samples['hard'])
    assert torch.allclose(record.target.value, views.move_points(points), atol=1e-3)
    assert all(sample.gt_fields.heatmaps.shape == (17, 24, 16) for sample in record.target.samples)


@pytest.mark.parametrize(
    'change, message',
    [
        (dict(padding=1.0), r'simcc.py.: the padding of boxes is 1.0, that of the switched config 1.25; networks see'),
        (dict(mean=[0.0, 0.0, 0.0]), r'data_preprocessor.mean is \[0.0, 0.0, 0.0\]'),
        (dict(type='BottomupPoseEstimator'), 'its model is BottomupPoseEstimator'),
    ],
)
def test_configs_that_do_not_fit_are_named(stock, simcc, change, message):
    big, _ = simcc
    config = Config.fromfile(big['config'])
    if 'mean' in change:
        config.model.data_preprocessor.update(change)
    elif 'type' in change:
        config.model.update(change)
    else:
        for transform in config.train_dataloader.dataset.pipeline:
            if transform['type'] == 'GetBBoxCenterScale':
                transform.update(change)
    config.dump(big['config'])
    with pytest.raises(ValueError, match=message):
        switch(stock, model=dict(networks=dict(a=dict(), big=big), lessons=LESSON))


def test_two_kinds_of_heads_learn_and_teach_each_other(stock, simcc, tmp_path):
    """Each by its own stock loss on its own labels of the same images; the exports are stock configs of either kind."""
    other = Config.fromfile(simcc[0]['config'])
    networks = dict(a=dict(), b=dict(config=simcc[0]['config']))
    pipeline = stock['train_dataloader']['dataset']['pipeline']
    second = [dict(type='LoadImage'), dict(type='GetBBoxCenterScale'), *pipeline[-3:]]
    stock['custom_hooks'] = [dict(type='mmdet.PipelineSwitchHook', switch_epoch=1, switch_pipeline=second)]
    config = switch(stock, model=dict(networks=networks), hook=dict(interval=1), pictures=dict(interval=6))
    model = MODELS.build(copy.deepcopy(config.model)).train()
    dataset = DATASETS.build(copy.deepcopy(config.train_dataloader.dataset))
    samples = [dataset[n] for n in (0, 1, 2, 3, 8, 9, 10, 11)]
    for order in (samples, samples[::-1]):  # Whichever kind comes first.
        data = model.data_preprocessor(pseudo_collate(copy.deepcopy(order)), True)
        assert set(data['inputs']) == {'labeled', 'labeled_b', 'easy', 'hard'}
        assert torch.equal(data['inputs']['labeled'], data['inputs']['labeled_b'])
    network = copy.deepcopy(model.networks['b'])
    parts = list(model.loss_parts(**data))
    expected = network.loss(data['inputs']['labeled_b'], data['data_samples']['labeled_b'])['loss_kpt']
    assert torch.allclose(parts[1]['b/loss_kpt'], expected) and expected > 0
    assert {'a/loss_pseudo', 'b/loss_pseudo'} <= {key for part in parts for key in part}
    assert [type(group.adapter).__name__ for group in model.groups] == ['KeypointAdapter'] * 2
    encoders = [group.adapter.labels[0].encoder_cfg['type'] for group in model.groups]
    assert encoders == ['SimCCLabel', 'MSRAHeatmap'], 'of the students b and a'

    runner = run(config, tmp_path / 'run', train_cfg=dict(max_epochs=2))
    log = runner.message_hub.log_scalars
    assert {'val/PCK', 'val/b/PCK', 'train/b/loss_kpt', 'train/b/loss_pseudo'} <= set(log)
    assert not any('mean' in key for key in log), 'heads of two kinds have no mean'
    for name, head, codec in (('a', 'HeatmapHead', 'MSRAHeatmap'), ('b', 'SimCCHead', 'SimCCLabel')):
        plain = stock_config(config, name)
        assert plain.model.head.type == head and 'transforms' not in plain.model
        for stage in (plain.train_dataloader.dataset.pipeline, plain.custom_hooks[0].switch_pipeline):
            assert [each['type'] for each in stage][-2:] == ['GenerateTarget', 'PackPoseInputs']
            assert stage[-2]['encoder']['type'] == codec
        weights = network_weights(runner.model.state_dict(), name)
        MODELS.build(copy.deepcopy(plain.model)).load_state_dict(weights, strict=True)
    assert plain.model.head == other.model.head and plain.model.backbone == other.model.backbone


LARGE = (96, 128)


@pytest.fixture
def larger(simcc):
    """The other config, with images of its own: larger ones, in another aspect ratio, by unbiased data processing."""
    config = Config.fromfile(simcc[0]['config'])
    config.model.head.update(input_size=LARGE, in_featuremap_size=(6, 8))
    config.model.head.decoder.update(input_size=LARGE)
    for loader in (config.train_dataloader, config.val_dataloader, config.test_dataloader):
        for transform in loader.dataset.pipeline:
            if transform.type == 'TopdownAffine':
                transform.update(input_size=LARGE, use_udp=True)
            elif transform.type == 'GenerateTarget':
                transform.encoder.update(input_size=LARGE)
    config.dump(simcc[0]['config'])
    return simcc[0]['config'], config


def test_networks_that_see_images_of_their_own(stock, larger, tmp_path):
    """Views are cut for each network as its own pipeline does it, keypoints travel between them, each is validated as
    its stock config would be, and its export is that config."""
    path, other = larger
    views = dict(easy=dict(rotate_factor=30.0, flip_prob=0.5))
    config = switch(stock, model=dict(networks=dict(a=dict(), b=dict(config=path))), views=views)
    model = MODELS.build(copy.deepcopy(config.model)).train()
    model.init_weights()
    dataset = DATASETS.build(copy.deepcopy(config.train_dataloader.dataset))
    data = model.data_preprocessor(pseudo_collate([dataset[n] for n in (0, 1, 2, 3, 8, 9, 10, 11)]), True)
    images, samples = data['inputs'], data['data_samples']
    assert {name: tuple(image.shape[:1:-1]) for name, image in images.items()} == {
        **dict.fromkeys(('labeled', 'easy', 'hard'), INPUT),
        **dict.fromkeys(('labeled_b', 'easy_b', 'hard_b'), LARGE),
    }
    for small, large in zip(samples['easy'], samples['easy_b']):
        assert small.flip == large.flip and small.img_id == large.img_id
        turns = [geometry.without_scale(each.view_matrix) for each in (small, large)]
        assert np.allclose(*turns, atol=0.02), 'one draw of a view for both'

    model.record_lessons = True
    start = copy.deepcopy(model.networks)
    parts = list(model.loss_parts(**data))
    by_student = {record.lesson.student: record for record in model.records}
    for student, teacher, mine, theirs in (('a', 'b', '', '_b'), ('b', 'a', '_b', '')):
        record = by_student[student]
        network = start[teacher].train()
        with torch.no_grad():
            seen = network.head.predict(
                network.extract_feat(images[f'easy{theirs}']), samples[f'easy{theirs}'], test_cfg={}
            )
        seen = seen[0] if isinstance(seen, tuple) else seen
        points = torch.from_numpy(np.concatenate([each.keypoints for each in seen]))
        views = ViewPair(samples[f'easy{theirs}'], samples[f'hard{mine}'])
        assert torch.allclose(record.target.value, views.move_points(points), atol=0.05)
        assert record.hard.shape == images[f'hard{mine}'].shape
    expected = start['b'].loss(images['labeled_b'], samples['labeled_b'])['loss_kpt']
    assert torch.allclose(parts[1]['b/loss_kpt'], expected, rtol=1e-4)

    runner = run(config, tmp_path / 'run')
    scored = runner.message_hub.log_scalars['val/b/PCK'].current()
    plain = stock_config(config, 'b')
    assert plain.model.head == other.model.head and 'pipelines' not in plain.val_cfg
    for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        affine = [each for each in plain[loader].dataset.pipeline if each.type == 'TopdownAffine'][0]
        assert tuple(affine.input_size) == LARGE and affine.use_udp
    network = MODELS.build(copy.deepcopy(plain.model))
    network.load_state_dict(network_weights(runner.model.state_dict(), 'b'), strict=True)
    network.eval()
    alone = Runner.build_dataloader(copy.deepcopy(plain.val_dataloader), seed=0)
    evaluator = runner.build_evaluator(copy.deepcopy(plain.val_evaluator))
    evaluator.dataset_meta = alone.dataset.metainfo
    with torch.no_grad():
        for batch in alone:
            evaluator.process(data_samples=network.val_step(batch), data_batch=batch)
    assert evaluator.evaluate(len(alone.dataset))['PCK'] == pytest.approx(scored, abs=1e-6)
    assert (tmp_path / 'run' / 'student_last.pth').is_file()
    with pytest.raises(ValueError, match="predict_on='b' sees images of its own"):
        MODELS.build(dict(copy.deepcopy(config.model), predict_on='b'))

    checkpoint = str(next((tmp_path / 'run').glob('epoch_*.pth')))
    assert Networks(config, checkpoint, 'a', 'cpu').answers == 'a'
    with pytest.raises(ValueError, match='network b sees images of its own; export it'):
        Networks(config, checkpoint, 'b', 'cpu')

    alone = copy.deepcopy(config)
    alone.merge_from_dict(supervised(config))
    assert list(run(alone, tmp_path / 'alone').message_hub.get_info('mutual_teaching_scores')['networks']) == ['a']


def test_a_network_with_a_config_of_its_own_is_repaired_and_keeps_its_weights(stock, tmp_path):
    other = switch(stock).to_dict()
    other = stock_config(other)
    loss = dict(type='MultipleLossWrapper', losses=[dict(type='JSDiscretLoss'), dict(type='SmoothL1Loss')])
    other.model.update(init_cfg=dict(type='Pretrained', checkpoint='mine.pth'))
    other.model.head.loss = loss
    other.dump(tmp_path / 'other.py')
    stock['model']['init_cfg'] = dict(type='Pretrained', checkpoint='stocks.pth')
    networks = dict(a=dict(), b=dict(config=str(tmp_path / 'other.py')))
    config = switch(stock, model=dict(networks=networks))
    b = config.model.networks.b
    assert b.init_cfg.checkpoint == 'mine.pth' and b.head.loss.losses[0].type == 'FiniteJSDiscretLoss'
    assert stock_config(config, 'b').model.head.loss.losses[0].type == 'JSDiscretLoss'
    other.model.pop('init_cfg')
    other.dump(tmp_path / 'other.py')
    assert switch(stock, model=dict(networks=networks)).model.networks.b.init_cfg is None
    with pytest.raises(ValueError, match="no network 'c'; it has a, b"):
        stock_config(config, 'c')


def test_networks_of_other_keypoints_are_named(stock, simcc, tmp_path):
    big, _ = simcc
    config = Config.fromfile(big['config'])
    config.model.head.out_channels = 133
    config.dump(big['config'])

    def switched(own, **model):
        return switch(stock, model=dict(model, networks=dict(a=dict(), big=own), lessons=LESSON)).model

    with pytest.raises(ValueError, match='networks.big.config: its head predicts 133 keypoints, .* switched config 17'):
        switched(big)
    with pytest.raises(ValueError, match='networks.big.head: its head predicts 21 keypoints, .* switched config 17'):
        switched(dict(head=dict(out_channels=21)))
    assert switched(big, head=dict(out_channels=133)).networks.big.head.out_channels == 133


def test_a_teacher_of_other_keypoints_is_named(stock, simcc):
    big, _ = simcc
    model = MODELS.build(switch(stock, model=dict(networks=dict(a=dict(), big=big), lessons=LESSON)).model)
    views = SimpleNamespace(flip_indices=list(range(17)))
    with pytest.raises(ValueError, match='a teacher predicts 21 keypoints, the dataset has 17'):
        model.groups[0].adapter.target((torch.rand(2, 21, 2), torch.rand(2, 21)), None, views)
