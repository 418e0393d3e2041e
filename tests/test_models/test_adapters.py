# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""The oracle for every kind of output: encode-then-move equals move-then-encode."""

from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
import torch
from mmpose.registry import KEYPOINT_CODECS, MODELS

from mmpose_dualteach import geometry
from mmpose_dualteach.datasets.transforms.easy_hard_views import Cut
from mmpose_dualteach.models.adapters import (
    ADAPTERS,
    HeatmapAdapter,
    KeypointAdapter,
    adapter_for,
    find_adapter,
    keypoint_count,
)
from mmpose_dualteach.models.adapters.base import detached, first_instances
from mmpose_dualteach.models.view_pair import ViewPair

FLIP_INDICES = [1, 0, 2, 4, 3]
INPUT, CELLS = (192, 256), (48, 64)
KL = dict(type='KLDiscretLoss', use_target_weight=True, beta=10.0, label_softmax=True)
SQUARES = dict(type='KeypointMSELoss', use_target_weight=True)
SMOOTH = dict(type='SmoothL1Loss', use_target_weight=True)


def sample(matrix, flip):
    return SimpleNamespace(metainfo=dict(view_matrix=matrix, flip=flip, flip_indices=FLIP_INDICES))


def view_pairs(count, udp=False, seed=0):
    """Pairs of views, with joints (5, 2) as a dataset gives them in either."""
    rng = np.random.default_rng(seed)
    views = Cut(INPUT, udp)
    for _ in range(count):
        scale = rng.uniform(60, 90) * np.array([1, INPUT[1] / INPUT[0]])
        matrices, flips = [], []
        for _ in range(2):
            flips.append(bool(rng.random() < 0.5))
            matrices.append(
                views.view_matrix((100, 75), scale * rng.uniform(0.75, 1.25), rng.uniform(-60, 60), flips[-1], 200)
            )
        back = geometry.invert(matrices[0])
        easy = rng.uniform([40, 50], [150, 200], (5, 2))
        original = (easy[FLIP_INDICES] if flips[0] else easy) @ back[:, :2].T + back[:, 2]
        hard = original @ matrices[1][:, :2].T + matrices[1][:, 2]
        yield (
            ViewPair([sample(matrices[0], flips[0])], [sample(matrices[1], flips[1])]),
            easy,
            hard[FLIP_INDICES] if flips[1] else hard,
        )


def encoded(codec, joints):
    return codec.encode(joints[None].astype(np.float32), np.ones((1, 5), np.float32))


# ---------------------------------------------------------------------- several stages and levels


def test_megvii_cells_lie_half_a_cell_further():
    config = dict(type='MegviiHeatmap', input_size=INPUT, heatmap_size=CELLS, kernel_size=11)
    head = dict(
        type='MSPNHead', num_stages=1, num_units=1, level_indices=[0], loss=dict(type='KeypointMSELoss'), decoder=config
    )
    adapter, codec = adapter_for(head), KEYPOINT_CODECS.build(config)
    errors = []
    for views, easy, hard in view_pairs(40):
        easy = (np.floor(easy / 4) + 0.5) * 4  # Cell centres: the codec's rounding is not what is measured.
        hard = views.move_points(torch.from_numpy(easy)[None])[0].numpy()
        target = adapter.move([torch.from_numpy(encoded(codec, easy)['heatmaps'])[None]], views)
        joints, scores = adapter.joints(target.value)
        inside = ((hard > 16) & (hard < np.array(INPUT) - 16)).all(axis=1)
        errors.append((joints[0].numpy() - hard)[inside])
        assert ((scores[0].numpy() > 0.8) | ~inside).all()
    errors = np.concatenate(errors)
    assert len(errors) > 60 and np.abs(errors).max() < 3.0
    assert np.abs(errors.mean(axis=0)).max() < 0.25, 'half a cell forgotten would be a bias of 2 pixels when turned'


