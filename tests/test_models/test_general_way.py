# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Any head that MMPose trains from keypoints, and adapters of others: ``tests/lab`` is a package outside of ours."""

import copy
import sys

import numpy as np
import pytest
import torch
from conftest import ROOT, run, switch
from mmengine.dataset import pseudo_collate
from mmengine.structures import InstanceData
from mmpose.codecs import UDPHeatmap
from mmpose.registry import DATASETS, KEYPOINT_CODECS, MODELS, TRANSFORMS
from test_kinds import INPUT, KINDS, of_kind

from mmpose_dualteach import geometry
from mmpose_dualteach.models.adapters import (
    ADAPTERS,
    CombinedAdapter,
    HeatmapAdapter,
    KeypointAdapter,
    SimCCAdapter,
    adapter_for,
    find_adapter,
)
from mmpose_dualteach.models.adapters.keypoints import in_input_pixels
from mmpose_dualteach.models.utils.modes import heads_in_mode
from mmpose_dualteach.models.view_pair import ViewPair
from mmpose_dualteach.switch import stock_config

GENERAL = dict(adapter='KeypointAdapter')


@pytest.fixture
def lab(monkeypatch):
    """The lab's package on the path, and nothing of it left in the registries afterwards."""
    monkeypatch.syspath_prepend(str(ROOT / 'tests'))
    before = {registry: set(registry.module_dict) for registry in (MODELS, KEYPOINT_CODECS, ADAPTERS)}
    yield dict(imports=['lab'], allow_failed_imports=False)
    for registry, names in before.items():
        for name in set(registry.module_dict) - names:
            registry.module_dict.pop(name)
    for name in [name for name in sys.modules if name.split('.')[0] == 'lab']:
        sys.modules.pop(name)


def of_the_lab(stock: dict, lab: dict) -> dict:
    """The small config with the lab's head, codec and estimator."""
    codec = dict(type='OffsetHeatmap', input_size=INPUT, heatmap_size=(8, 12), sigma=1.0)
    stock['custom_imports'] = lab
    stock['model'].update(
        type='LabEstimator',
        test_cfg=dict(),
        head=dict(type='OffsetHead', in_channels=32, out_channels=17, loss=dict(type='KeypointMSELoss'), decoder=codec),
    )
    for transform in stock['train_dataloader']['dataset']['pipeline']:
        if transform['type'] == 'GenerateTarget':
            transform['encoder'] = codec
    return stock


def batch_of(config):
    torch.manual_seed(0)
    np.random.seed(0)
    model = MODELS.build(copy.deepcopy(config.model)).train()
    dataset = DATASETS.build(copy.deepcopy(config.train_dataloader.dataset))
    return model, model.data_preprocessor(pseudo_collate([dataset[n] for n in (0, 1, 2, 3, 8, 9, 10, 11)]), True)


def joints_and_samples(config, views, seed=0):
    """Joints on the easy views, and the stock pipeline's samples of the same joints on the hard ones."""
    rng = np.random.default_rng(seed)
    count, total = len(views.matrix), len(views.flip_indices)
    easy = torch.from_numpy(rng.uniform(0.2, 0.8, (count, total, 2)) * INPUT).float()
    hard = views.move_points(easy)
    transforms = [
        TRANSFORMS.build(dict(transform))
        for transform in config.train_dataloader.dataset.labeled.pipeline
        if transform['type'] in ('GenerateTarget', 'PackPoseInputs')
    ]
    samples = []
    for each in hard.numpy():
        results = dict(img=np.zeros((4, 4, 3), np.uint8), keypoints=each[None], input_size=INPUT)
        results['keypoints_visible'] = np.ones((1, total), np.float32)
        for transform in transforms:
            results = transform(results)
        samples.append(results['data_samples'])
    return easy, samples


