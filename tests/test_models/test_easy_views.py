# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Teachers that see further easy views: what they say is moved to the first one."""

import copy

import numpy as np
import pytest
import torch
from conftest import switch
from mmengine.dataset import pseudo_collate
from mmpose.registry import DATASETS, KEYPOINT_CODECS, MODELS
from test_adapters import CELLS, COORDINATES, INPUT, SIMCC, coordinate_output, encoded, simcc, view_pairs

from mmpose_dualteach import geometry
from mmpose_dualteach.datasets import EasyHardViews
from mmpose_dualteach.models.adapters import adapter_for
from mmpose_dualteach.models.pseudo_labels.combine import among_known
from mmpose_dualteach.models.view_pair import ViewPair


def inside(joints, margin):
    return ((joints > margin) & (joints < np.array(INPUT) - 1 - margin)).all(axis=1)


@pytest.mark.parametrize('kind', ['gaussian', 'combined'])
def test_heatmaps_of_another_view_lie_where_the_first_view_has_its_joints(kind):
    codec = dict(type='UDPHeatmap', input_size=INPUT, heatmap_size=CELLS, heatmap_type=kind)
    loss = dict(type='CombinedTargetMSELoss' if kind == 'combined' else 'KeypointMSELoss')
    adapter = adapter_for(dict(type='HeatmapHead', loss=loss, decoder=codec))
    encoder, compared = KEYPOINT_CODECS.build(codec), 0
    for views, other, first in view_pairs(20, udp=True):
        output = torch.from_numpy(encoded(encoder, other)['heatmaps'])[None]
        moved, known = adapter.from_view(output, views)
        assert moved.shape == output.shape and known.shape == (1, 1, *CELLS[::-1])
        clear = inside(first, 12) & inside(other, 12)
        error = np.abs(adapter.joints(moved)[0][0].numpy() - first)[clear]
        assert error.max(initial=0) < (1.0 if kind == 'combined' else 2.5)  # Half a cell of 4 pixels.
        compared += clear.sum()
        y, x = np.nonzero(known[0, 0].numpy())
        seen = np.stack((x, y), axis=1) * (np.array(INPUT) - 1) / (np.array(CELLS) - 1)
        back = geometry.invert(views.matrix[0])
        assert inside(seen @ back[:, :2].T + back[:, 2], -0.1).all(), 'known is what the other view showed'
    assert compared > 40


@pytest.mark.parametrize('kind', SIMCC)
def test_vectors_of_another_view_keep_their_shape_about_the_joint(kind):
    adapter, codec = simcc(kind)
    compared = 0
    for views, other, first in view_pairs(20):
        labels = encoded(codec, other)
        output = tuple(torch.from_numpy(labels[key]) for key in ('keypoint_x_labels', 'keypoint_y_labels'))
        moved, known = adapter.from_view(output, views)
        assert known is None and [part.shape for part in moved] == [part.shape for part in output]
        clear = inside(first, 20) & inside(other, 20)
        (places, scores), before = adapter.joints(moved), views.swap_sides(adapter.joints(output)[1])
        assert np.abs(places[0].numpy() - first)[clear].max(initial=0) < 2.5 / codec.simcc_split_ratio
        assert torch.allclose(scores[0][clear], before[0][clear], atol=1e-3)
        compared += clear.sum()
    assert compared > 40


@pytest.mark.parametrize('kind', COORDINATES)
def test_coordinates_of_another_view_are_those_of_the_first(kind):
    head, codec = COORDINATES[kind]
    codec = dict(codec, input_size=INPUT)
    adapter, encoder = adapter_for(dict(head, decoder=codec)), KEYPOINT_CODECS.build(codec)
    for views, other, first in view_pairs(10):
        output = coordinate_output(kind, encoder, other)
        moved, known = adapter.from_view(output, views)
        assert known is None
        (places, scores), before = adapter.joints(moved), adapter.joints(output)[1]
        assert np.allclose(places[0], first, atol=1e-2)
        assert before is scores is None or torch.allclose(scores, views.swap_sides(before))


def test_a_cell_is_left_to_those_who_have_seen_it():
    shares = [torch.tensor([[0.5, 1.0]]), torch.tensor([[0.5, 0.0]])]
    assert among_known(shares, [None, None])[0] is shares[0]
    seen = torch.tensor([True, False]).reshape(1, 1, 1, 2)
    first, second = among_known(shares, [None, seen])
    assert first[0, :, 0].tolist() == [[0.5, 1.0], [1.0, 1.0]] and second[0, :, 0].tolist() == [[0.5, 0.0], [0.0, 0.0]]
    # Whose share is all, but who has not seen it, leaves it to who has.
    first, second = among_known([1 - share for share in shares], [None, seen])
    assert first[0, 1, 0].tolist() == [0.0, 1.0] and second[0, 1, 0].tolist() == [1.0, 0.0]