def test_like_level_teaches_like_and_the_last_stage_teaches_where_all_are_alike():
    loss = [dict(type='KeypointMSELoss', loss_weight=weight) for weight in (0.25, 0.5, 0.75, 1.0)]
    codec = dict(type='MegviiHeatmap', input_size=(48, 64), heatmap_size=(12, 16), kernel_size=5)
    head = dict(type='MSPNHead', num_stages=2, num_units=2, level_indices=[0, 1, 1, 2], loss=loss, decoder=codec)
    adapter = adapter_for(head)
    assert adapter.teaching_stage == [0, 2, 2, 3] and adapter.stage_weights == [0.25, 0.5, 0.75, 1.0]
    views = ViewPair([sample(np.eye(2, 3), False)], [sample(np.eye(2, 3), False)])
    output = [torch.full((1, 5, 16, 12), float(stage)) for stage in range(4)]
    target = adapter.move(output, views)
    assert [float(value.mean()) for value in target.value] == pytest.approx([0, 2, 2, 3])
    zero = [torch.zeros(1, 5, 16, 12)] * 4
    assert adapter.loss(None, zero, target).item() == pytest.approx(0.5 * 4 + 0.75 * 4 + 1.0 * 9)

    codec = dict(type='MSRAHeatmap', input_size=(48, 64), heatmap_size=(12, 16), sigma=2)
    stages = adapter_for(dict(type='CPMHead', num_stages=3, loss=dict(type='KeypointMSELoss'), decoder=codec))
    fewer = adapter_for(dict(type='CPMHead', num_stages=2, loss=dict(type='KeypointMSELoss'), decoder=codec))
    assert fewer.kin != stages.kin, 'no two networks of other stages share an adapter'
    assert stages.teaching_stage == [2, 2, 2] and stages.stage_weights == [1.0, 1.0, 1.0]


def test_networks_of_other_keypoints_share_no_adapter():
    codec = dict(type='MSRAHeatmap', input_size=(48, 64), heatmap_size=(12, 16), sigma=2)
    heads = [dict(type='HeatmapHead', out_channels=count, decoder=codec) for count in (17, 133, 17)]
    body, whole, same = [adapter_for(head).kin for head in heads]
    assert body == same != whole


def test_heads_that_may_count_otherwise_tell_no_number_of_keypoints():
    HeatmapHead = MODELS.get('HeatmapHead')
    other = type('OffsetHead', (HeatmapHead,), dict(__init__=lambda self, out_channels: None))
    alike = type('SameHead', (HeatmapHead,), {})
    counts = [keypoint_count(dict(type=kind, out_channels=51)) for kind in (other, alike, torch.nn.Linear)]
    assert counts == [None, 51, None] and keypoint_count(dict(type='MSPNHead')) is None
    assert keypoint_count(dict(type='CIDHead', num_keypoints=14)) == 14


# ---------------------------------------------------------------------- combined


def test_combined_maps_move_like_their_labels():
    config = dict(type='UDPHeatmap', input_size=INPUT, heatmap_size=CELLS, heatmap_type='combined')
    head = dict(
        type='HeatmapHead', in_channels=1, out_channels=15, loss=dict(type='CombinedTargetMSELoss'), decoder=config
    )
    adapter, codec = adapter_for(head), KEYPOINT_CODECS.build(config)
    compared = 0
    for views, easy, hard in view_pairs(30, udp=True):
        target = adapter.move(torch.from_numpy(encoded(codec, easy)['heatmaps'])[None], views)
        expected = torch.from_numpy(encoded(codec, hard)['heatmaps']).reshape(5, 3, *CELLS[::-1])
        ours = target.value[0].reshape(5, 3, *CELLS[::-1])
        joints = adapter.joints(target.value)[0][0].numpy()
        for k in range(5):
            if not ((hard[k] > 20) & (hard[k] < np.array(INPUT) - 20)).all():
                continue
            compared += 1
            assert np.abs(joints[k] - hard[k]).max() < 1.0
            # The disc is as large as before, whatever the scale: cells differ on its edge alone.
            disc = expected[k, 0] > 0.5
            assert (disc != (ours[k, 0] > 0.5)).sum() <= 10 and 30 < disc.sum() < 50
            # Interpolated without swinging over the disc's edge, and offsets, which are linear, exactly.
            assert ours[k, 0].min() >= 0 and ours[k, 0].max() <= 1
            assert (ours[k, 1:] - expected[k, 1:])[:, disc].abs().max() * adapter.radius < 0.05
    assert compared > 60