def test_where_labels_have_no_weights_the_loss_is_weighted(stock, monkeypatch):
    config = switch(of_kind(stock, 'simcc'), model=GENERAL)
    model, data = batch_of(config)
    adapter, labelled = model.adapter, model.adapter.labelled

    def without_weights(*arguments):
        sample = labelled(*arguments)
        del sample.gt_instance_labels.keypoint_weights
        return sample

    monkeypatch.setattr(adapter, 'labelled', without_weights)
    views = ViewPair(data['data_samples']['easy'], data['data_samples']['hard'])
    output = torch.rand(4, 17, 2) * 50, torch.ones(4, 17)
    weight = torch.full((4, 17), 0.4)
    weight[:2] = 0
    target = adapter.target(output, weight, views)
    assert target.share == pytest.approx(0.4) and adapter.target(output, None, views).share == 1
    network = model.networks['a']
    monkeypatch.setattr(network, 'loss', lambda *_: dict(loss_kpt=torch.tensor(5.0), count=3))
    assert adapter.loss(network, data['inputs']['hard'], target) == pytest.approx(2.0)
    silent = adapter.target(output, torch.zeros(4, 17), views)
    assert silent.share == 0 and adapter.loss(network, data['inputs']['hard'], silent) == 0


@pytest.mark.parametrize('kind', ['lab', *KINDS])
def test_a_perfect_teacher_teaches_the_true_labels_of_the_hard_view(kind, stock, lab):
    """The oracle: the lesson's loss is the stock loss on labels that were made of the true joints."""
    stock = of_the_lab(stock, lab) if kind == 'lab' else of_kind(stock, kind)
    views = dict(easy=dict(rotate_factor=30.0, flip_prob=0.5))
    model = dict(lessons=[dict(teacher='a', student='b')], **({} if kind == 'lab' else GENERAL))
    config = switch(stock, model=model, views=views)
    model, data = batch_of(config)
    assert isinstance(model.adapter, KeypointAdapter)
    samples = data['data_samples']
    pair = ViewPair(samples['easy'], samples['hard'])
    easy, true = joints_and_samples(config, pair)
    output, student = model.adapter.output, copy.deepcopy(model.networks['b'])
    teacher = model.networks['a']
    model.adapter.output = lambda network, images: (
        (easy, torch.ones(easy.shape[:2])) if network is teacher else output(network, images)
    )
    model.sup_losses = lambda *_: iter(())
    model.record_lessons = True
    (losses,) = model.loss_parts(**data)
    expected = student.parse_losses(student.loss(data['inputs']['hard'], true))[0]
    assert expected > 0 and torch.allclose(losses['b/loss_pseudo'], expected, rtol=1e-5)
    losses['b/loss_pseudo'].backward()
    assert not any(p.grad is not None for p in teacher.parameters())
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in model.networks['b'].backbone.parameters())
    (record,) = model.records
    for ours, label in zip(record.target.samples, true):
        for part in ('gt_instance_labels', 'gt_fields'):
            one, other = [dict(each.get(part, InstanceData()).items()) for each in (ours, label)]
            assert one.keys() == other.keys() and (one or part == 'gt_fields')
            assert all(torch.allclose(one[name].float(), other[name].float(), atol=1e-5) for name in one)


@pytest.mark.parametrize('codec', [dict(type='UDPHeatmap'), dict(type='MSRAHeatmap', unbiased=True)])
@pytest.mark.parametrize('visibility', [False, True])
def test_teachers_joints_are_where_their_own_labels_would_be(stock, codec, visibility):
    """The oracle: maps of known joints, as the codec makes them, are seen where the joints are."""
    codec = dict(codec, input_size=INPUT, heatmap_size=(16, 24), sigma=2.0)
    config = switch(stock, model=GENERAL)
    config.model.head.decoder = codec
    network = MODELS.build(config.model).networks['a']
    pose_head = network.head
    if visibility:  # As VisPredictHead, whose decoder is a part's.
        network.head = torch.nn.Module()
        network.head.pose_head, network.head.predict = pose_head, pose_head.predict
    joints = np.random.default_rng(0).uniform(22, [INPUT[0] - 23, INPUT[1] - 23], (1, 17, 2)).astype(np.float32)
    maps = KEYPOINT_CODECS.build(codec).encode(joints, np.ones((1, 17), np.float32))['heatmaps']
    pose_head.forward = lambda _: torch.from_numpy(maps)[None]
    adapter = KeypointAdapter(dict(config.model.head), **config.model.keypoint_labels)
    points, _ = adapter.predicted(network, (torch.zeros(1, 32, 3, 2),), INPUT)
    assert np.abs(points[0].numpy() - joints[0]).max() < 0.3
    assert np.abs((points[0].numpy() - joints[0]).mean(axis=0)).max() < 0.05


