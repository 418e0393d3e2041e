# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Every kind of output through a whole run: training, scores of all networks, pictures, export, prediction."""

import copy

import cv2
import numpy as np
import pytest
import torch
from conftest import run, switch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.logging import MessageHub
from mmengine.optim import OptimWrapper
from mmengine.structures import InstanceData, PixelData
from mmpose.registry import DATASETS, KEYPOINT_CODECS, MODELS
from mmpose.structures import PoseDataSample

from mmpose_dualteach.engine.checkpoints.safe_loading import load_safely
from mmpose_dualteach.models.adapters import adapter_for, keypoint_count
from mmpose_dualteach.models.view_pair import ViewPair
from mmpose_dualteach.switch import stock_config

INPUT, CELLS, FEATURES = (64, 96), (16, 24), (4, 6)
JOINTS = dict(in_channels=32, num_joints=17)
DECONV = dict(in_channels=32, deconv_out_channels=(8, 8), deconv_kernel_sizes=(4, 4))
SIMCC = dict(in_channels=32, out_channels=17, input_size=INPUT, in_featuremap_size=FEATURES, simcc_split_ratio=2.0)
WEIGHTED = dict(use_target_weight=True)
GAU = dict(
    hidden_dims=32,
    s=16,
    expansion_factor=2,
    dropout_rate=0.0,
    drop_path=0.0,
    act_fn='SiLU',
    use_rel_bias=False,
    pos_enc=False,
)
KINDS = {
    'simcc': (
        dict(type='SimCCHead', **SIMCC, deconv_out_channels=None, loss=dict(type='KLDiscretLoss', **WEIGHTED)),
        dict(type='SimCCLabel', sigma=6.0, simcc_split_ratio=2.0),
    ),
    'rtmpose': (
        dict(
            type='RTMCCHead',
            **SIMCC,
            final_layer_kernel_size=3,
            gau_cfg=GAU,
            loss=dict(type='KLDiscretLoss', beta=10.0, label_softmax=True, **WEIGHTED),
        ),
        dict(type='SimCCLabel', sigma=(4.9, 5.66), simcc_split_ratio=2.0, normalize=False),
    ),
    'regression': (
        dict(type='RegressionHead', **JOINTS, loss=dict(type='SmoothL1Loss', **WEIGHTED)),
        dict(type='RegressionLabel'),
    ),
    'rle': (dict(type='RLEHead', **JOINTS, loss=dict(type='RLELoss', **WEIGHTED)), dict(type='RegressionLabel')),
    'dsnt': (
        dict(
            type='DSNTHead',
            **DECONV,
            num_joints=17,
            in_featuremap_size=FEATURES,
            loss=dict(
                type='MultipleLossWrapper',
                losses=[dict(type='SmoothL1Loss', **WEIGHTED), dict(type='JSDiscretLoss', **WEIGHTED)],
            ),
        ),
        dict(type='IntegralRegressionLabel', heatmap_size=CELLS, sigma=2.0, normalize=True),
    ),
    'combined': (
        dict(type='HeatmapHead', **DECONV, out_channels=51, loss=dict(type='CombinedTargetMSELoss', **WEIGHTED)),
        dict(type='UDPHeatmap', heatmap_size=CELLS, heatmap_type='combined', blur_kernel_size=5),
    ),
    'visibility': (
        dict(
            type='VisPredictHead',
            loss=dict(type='BCELoss', use_sigmoid=True, **WEIGHTED),
            pose_cfg=dict(type='HeatmapHead', **DECONV, out_channels=17, loss=dict(type='KeypointMSELoss', **WEIGHTED)),
        ),
        dict(type='MSRAHeatmap', heatmap_size=CELLS, sigma=1.5),
    ),
}


def of_kind(stock: dict, kind: str) -> dict:
    """The small config with another head and codec, tested with mirrored images too."""
    head, codec = copy.deepcopy(KINDS[kind])
    codec['input_size'] = INPUT
    (head.get('pose_cfg') or head)['decoder'] = codec
    # Not by update(): mmengine 0.9 gives addict's dicts, which would merge.
    stock['model']['head'], stock['model']['test_cfg'] = head, dict(flip_test=True)
    if kind in ('regression', 'rle'):
        stock['model']['neck'] = dict(type='GlobalAveragePooling')
    if kind == 'combined':
        # As the stock config has them: a joint has three channels.
        stock['model']['train_cfg'] = dict(compute_acc=False)
        stock['model']['test_cfg']['flip_mode'] = 'udp_combined'
    for transform in stock['train_dataloader']['dataset']['pipeline']:
        if transform['type'] == 'GenerateTarget':
            transform['encoder'] = codec
    return stock


@pytest.mark.parametrize('kind', KINDS)
def test_every_kind_tells_how_many_keypoints_it_predicts(kind, stock):
    assert keypoint_count(of_kind(stock, kind)['model']['head']) == 17