def test_combined_loss_is_the_stock_one_where_all_is_valid():
    config = dict(type='UDPHeatmap', input_size=(48, 64), heatmap_size=(12, 16), heatmap_type='combined')
    adapter = adapter_for(dict(type='HeatmapHead', loss=dict(type='CombinedTargetMSELoss'), decoder=config))
    output, value = torch.randn(2, 15, 16, 12), torch.rand(2, 15, 16, 12)
    target = SimpleNamespace(value=value, valid=torch.ones(2, 1, 16, 12, dtype=torch.bool), weight=None)
    stock = MODELS.build(dict(type='CombinedTargetMSELoss', use_target_weight=True))
    assert adapter.loss(None, output, target).item() == pytest.approx(
        stock(output, value, torch.ones(2, 5)).item(), rel=1e-5
    )


# ---------------------------------------------------------------------- SimCC

SIMCC = {
    'rtmpose': dict(sigma=(4.9, 5.66), simcc_split_ratio=2.0, normalize=False),
    'simcc': dict(sigma=6.0, simcc_split_ratio=2.0),
    'odd ratio': dict(sigma=3.0, simcc_split_ratio=1.5, normalize=False),
    'standard': dict(smoothing_type='standard', simcc_split_ratio=2.0, label_smooth_weight=0.1),
}


def simcc(kind, **options):
    codec = dict(type='SimCCLabel', input_size=INPUT, **SIMCC[kind])
    return adapter_for(dict(type='RTMCCHead', loss=KL, decoder=codec), **options), KEYPOINT_CODECS.build(codec)


@pytest.mark.parametrize('kind', SIMCC)
def test_simcc_labels_are_the_codecs_own(kind):
    adapter, codec = simcc(kind)
    joints = np.random.default_rng(0).uniform([-40, -40], [240, 300], (40, 5, 2)).astype(np.float32)
    (x, y), valid = adapter.encode(torch.from_numpy(joints))
    for i, each in enumerate(joints):
        stock = codec.encode(each[None], np.ones((1, 5), np.float32))
        assert np.allclose(stock['keypoint_x_labels'][0], x[i], atol=1e-6)
        assert np.allclose(stock['keypoint_y_labels'][0], y[i], atol=1e-6)
        assert (stock['keypoint_weights'][0] == valid[i].numpy()).all()
    assert valid.any() and not valid.all()


@pytest.mark.parametrize('kind', SIMCC)
def test_simcc_vectors_move_like_their_labels(kind):
    adapter, codec = simcc(kind)
    for views, easy, hard in view_pairs(20):
        labels = encoded(codec, easy)
        output = [torch.from_numpy(labels[key]) for key in ('keypoint_x_labels', 'keypoint_y_labels')]
        target = adapter.target(output, None, views)
        joints = adapter.target_joints(target)[0][0].numpy()
        expected = encoded(codec, hard)['keypoint_weights'][0] > 0
        assert (expected == target.valid[0].numpy()).mean() > 0.9
        inside = ((hard > 1) & (hard < np.array(INPUT) - 2)).all(axis=1)
        # Half a bin from each of the two roundings, turned.
        assert np.abs(joints - hard)[inside].max(initial=0) < 2.5 / codec.simcc_split_ratio


def test_simcc_scores_fall_where_vectors_go_flat():
    adapter, codec = simcc('rtmpose')
    labels = encoded(codec, np.full((5, 2), 90.0))
    sharp = [torch.from_numpy(labels[key]) for key in ('keypoint_x_labels', 'keypoint_y_labels')]
    assert adapter.joints(sharp)[1].min() > 0.95
    flat = [vector * 0.0 + 7.0 for vector in sharp]
    assert adapter.joints(flat)[1].max() < 0.1
    assert adapter.joints([sharp[0], flat[1]])[1].max() < 0.1, 'the weaker axis counts'


# ---------------------------------------------------------------------- coordinates