def test_joints_count_as_much_as_they_should(stock):
    config = switch(stock, model=dict(GENERAL, pseudo_label_thr=0.3, lessons=[dict(teacher='a', student='b')]))
    model, data = batch_of(config)
    views = ViewPair(data['data_samples']['easy'], data['data_samples']['hard'])
    easy, _ = joints_and_samples(config, views)
    scores = torch.rand(easy.shape[:2])
    weights = model.selection.weights(scores, None)
    target = model.adapter.target((easy, scores), weights, views)
    swapped = views.swap_sides(weights)
    assert torch.equal(target.weight, swapped) and 0 < (swapped == 0).sum() < swapped.numel()
    for sample, row in zip(target.samples, swapped):
        visible = torch.from_numpy(sample.gt_instances.keypoints_visible[0])
        assert torch.equal(visible, row)  # For the losses that go by it.
        given = sample.gt_instance_labels.keypoint_weights[0]
        assert torch.allclose(given, torch.where(given > 0, row, torch.zeros(()))) and (given > 0).any()


def test_keypoints_move_to_a_mirror_and_from_another_view(stock):
    model, data = batch_of(switch(stock, model=GENERAL, views=dict(easy_views=2, easy=dict(flip_prob=0.5))))
    views = ViewPair(data['data_samples']['easy2'], data['data_samples']['easy'])
    points, scores = torch.rand(4, 17, 2) * 60, torch.rand(4, 17)
    flips = torch.tensor(views.flip_indices)
    other, kept = model.adapter.mirrored((points, scores), flips)
    mirror = torch.from_numpy(geometry.mirror(INPUT[0])).float().expand(4, -1, -1)
    assert torch.allclose(other, geometry.transform_points(points, mirror)[:, flips])
    assert torch.equal(kept, scores[:, flips])
    (moved, told), known = model.adapter.from_view((points, scores), views)
    assert known is None
    assert torch.equal(moved, views.move_points(points)) and torch.equal(told, views.swap_sides(scores))


@pytest.mark.parametrize('autocast', [None, 'bfloat16'])
def test_a_labs_head_trains_watches_draws_and_answers(stock, lab, tmp_path, autocast):
    config = switch(
        of_the_lab(stock, lab),
        hook=dict(interval=1),
        pictures=dict(interval=6),
        model=dict(autocast=autocast, paths=[[dict(type='JointCutout', joints=2)]]),
    )
    assert config.model.estimator == 'LabEstimator' and config.custom_imports.imports == ['lab', 'mmpose_dualteach']
    runner = run(config, tmp_path)
    log = runner.message_hub.log_scalars
    assert {f'train/{name}/{key}' for name in 'ab' for key in ('loss_pseudo', 'peak_unlabeled', 'peak_labeled')} <= set(
        log
    )
    assert {'train/a/loss_lab', 'val/PCK', 'val/b/PCK', 'val/mean/PCK'} <= set(log)
    assert list(tmp_path.rglob('lessons_6.png'))
    text = next(tmp_path.rglob('*.log')).read_text()
    assert 'taught by keypoints, the general way: a, b;' in text
    plain = stock_config(config)
    assert plain.model.type == 'LabEstimator' and plain.custom_imports.imports == ['lab']
    assert (tmp_path / 'student_last.pth').is_file()