@pytest.mark.parametrize('kind', KINDS)
def test_several_teachers_before_a_mirror_too(kind, stock):
    model = dict(
        lessons=[
            dict(teacher=['a', 'b.mirrored', 'a.snapshot'], student='b', combine='closest'),
            dict(teacher=['a', 'b.view2.mirrored'], student='a'),
        ],
        max_disagreement=50.0,
        redraw=kind not in ('combined',),
    )
    maps = kind not in ('simcc', 'rtmpose', 'regression', 'rle', 'dsnt')
    model['paths'] = [[dict(type='BlockShuffle')]]
    if not maps:
        with pytest.raises(ValueError, match='BlockShuffle needs'):
            MODELS.build(switch(of_kind(stock, kind), model=model).model)
        model.pop('paths')
    config = switch(of_kind(stock, kind), model=model)
    torch.manual_seed(0)
    model = MODELS.build(copy.deepcopy(config.model)).train()
    model.copies.take_snapshots(model.networks)
    model.watching = True
    dataset = DATASETS.build(copy.deepcopy(config.train_dataloader.dataset))
    batch = pseudo_collate([dataset[n] for n in (0, 1, 2, 3, 8, 9, 10, 11)])
    wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.01))
    for _ in range(2):
        log = model.train_step(copy.deepcopy(batch), wrapper)
    assert all(torch.isfinite(value).all() for value in log.values())
    assert {'a/loss_pseudo', 'b/loss_pseudo', 'agreement_px'} <= set(log)


@pytest.mark.parametrize('kind', KINDS)
def test_a_whole_run(kind, stock, tmp_path):
    config = switch(
        of_kind(stock, kind),
        hook=dict(interval=1),
        pictures=dict(interval=6),
        model=dict(paths=[[dict(type='JointCutout', joints=2)]]),
    )
    runner = run(config, tmp_path)
    log = runner.message_hub.log_scalars
    scores = {key for key in log if key.endswith('PCK')}
    assert scores == {'val/PCK', 'val/b/PCK', 'val/mean/PCK'}
    for key in ('a/loss_pseudo', 'b/loss_pseudo', 'a/peak_labeled', 'b/peak_unlabeled', 'agreement_px', 'valid_share'):
        values = log[f'train/{key}'].data[0]
        assert np.isfinite(values).all(), key
        assert (values >= 0).all() or 'loss' in key and kind == 'rle', 'a likelihood may exceed 1, nothing else may'
    sheet = cv2.imread(str(max(tmp_path.rglob('lessons_*.png'))))
    assert sheet.shape[1] > 800 and sheet.std() > 20

    stock_model = MODELS.build(stock_config(Config.fromfile(next(tmp_path.glob('*.py')))).model)
    weights = load_safely(str(tmp_path / 'student_last.pth'))['state_dict']
    stock_model.load_state_dict(weights, strict=True)


@pytest.mark.parametrize('kind', KINDS)
def test_each_network_predicts_as_the_stock_estimator_and_their_mean_is_between(kind, stock):
    config = switch(of_kind(stock, kind))
    model = MODELS.build(config.model).eval()
    dataset = DATASETS.build(config.val_dataloader.dataset)
    data = model.data_preprocessor(pseudo_collate([dataset[i] for i in range(3)]), False)
    with torch.no_grad():
        answers = model.predict_all(data['inputs'], data['data_samples'])
        for name, network in model.networks.items():
            own = network(data['inputs'], [copy.deepcopy(s) for s in data['data_samples']], mode='predict')
            for one, other in zip(answers[name], own):
                assert np.array_equal(one.pred_instances.keypoints, other.pred_instances.keypoints)
                assert np.array_equal(one.pred_instances.keypoint_scores, other.pred_instances.keypoint_scores)
        if kind in ('regression', 'rle', 'dsnt'):
            for mean, one, other in zip(*[answers[name] for name in ('mean', 'a', 'b')]):
                assert np.allclose(
                    mean.pred_instances.keypoints,
                    (one.pred_instances.keypoints + other.pred_instances.keypoints) / 2,
                    atol=1e-3,
                )
        # Two networks alike are their own mean.
        model.networks['b'].load_state_dict(model.networks['a'].state_dict())
        same = model.predict_all(data['inputs'], data['data_samples'])
        for mean, one in zip(same['mean'], same['a']):
            assert np.allclose(mean.pred_instances.keypoints, one.pred_instances.keypoints, atol=1e-3)
            assert np.allclose(mean.pred_instances.keypoints_visible, one.pred_instances.keypoints_visible, atol=1e-4)