COORDINATES = {
    'regression': (dict(type='RegressionHead', loss=SMOOTH), dict(type='RegressionLabel')),
    'rle': (dict(type='RLEHead', loss=dict(type='RLELoss', use_target_weight=True)), dict(type='RegressionLabel')),
    'dsnt': (
        dict(
            type='DSNTHead',
            loss=dict(type='MultipleLossWrapper', losses=[SMOOTH, dict(type='JSDiscretLoss', use_target_weight=True)]),
        ),
        dict(type='IntegralRegressionLabel', heatmap_size=CELLS, sigma=2.0, normalize=True),
    ),
}


def coordinate_output(kind, codec, joints):
    labels = encoded(codec, joints)
    coordinates = torch.from_numpy(labels['keypoint_labels'])
    if kind == 'rle':
        return torch.cat((coordinates, torch.full_like(coordinates, -2.0)), dim=-1)
    return (coordinates, torch.from_numpy(labels['heatmaps'])[None]) if kind == 'dsnt' else coordinates


@pytest.mark.parametrize('kind', COORDINATES)
def test_coordinates_move_like_their_labels(kind):
    head, codec = COORDINATES[kind]
    codec = dict(codec, input_size=INPUT)
    adapter, encoder = adapter_for(dict(head, decoder=codec)), KEYPOINT_CODECS.build(codec)
    for views, easy, hard in view_pairs(20):
        target = adapter.target(coordinate_output(kind, encoder, easy), None, views)
        stock = encoded(encoder, hard)
        assert np.allclose(stock['keypoint_labels'][0], target.value[0], atol=1e-5)
        weight = (
            stock['keypoint_weights'][0]
            if kind != 'dsnt'
            else encoded(encoder.keypoint_codec, hard)['keypoint_weights'][0]
        )
        assert (weight == target.valid[0].numpy()).all()


def test_scores_of_coordinates():
    codec = dict(type='RegressionLabel', input_size=(100, 200))
    plain = adapter_for(dict(type='RegressionHead', loss=SMOOTH, decoder=codec))
    one = torch.full((1, 5, 2), 0.5)
    other = one.clone()
    other[0, 0, 0] += 0.05
    scores = plain.scores({'a': one, 'b': other})
    assert scores['a'][0].tolist() == pytest.approx([np.exp(-0.5), 1, 1, 1, 1]) == scores['b'][0].tolist()
    assert plain.scores({'a': one}) == {}, 'a single network has no one to agree with'

    rle = adapter_for(dict(COORDINATES['rle'][0], decoder=codec))
    sure, unsure = [torch.cat((one, torch.full_like(one, sigma)), dim=-1) for sigma in (-4.0, 4.0)]
    assert rle.joints(sure)[1].min() > 0.97 and rle.joints(unsure)[1].max() < 0.03


# ---------------------------------------------------------------------- options and refusals


def test_weights_go_with_their_joints_into_a_mirrored_view():
    codec = dict(type='UDPHeatmap', input_size=(48, 64), heatmap_size=(12, 16), sigma=2)
    adapter = adapter_for(dict(type='HeatmapHead', decoder=codec))
    weight = torch.tensor([[0.4, 0.6, 0.7, 0.8, 0.9]])
    heatmaps = torch.rand(1, 5, 16, 12)
    views = ViewPair([sample(np.eye(2, 3), False)], [sample(geometry.mirror(48), True)])
    target = adapter.target(heatmaps, weight, views)
    assert target.weight[0].tolist() == pytest.approx([0.6, 0.4, 0.7, 0.9, 0.8])
    assert adapter.target(heatmaps, None, views).weight is None
    assert adapter.loss(None, target.value + 1, target).item() == pytest.approx(weight.mean().item(), rel=1e-5)