def test_an_adapter_of_the_lab_is_taken_and_trains(stock, lab, tmp_path):
    code = (ROOT / 'tests' / 'lab' / 'adapter.py').read_text()
    assert code[code.index('@ADAPTERS') :] in (ROOT / 'docs' / 'CONTRIBUTING.md').read_text(), (
        'what is shown is what is tested'
    )
    config = of_the_lab(stock, dict(lab, imports=['lab', 'lab.adapter']))
    config = switch(config, hook=dict(interval=1), pictures=dict(interval=6))
    assert 'keypoint_labels' not in config.model
    runner = run(config, tmp_path)
    assert type(runner.model.adapter).__name__ == 'OffsetAdapter'
    assert {'val/b/PCK', 'val/mean/PCK'} <= set(runner.message_hub.log_scalars)
    assert 'the general way' not in next(tmp_path.rglob('*.log')).read_text()


def test_descendants_are_of_their_ancestors_kind_unless_they_change_it(stock, lab):
    __import__('lab')
    head = dict(type='LabHead', decoder=dict(type='MSRAHeatmap', input_size=INPUT, heatmap_size=(16, 24), sigma=2))
    assert find_adapter(head) is HeatmapAdapter
    stock['model']['head'].update(type='LabHead')
    stock['custom_imports'] = lab
    model, data = batch_of(switch(stock))
    images = data['inputs']['easy']
    network = model.networks['a']
    network.eval()
    own = super(type(network.head), network.head).forward(network.extract_feat(images))
    assert torch.equal(model.adapter.output(network, images), 2.0 * own), 'its own forward goes on working'

    @MODELS.register_module()
    class LabAnswer(MODELS.get('HeatmapHead')):
        def predict(self, feats, batch_data_samples, test_cfg={}):
            instances = super().predict(feats, batch_data_samples, dict(test_cfg, output_heatmaps=False))
            for each in instances:
                each.keypoints += 1.0
            return instances

    stock['model']['head'].update(type='LabAnswer')
    answering = MODELS.build(switch(stock).model).eval()
    assert isinstance(answering.adapter, HeatmapAdapter) and answering.answers == ['a', 'b'], 'no mean of such answers'
    samples = data['data_samples']['labeled']
    told = answering.predict_all(data['inputs']['labeled'], samples)['a'][0].pred_instances.keypoints
    head = answering.networks['a'].head
    features = answering.networks['a'].extract_feat(data['inputs']['labeled'])
    heatmaps = super(type(head), head).predict(features, samples)[0].keypoints
    assert told.shape == heatmaps.shape and not np.allclose(told, heatmaps)

    @MODELS.register_module()
    class LabRegression(MODELS.get('RegressionHead')):
        def predict(self, feats, batch_data_samples, test_cfg={}):
            return super().predict(feats, batch_data_samples, test_cfg)

    class LabOwn(HeatmapAdapter):
        def predict(self, network, images, samples):
            return super().predict(network, images, samples)

    regression = dict(type='LabRegression', decoder=dict(type='RegressionLabel', input_size=INPUT))
    adapter = adapter_for(regression)
    assert adapter.answers_for(regression) and adapter.tells_scores, 'it may'
    assert not adapter_for(dict(regression, type='RegressionHead')).tells_scores
    answer = stock['model']['head']
    assert not HeatmapAdapter(answer).answers_for(answer) and LabOwn(answer).answers_for(answer)

    @KEYPOINT_CODECS.register_module()
    class LabUDP(KEYPOINT_CODECS.get('UDPHeatmap')):
        pass

    @KEYPOINT_CODECS.register_module()
    class LabOtherUDP(KEYPOINT_CODECS.get('UDPHeatmap')):
        def encode(self, keypoints, keypoints_visible=None):
            return super().encode(keypoints, keypoints_visible)

    @MODELS.register_module()
    class LabSimCC(MODELS.get('SimCCHead')):
        def loss(self, feats, batch_data_samples, train_cfg={}):
            return super().loss(feats, batch_data_samples, train_cfg)

    codec = dict(input_size=INPUT, heatmap_size=(16, 24))
    for kind, expected in (('LabUDP', HeatmapAdapter), ('LabOtherUDP', KeypointAdapter)):
        assert find_adapter(dict(type='HeatmapHead', decoder=dict(codec, type=kind))) is expected
    combined = dict(codec, type='LabUDP', heatmap_type='combined')
    own, other = dict(type='CombinedTargetMSELoss'), dict(type='AdaptiveWingLoss')
    assert find_adapter(dict(type='LabHead', loss=own, decoder=combined)) is CombinedAdapter
    assert find_adapter(dict(type='LabHead', loss=other, decoder=combined)) is KeypointAdapter
    simcc = dict(type='SimCCLabel', input_size=INPUT)
    assert find_adapter(dict(type='SimCCHead', decoder=simcc)) is SimCCAdapter
    assert find_adapter(dict(type='LabSimCC', decoder=simcc)) is KeypointAdapter, 'its own loss goes on working'
    udp = adapter_for(dict(type='HeatmapHead', loss=dict(), decoder=dict(codec, type='LabUDP')), redraw=True)
    assert not udp.rounded and udp.to_input[0, 0] == pytest.approx((INPUT[0] - 1) / (16 - 1))