@pytest.mark.parametrize('asked_by', ['the model', 'the optimizer'])
@pytest.mark.parametrize('kind', ['heatmaps', *KINDS])
def test_bfloat16_trains_every_kind(kind, asked_by, stock):
    """``model.autocast``, and mmengine's AMP with that dtype, of which the context is what reaches the model."""
    config = switch(
        stock if kind == 'heatmaps' else of_kind(stock, kind),
        model=dict(autocast='bfloat16' if asked_by == 'the model' else None),
    )
    torch.manual_seed(0)
    model = MODELS.build(config.model).train()
    model.watching = True
    dataset = DATASETS.build(config.train_dataloader.dataset)
    batch = pseudo_collate([dataset[i] for i in (0, 1, 8, 9)])
    wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), lr=1e-3))
    if asked_by == 'the optimizer':
        wrapper.optim_context = lambda _: torch.autocast('cpu', torch.bfloat16)
    dtypes = []
    model.networks['a'].backbone.layer1.register_forward_hook(lambda *args: dtypes.append(args[-1].dtype))
    log = model.train_step(copy.deepcopy(batch), wrapper)
    assert set(dtypes) == {torch.bfloat16}
    assert all(torch.isfinite(torch.as_tensor(value)).all() for value in log.values())
    assert {'a/loss_pseudo', 'b/loss_pseudo', 'a/peak_labeled', 'a/peak_unlabeled'} <= set(log)
    assert kind == 'combined' or any('acc' in key for key in log)


@pytest.mark.parametrize('kind', KINDS)
def test_a_lesson_teaches_the_student_alone(kind, stock):
    config = switch(of_kind(stock, kind), model=dict(lessons=[dict(teacher='a', student='b')], sup_weight=0.0))
    torch.manual_seed(0)
    model = MODELS.build(config.model).train()
    dataset = DATASETS.build(config.train_dataloader.dataset)
    batch = pseudo_collate([dataset[i] for i in (0, 1, 8, 9)])
    data = model.data_preprocessor(batch, True)
    losses = model(**data, mode='loss')
    losses['b/loss_pseudo'].backward()
    taught = {
        name: sum(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in network.parameters())
        for name, network in model.networks.items()
    }
    assert taught['a'] == 0 and taught['b'] > 10


def test_dsnt_is_taught_by_its_whole_loss(stock):
    head = of_kind(stock, 'dsnt')['model']['head']
    network = MODELS.build(switch(stock).model).networks['a'].train()
    adapter, codec = adapter_for(head), KEYPOINT_CODECS.build(head['decoder'])
    joints = torch.rand(2, 17, 2) * (torch.tensor(INPUT) + 8) - 4  # Some of them beside the image.
    sample = PoseDataSample(metainfo=dict(view_matrix=np.eye(3)[:2], flip=False, flip_indices=list(range(17))))
    teacher = joints / torch.tensor(INPUT), torch.ones(2, 17, *CELLS[::-1])
    target = adapter.target(teacher, torch.ones(2, 17), ViewPair([sample] * 2, [sample] * 2))
    labelled = [PoseDataSample() for _ in joints]
    for one, points in zip(labelled, joints.numpy()):
        label = codec.encode(points[None], np.ones((1, 17), np.float32))
        heatmaps = torch.from_numpy(label.pop('heatmaps'))
        one.gt_fields = PixelData(heatmaps=heatmaps)
        one.gt_instance_labels = InstanceData(**{key: torch.from_numpy(value) for key, value in label.items()})
    images = torch.randn(2, 3, *INPUT[::-1])
    lesson = adapter.loss(network, adapter.answer(network, images), target)
    whole = network(images, labelled, mode='loss')['loss_kpt']
    assert lesson > 1 and torch.isclose(lesson, whole)
    network.head.lambda_t = 3
    MessageHub.get_current_instance().update_info('epoch', 3)
    assert adapter.loss(network, adapter.answer(network, images), target) < 0.2 * lesson


@pytest.mark.parametrize('weight', [None, torch.full((2, 17), 0.5)])
def test_a_joint_without_a_counterpart_in_the_mirror_teaches_nothing_there(stock, weight):
    """As DeepFashion2 has it: joint 3 becomes joint 7, and joint 7 stays what it is."""
    flip_indices = [7 if joint == 3 else joint for joint in range(17)]
    easy, same, mirrored = (
        PoseDataSample(metainfo=dict(view_matrix=matrix, flip=flip, flip_indices=flip_indices))
        for matrix, flip in ((np.eye(3)[:2], False), (np.eye(3)[:2], False), (np.array([[-1, 0, 63], [0, 1, 0]]), True))
    )
    adapter = adapter_for(of_kind(stock, 'regression')['model']['head'])
    target = adapter.target(torch.rand(2, 17, 2), weight, ViewPair([easy, easy], [same, mirrored]))
    expected = torch.full((2, 17), 1.0 if weight is None else 0.5)
    expected[1, 3] = 0
    assert torch.equal(target.weight, expected)