@pytest.mark.parametrize('kind', ['udp', 'msra', 'unbiased', 'stages'])
def test_redrawn_heatmaps_are_the_codecs_labels_of_the_hard_view(kind):
    codec = dict(type='UDPHeatmap' if kind in ('udp', 'stages') else 'MSRAHeatmap', sigma=2.0)
    codec.update(input_size=INPUT, heatmap_size=CELLS, **(dict(unbiased=True) if kind == 'unbiased' else {}))
    head = dict(type='CPMHead', num_stages=2, loss=SQUARES) if kind == 'stages' else dict(type='HeatmapHead')
    adapter, encoder = adapter_for(dict(head, decoder=codec), redraw=True), KEYPOINT_CODECS.build(codec)
    compared = 0
    for views, easy, hard in view_pairs(30, udp=kind in ('udp', 'stages')):
        # A teacher that is unsure draws blunt and low heatmaps about the right places.
        blunt = (
            KEYPOINT_CODECS.build(dict(codec, type='UDPHeatmap', sigma=3.0))
            if kind in ('udp', 'stages')
            else (KEYPOINT_CODECS.build(dict(codec, sigma=3.0, unbiased=True)))
        )
        heatmaps = 0.3 * torch.from_numpy(encoded(blunt, easy)['heatmaps'])[None]
        target = adapter.move([heatmaps, heatmaps] if kind == 'stages' else heatmaps, views)
        values = target.value if kind == 'stages' else [target.value]
        assert len(values) == (2 if kind == 'stages' else 1)
        labels = encoded(encoder, hard)
        stock = torch.from_numpy(labels['heatmaps'])
        assert (target.weight[0].numpy() == labels['keypoint_weights'][0]).all(), 'joints off the map are not taught'
        for value in values:
            for k in range(5):
                edge = np.abs((hard[k] / 4 + 0.5) % 1 - 0.5).min() if kind == 'msra' else 1.0
                if ((hard[k] > 8) & (hard[k] < np.array(INPUT) - 8)).all() and edge > 0.02:
                    compared += 1
                    # The codec cuts its labels off at three sigmas, where they are 0.011 high.
                    assert (value[0, k] - stock[k]).abs().max() < 0.02, (kind, easy[k], hard[k])
    assert compared > 60


@pytest.mark.parametrize('sigma', [1.5, 2.0])
@pytest.mark.parametrize('kind', ['udp', 'msra', 'unbiased'])
def test_joints_beside_the_map_weigh_what_they_weigh_to_the_codec(kind, sigma):
    codec = dict(type='UDPHeatmap' if kind == 'udp' else 'MSRAHeatmap', sigma=sigma, unbiased=kind == 'unbiased')
    codec = {key: value for key, value in codec.items() if kind != 'udp' or key != 'unbiased'}
    codec.update(input_size=INPUT, heatmap_size=CELLS)
    adapter, encoder = adapter_for(dict(type='HeatmapHead', decoder=codec), redraw=True), KEYPOINT_CODECS.build(codec)
    cells = np.random.default_rng(0).uniform(-12, np.array(CELLS) + 12, (400, 2)).astype(np.float32)
    labels = encoder.encode((cells * encoder.scale_factor)[None], np.ones((1, len(cells))))
    weights = adapter.labels(torch.from_numpy(cells)[None])[1][0]
    assert weights.tolist() == labels['keypoint_weights'][0].tolist() and 0 < weights.mean() < 1


def test_places_are_told_between_cells():
    """Where two teachers see a joint is compared in parts of a cell."""
    codec = dict(type='UDPHeatmap', input_size=INPUT, heatmap_size=CELLS, sigma=2.0)
    adapter, encoder = adapter_for(dict(type='HeatmapHead', decoder=codec)), KEYPOINT_CODECS.build(codec)
    places = np.random.default_rng(0).uniform(8, np.array(INPUT) - 9, (5, 2))
    heatmaps = 0.4 * torch.from_numpy(encoded(encoder, places)['heatmaps'])[None]
    assert np.abs(adapter.places(heatmaps)[0].numpy() - places).max() < 0.01


class Nested(NamedTuple):
    """What a head of somebody's own may answer."""

    maps: torch.Tensor
    more: dict


def test_outputs_of_any_structure_are_detached_and_cut():
    answer = Nested(torch.ones(3, 2, requires_grad=True), dict(levels=[torch.ones(3), (torch.ones(3, 1),)], name='x'))
    found = first_instances(detached(answer), 2)
    assert isinstance(found, Nested) and found.more['name'] == 'x' and not found.maps.requires_grad
    assert [len(found.maps), len(found.more['levels'][0]), len(found.more['levels'][1][0])] == [2, 2, 2]