def test_a_descendant_whose_output_is_its_own_is_taught_by_keypoints(stock, lab):
    """What lies between its loss() and its predict() no adapter knows."""

    @MODELS.register_module()
    class LabLogits(MODELS.get('HeatmapHead')):
        def loss(self, feats, batch_data_samples, train_cfg={}):
            labels = torch.stack([sample.gt_fields.heatmaps for sample in batch_data_samples])
            return dict(loss_kpt=torch.nn.functional.binary_cross_entropy_with_logits(self.forward(feats), labels))

        def predict(self, feats, batch_data_samples, test_cfg={}):
            return self.decode(self.forward(feats).sigmoid())

    codec = dict(type='UDPHeatmap', input_size=INPUT, heatmap_size=(16, 24))
    assert find_adapter(dict(type='LabLogits', decoder=codec)) is KeypointAdapter
    combined = dict(codec, heatmap_type='combined')
    own = dict(type='CombinedTargetMSELoss')
    assert find_adapter(dict(type='LabLogits', loss=own, decoder=combined)) is KeypointAdapter
    stock['model']['test_cfg'] = dict()
    stock['model']['head']['type'] = 'LabLogits'
    model, data = batch_of(switch(stock))
    losses = model.loss(**data)
    assert losses['a/loss_pseudo'] > 0 and torch.isfinite(losses['a/loss_pseudo'])


def test_an_estimators_own_forward_without_extract_feat(stock, lab):
    @MODELS.register_module()
    class LabShort(MODELS.get('TopdownPoseEstimator')):
        def forward(self, inputs, data_samples=None, mode='tensor'):
            if mode == 'tensor':
                return self.head.forward(self.backbone(inputs))
            return super().forward(inputs, data_samples, mode)

    stock['model']['type'] = 'LabShort'
    model, data = batch_of(switch(stock, model=GENERAL))
    assert torch.isfinite(model.loss(**data)['a/loss_pseudo'])


@pytest.mark.parametrize('adapter', [None, 'KeypointAdapter'])
def test_an_estimators_own_forward_is_what_labels_lessons_and_scores_go_through(stock, lab, adapter):
    @MODELS.register_module()
    class LabForward(MODELS.get('TopdownPoseEstimator')):
        def forward(self, inputs, data_samples=None, mode='tensor'):
            return super().forward(0.5 * inputs.flip(1) + 1.0, data_samples, mode)

    stock['model']['type'] = 'LabForward'
    model, data = batch_of(switch(stock, model=dict(adapter=adapter, statistics='all')))
    images, samples = data['inputs']['labeled'], data['data_samples']['labeled']
    network = model.networks['a']
    ours = next(model.sup_losses(data['inputs'], data['data_samples']))
    assert torch.equal(ours['a/loss_kpt'], network(images, samples, mode='loss')['loss_kpt'])
    model.eval()
    told = model.predict_all(images, samples)['a']
    for one, other in zip(told, network(images, [sample.new() for sample in samples], mode='predict')):
        assert np.array_equal(one.pred_instances.keypoints, other.pred_instances.keypoints)
    stock['model']['type'] = 'TopdownPoseEstimator'
    plain, _ = batch_of(switch(stock, model=dict(adapter=adapter)))
    plain.load_state_dict(model.state_dict())
    plain.eval()
    with torch.no_grad():
        seen = model.adapter.output(network, images)
        expected = plain.adapter.output(plain.networks['a'], 0.5 * images.flip(1) + 1.0)
    for one, other in zip(seen, expected):
        assert torch.equal(one, other)