def batch_of(config):
    torch.manual_seed(0)
    np.random.seed(0)
    model = MODELS.build(copy.deepcopy(config.model)).train()
    model.sup_losses = lambda *_: iter(())
    dataset = DATASETS.build(copy.deepcopy(config.train_dataloader.dataset))
    return model, model.data_preprocessor(pseudo_collate([dataset[n] for n in (0, 1, 2, 3, 8, 9, 10, 11)]), True)


def test_three_views_teach_their_mean(stock):
    """A plain reference, cell by cell over the views that showed it."""
    views = dict(easy=dict(rotate_factor=40.0, scale_factor=(0.7, 1.4), flip_prob=0.5))
    lessons = [dict(teacher=['a', 'a.view2', 'a.view3'], student='b')]
    model, data = batch_of(switch(stock, model=dict(lessons=lessons), views=views))
    assert set(data['inputs']) == {'labeled', 'easy', 'easy2', 'easy3', 'hard'}
    model.record_lessons = True
    start = copy.deepcopy(model.networks['a'])
    list(model.loss_parts(**data))
    (record,) = model.records
    total = count = 0
    for name in ('easy', 'easy2', 'easy3'):
        with torch.no_grad():
            output = start(data['inputs'][name], None, mode='tensor')
        pair = ViewPair(data['data_samples'][name], data['data_samples']['easy'])
        moved, known = geometry.warp_heatmaps(
            output, geometry.in_cells(pair.matrix, model.adapter.to_input), model.adapter.size
        )
        total, count = total + pair.swap_sides(moved) * known, count + known.float()
    assert count.min() == 1 and count.max() == 3
    assert torch.allclose(record.prediction, total / count, atol=1e-5)


@pytest.mark.parametrize('redraw', [False, True])
def test_autocast_takes_no_digits_from_what_is_moved_and_compared(stock, redraw):
    lessons = [dict(teacher=['a', 'a.view2', 'b.mirrored'], student=student) for student in 'ab']
    options = dict(lessons=lessons, max_disagreement=25.0, redraw=redraw)
    views = dict(easy=dict(rotate_factor=40.0, scale_factor=(0.7, 1.4), flip_prob=0.5))
    model, data = batch_of(switch(stock, model=options, views=views))
    model.record_lessons, (group,) = True, model.groups
    own, seen = group.adapter.output, {}

    def same_output(network, images):
        key = id(network), float(images.sum())
        with torch.autocast('cpu', enabled=False):
            output = seen.setdefault(key, own(network, images).bfloat16())
        return output if halved else output.float()

    group.adapter.output = same_output
    targets = []
    for halved in (False, True):
        with torch.autocast('cpu', torch.bfloat16, enabled=halved):
            list(model.loss_parts(**data))
        targets.append([(record.target.value, record.target.weight, record.target.valid) for record in model.records])
    assert len(targets[0]) == 2
    for exact, under_autocast in zip(*targets):
        assert all(torch.equal(one, other) for one, other in zip(exact, under_autocast))


def test_joints_that_move_with_the_view_teach_nothing(stock):
    """ScarceNet's rule: the same network sees a joint in two views at the same place."""
    lessons = [dict(teacher=['a', 'a.view2'], student='a')]
    options = dict(networks=dict(a=dict()), lessons=lessons, max_disagreement=25.0, confidence=False)
    model, data = batch_of(switch(stock, model=options, views=dict(easy=dict(rotate_factor=40.0))))
    model.record_lessons = True
    group, seen = model.groups[0], {}
    predict = group.predict_easy
    group.predict_easy = lambda *batch: seen.setdefault('all', predict(*batch))
    list(model.loss_parts(**data))
    (record,) = model.records
    one, other = [model.adapter.places(output) for output in seen['all'][0].values()]
    views = ViewPair(data['data_samples']['easy'], data['data_samples']['hard'])
    assert torch.equal(record.target.weight, views.swap_sides(((one - other).norm(dim=-1) <= 25.0).float()))
    assert 0 < record.target.weight.mean() < 1


def test_the_switch_makes_the_views_that_teachers_see(stock):
    pipelines = [
        switch(stock, **options).train_dataloader.dataset.unlabeled.pipeline
        for options in (
            dict(),
            dict(model=dict(lessons=[dict(teacher=['a', 'b.ema.view3'], student='b')])),
            dict(views=dict(easy_views=2)),
        )
    ]
    assert [list(pipeline[-1].branch_field) for pipeline in pipelines] == [
        ['labeled', 'easy', 'hard'],
        ['labeled', 'easy', 'easy2', 'easy3', 'hard'],
        ['labeled', 'easy', 'easy2', 'hard'],
    ]
    config = switch(stock, model=dict(lessons=[dict(teacher=['a', 'b.view2'], student='b')]), views=dict(easy_views=1))
    model, data = batch_of(config)
    with pytest.raises(ValueError, match="'b.view2' sees easy2, the unlabelled pipeline makes easy, hard; set"):
        list(model.loss_parts(**data))
    with pytest.raises(ValueError, match='easy_views=0 must be at least 1'):
        EasyHardViews((64, 96), easy_views=0)