def test_only_single_gaussians_are_redrawn():
    codec = dict(type='MegviiHeatmap', input_size=INPUT, heatmap_size=CELLS, kernel_size=11)
    head = dict(type='MSPNHead', num_stages=1, num_units=1, level_indices=[0], loss=SQUARES, decoder=codec)
    with pytest.raises(ValueError, match='model.redraw=True: labels of MegviiHeatmap'):
        adapter_for(head, redraw=True)
    codec = dict(type='UDPHeatmap', input_size=INPUT, heatmap_size=CELLS, heatmap_type='combined')
    with pytest.raises(ValueError, match='model.redraw=True: labels of UDPHeatmap'):
        adapter_for(dict(type='HeatmapHead', loss=dict(type='CombinedTargetMSELoss'), decoder=codec), redraw=True)
    simcc('rtmpose', redraw=True)  # Always drawn anew.


def test_what_cannot_be_taught_is_refused_by_name():
    with pytest.raises(ValueError, match='model.head is InternetHead.*supported are .*RTMCCHead.*SimCCLabel'):
        find_adapter(dict(type='InternetHead', decoder=dict(type='Hand3DHeatmap')))
    with pytest.raises(ValueError, match='codec of HeatmapHead is SPR'):
        find_adapter(dict(type='HeatmapHead', decoder=dict(type='SPR')))
    codec = dict(type='SimCCLabel', input_size=INPUT)
    with pytest.raises(ValueError, match='use_target_weight=True'):
        adapter_for(dict(type='SimCCHead', loss=dict(type='KLDiscretLoss', use_target_weight=False), decoder=codec))
    with pytest.raises(ValueError, match='a loss of its own, by which it is taught; set model.unsup_weight'):
        adapter_for(dict(type='SimCCHead', loss=KL, decoder=codec), loss=dict(loss_weight=2.0))
    assert len({adapter.supports() for adapter in ADAPTERS.module_dict.values()}) == len(ADAPTERS)


def test_a_loss_that_goes_by_its_defaults():
    codec = dict(type='SimCCLabel', input_size=INPUT, sigma=6.0, simcc_split_ratio=2.0)
    named = adapter_for(dict(type='SimCCHead', loss=KL, decoder=codec))
    bare = adapter_for(dict(type='SimCCHead', loss=dict(type='KLDiscretLoss', beta=10.0), decoder=codec))
    absent = adapter_for(dict(type='SimCCHead', decoder=codec))
    assert (named.beta, named.label_beta) == (10.0, 10.0)
    assert (bare.beta, bare.label_beta) == (10.0, None) and (absent.beta, absent.label_beta) == (1.0, None)
    with pytest.raises(ValueError, match='RLELoss has use_target_weight=False'):  # That loss's own default.
        adapter_for(dict(type='RLEHead', loss=dict(type='RLELoss'), decoder=dict(type='RegressionLabel')))
    assert find_adapter(dict(type='HeatmapHead', decoder=dict(type='MSRAHeatmap'))) is HeatmapAdapter


def test_lessons_of_squares_are_for_losses_of_squares():
    codec = dict(type='MSRAHeatmap', input_size=INPUT, heatmap_size=(12, 16), sigma=1.0)

    def kind(*losses, head='HeatmapHead'):
        loss = [dict(type=name) for name in losses] if head != 'HeatmapHead' else dict(type=losses[0])
        return find_adapter(dict(type=head, loss=loss, decoder=codec))

    assert kind('KeypointMSELoss') is kind('KeypointOHKMMSELoss') is HeatmapAdapter
    assert kind('AdaptiveWingLoss') is kind('FocalHeatmapLoss') is KeypointAdapter
    assert kind('KeypointMSELoss', 'KeypointOHKMMSELoss', head='MSPNHead') is HeatmapAdapter
    assert kind('KeypointMSELoss', 'AdaptiveWingLoss', head='MSPNHead') is KeypointAdapter