class OfUDP(UDPHeatmap):
    """A descendant that decodes as its ancestor."""

    def decode(self, encoded):
        keypoints, scores = super().decode(encoded)
        return keypoints, scores**2


class RightUDP(UDPHeatmap):
    """A descendant that puts it right."""

    def decode(self, encoded):
        keypoints, scores = super().decode(encoded)
        return keypoints * (np.asarray(self.input_size) - 1) / np.asarray(self.input_size), scores


class HighestUDP(UDPHeatmap):
    """A descendant that knows whole cells alone, and names its maps otherwise."""

    def encode(self, keypoints, keypoints_visible=None):
        return dict(maps=super().encode(keypoints, keypoints_visible)['heatmaps'])

    def decode(self, encoded):
        cells = encoded.reshape(len(encoded), -1).argmax(axis=1)
        width = encoded.shape[2]
        return (np.stack([cells % width, cells // width], axis=1) * self.scale_factor)[None], encoded.max(axis=(1, 2))


def test_cells_of_a_descendant_of_udp_stay_where_it_puts_them(monkeypatch):
    cells = np.array([[[3, 5], [6, 9]]])
    codec = HighestUDP(input_size=(48, 64), heatmap_size=(12, 16), sigma=1.0)
    joints = (cells * codec.scale_factor).astype(np.float32)
    decoded, _ = codec.decode(codec.encode(joints)['maps'])
    assert np.allclose(in_input_pixels(decoded, codec), joints)
    monkeypatch.setattr(HighestUDP, 'encode', UDPHeatmap.encode)
    assert np.allclose(in_input_pixels(decoded, HighestUDP(input_size=(48, 64), heatmap_size=(12, 16))), joints)


@pytest.mark.parametrize('descendant', [OfUDP, RightUDP])
@pytest.mark.parametrize('kind', ['gaussian', 'combined'])
def test_a_descendant_of_udp_decodes_to_where_its_labels_are(kind, descendant):
    codec = descendant(input_size=(48, 64), heatmap_size=(12, 16), sigma=1.0, heatmap_type=kind)
    joints = np.random.RandomState(0).uniform(8, 40, (1, 5, 2)).astype(np.float32)
    decoded, _ = codec.decode(codec.encode(joints, np.ones((1, 5), np.float32))['heatmaps'])
    assert np.abs(in_input_pixels(decoded, codec) - joints).max() < 0.1


def test_a_descendant_of_the_general_way_is_given_what_makes_labels(stock, monkeypatch):
    class LabKeypoints(KeypointAdapter):
        pass

    monkeypatch.setitem(ADAPTERS.module_dict, 'LabKeypoints', LabKeypoints)
    config = switch(stock, model=dict(adapter='LabKeypoints'))
    assert type(MODELS.build(config.model).adapter) is LabKeypoints


def test_a_refusal_in_a_plain_str_is_one(monkeypatch):
    class LabAdapter(HeatmapAdapter):
        @classmethod
        def refusal(cls, head):
            return 'model.head is not of my lab'

    monkeypatch.setitem(ADAPTERS.module_dict, 'LabAdapter', LabAdapter)
    codec = dict(type='UDPHeatmap', input_size=INPUT, heatmap_size=(16, 24))
    assert find_adapter(dict(type='HeatmapHead', decoder=codec)) is HeatmapAdapter
    with pytest.raises(ValueError, match='not of my lab; supported are HeatmapHead'):
        find_adapter(dict(type='InternetHead', decoder=dict(codec, type='Hand3DHeatmap')))


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(lessons=[dict(teacher='a', student='a', detach=False)]), 'detach=False needs a gradient'),
        (dict(pseudo_loss=dict(loss_weight=2.0)), 'HeatmapHead has a loss of its own'),
        (dict(adapter='NoAdapter'), "'NoAdapter' is no registered adapter; there are HeatmapAdapter"),
        (dict(paths=[[dict(type='BlockShuffle')]]), 'BlockShuffle needs'),
    ],
)
def test_what_the_general_way_cannot_do_is_named(stock, options, message):
    with pytest.raises(ValueError, match=message):
        MODELS.build(switch(stock, model={**GENERAL, **options}).model)


def test_what_cannot_be_taught_is_named(stock, lab):
    model, data = batch_of(switch(stock, model=GENERAL))
    head = model.networks['a'].head
    keypoints = np.zeros((1, 17, 3), np.float32)
    head.predict = lambda feats, samples, test_cfg: [InstanceData(keypoints=keypoints) for _ in samples]
    with pytest.raises(ValueError, match=r'HeatmapHead.predict\(\) gives keypoints in shape \(1, 17, 3\)'):
        list(model.loss_parts(**data))
    head.predict = lambda feats, samples, test_cfg: [InstanceData(keypoints=keypoints[..., :2]) for _ in samples]
    assert (model.adapter.output(model.networks['a'], data['inputs']['easy'])[1] == 1).all(), 'no scores: sure of all'
    with pytest.raises(ValueError, match='switch the stock config anew'):
        adapter_for(dict(stock['model']['head']), 'KeypointAdapter')
    with pytest.raises(ValueError, match='the decoder of HeatmapHead is SPRS, which is no registered codec'):
        find_adapter(dict(type='HeatmapHead', decoder=dict(type='SPRS')))

    @KEYPOINT_CODECS.register_module(force=True)
    class LabDepth(KEYPOINT_CODECS.get('Hand3DHeatmap')):
        pass

    with pytest.raises(ValueError, match='LabDepth, the codec of InternetHead, needs .*rel_root_depth.* beside'):
        find_adapter(dict(type='InternetHead', decoder=dict(type='LabDepth')))
    with pytest.raises(ValueError, match='model.head is OffsetHed, which is not registered'):
        find_adapter(dict(type='OffsetHed'))


def test_a_loss_of_another_kind_is_the_lessons_loss(stock):
    """With a perfect teacher a lesson costs what labels cost, where squares would cost a hundred times less."""
    stock['model']['head']['loss'] = dict(type='AdaptiveWingLoss', use_target_weight=True)
    config = switch(stock)
    model, data = batch_of(config)
    assert isinstance(model.adapter, KeypointAdapter)
    views = ViewPair(data['data_samples']['easy'], data['data_samples']['hard'])
    easy, samples = joints_and_samples(config, views)
    target = model.adapter.target((easy, torch.ones(easy.shape[:2])), None, views)
    network = model.networks['a'].eval()
    with torch.no_grad():
        lesson = model.adapter.loss(network, data['inputs']['hard'], target)
        labels = network.loss(data['inputs']['hard'], samples)['loss_kpt']
    torch.testing.assert_close(lesson, labels)


def in_mmpose(monkeypatch, kind):
    """A class as it stands where MMPose itself was extended."""
    monkeypatch.setattr(kind, '__module__', 'mmpose.models.heads.own')


def test_heads_and_codecs_inside_a_fork_of_mmpose_are_taken(stock, lab, monkeypatch):
    stock = of_the_lab(stock, lab)
    switch(stock)  # Which imports them.
    in_mmpose(monkeypatch, MODELS.get('OffsetHead'))
    in_mmpose(monkeypatch, KEYPOINT_CODECS.get('OffsetHeatmap'))
    assert find_adapter(stock['model']['head']) is KeypointAdapter
    model, _ = batch_of(switch(stock))
    assert isinstance(model.adapter, KeypointAdapter)


def test_an_adapter_that_is_asked_for_is_taken(stock):
    """Stock parts that belong to no kind together are refused, but for whoever knows better."""
    head = stock['model']['head']
    head['type'] = 'RegressionHead'
    with pytest.raises(ValueError, match='the codec of RegressionHead is MSRAHeatmap.*model.adapter'):
        switch(stock)
    with pytest.raises(ValueError, match="model.adapter='Keypoint' is no registered adapter"):
        switch(stock, model=dict(adapter='Keypoint'))
    assert switch(stock, model=GENERAL).model.keypoint_labels
    assert ADAPTERS.get('KeypointAdapter') is KeypointAdapter and 'KeypointAdapter' in ADAPTERS
    head['decoder'] = dict(type='Hand3DHeatmap')
    with pytest.raises(ValueError, match="model.adapter='KeypointAdapter' cannot be taken: Hand3DHeatmap.*beside keyp"):
        switch(stock, model=GENERAL)


@pytest.mark.parametrize('model', [{}, GENERAL])
def test_a_codec_of_another_size_is_refused_whatever_adapter_is_asked_for(stock, model):
    stock['model']['head']['decoder'] = dict(stock['model']['head']['decoder'], heatmap_size=(8, 12))
    with pytest.raises(ValueError, match='codec mismatch: heatmap_size'):
        switch(stock, model=model)


@pytest.fixture
def levels(stock, lab, monkeypatch):
    """The lab's config with a head that answers with two levels in training, and loses on both."""
    stock = of_the_lab(stock, lab)
    switch(stock)
    head = MODELS.get('OffsetHead')
    forward, loss = head.forward, head.loss

    def of_levels(self, feats):
        return [forward(self, feats)] * 2 if self.training else forward(self, feats)

    def of_the_last(self, feats, samples, train_cfg={}):
        assert isinstance(self.forward(feats), list)
        self.training = False
        try:
            return loss(self, feats, samples)
        finally:
            self.training = True

    monkeypatch.setattr(head, 'forward', of_levels)
    monkeypatch.setattr(head, 'loss', of_the_last)
    return stock


def test_a_head_with_a_level_more_in_training_teaches_and_is_looked_at(levels, tmp_path):
    runner = run(switch(levels, hook=dict(interval=1)), tmp_path)
    log = runner.message_hub.log_scalars
    assert {'train/a/loss_pseudo', 'train/a/labeled_as_easy', 'val/PCK'} <= set(log)
    network = runner.model.networks['a'].train()
    with heads_in_mode(network, training=False):
        assert not network.head.training and network.head.grow.training and network.backbone.training
    assert network.head.training


def test_a_loss_that_reads_more_than_labels_of_joints_is_told(stock, lab, monkeypatch):
    model, data = batch_of(switch(of_the_lab(stock, lab)))
    loss = type(model.networks['a'].head).loss

    def reads_more(self, feats, samples, train_cfg={}):
        for sample in samples:
            sample.gt_fields.areas  # noqa: B018
        return loss(self, feats, samples)

    monkeypatch.setattr(type(model.networks['a'].head), 'loss', reads_more)
    model.sup_losses = lambda *_: iter(())
    with pytest.raises(ValueError, match='LabEstimator with OffsetHead fails .*areas.*register an adapter'):
        list(model.loss_parts(**data))


def test_a_loss_without_names_is_told(stock, lab, monkeypatch):
    model, data = batch_of(switch(of_the_lab(stock, lab)))
    monkeypatch.setattr(type(model.networks['a']), 'loss', lambda *_: (dict(loss_kpt=torch.zeros(())), None))
    with pytest.raises(TypeError, match=r'LabEstimator.loss\(\) gives a tuple'):
        list(model.loss_parts(**data))
