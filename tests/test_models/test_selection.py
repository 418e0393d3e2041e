# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Which joints of a lesson count, and how much."""

import copy

import numpy as np
import pytest
import torch
from conftest import switch
from mmengine.dataset import pseudo_collate
from mmpose.registry import DATASETS, MODELS

from mmpose_dualteach import geometry
from mmpose_dualteach.models.pseudo_labels.combine import farthest
from mmpose_dualteach.models.pseudo_labels.selection import Selection
from mmpose_dualteach.models.view_pair import ViewPair


@pytest.mark.parametrize('confidence', [True, False])
@pytest.mark.parametrize('thr', [0.0, 0.4])
@pytest.mark.parametrize('quantile', [0.0, 0.25])
@pytest.mark.parametrize('px', [None, 3.0])
def test_weights_against_a_plain_loop(confidence, thr, quantile, px):
    torch.manual_seed(0)
    scores, apart = torch.rand(3, 8) * 1.1, torch.rand(3, 8) * 6
    selection = Selection(confidence, thr, quantile, px)
    weights = selection.weights(scores, apart if selection.uses_agreement else None)
    if weights is None:
        assert not confidence and thr == quantile == 0 and px is None and not selection.uses_scores
        return
    lowest = sorted(scores.flatten().tolist())[: int(quantile * 24)]
    for person in range(3):
        for joint in range(8):
            score = float(scores[person, joint])
            expected = min(score, 1.0) if confidence else 1.0
            if score < thr or score in lowest or (px is not None and apart[person, joint] > px):
                expected = 0.0
            assert float(weights[person, joint]) == pytest.approx(expected), (person, joint)


def test_where_many_scores_are_equal_none_of_them_is_left_out():
    scores = torch.tensor([[1.0, 1.0, 1.0, 0.2], [1.0, 1.0, 0.1, 1.0]])
    weights = Selection(confidence=False, pseudo_label_quantile=0.5).weights(scores, None)
    assert weights.tolist() == [[1, 1, 1, 0], [1, 1, 0, 1]]


def test_without_scores_agreement_alone_counts():
    apart = torch.tensor([[1.0, 5.0]])
    assert Selection(max_disagreement=2.0).weights(None, apart).tolist() == [[1.0, 0.0]]
    assert Selection().weights(None, None) is None


def test_how_far_teachers_are_apart():
    joints = [torch.tensor([[[0.0, 0.0]]]), torch.tensor([[[3.0, 4.0]]]), torch.tensor([[[0.0, 1.0]]])]
    assert farthest(joints).tolist() == [[5.0]]


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(pseudo_label_thr=1), 'model.pseudo_label_thr=1 must be'),
        (dict(pseudo_label_quantile=-0.1), 'model.pseudo_label_quantile=-0.1 must be'),
        (dict(max_disagreement=0), 'model.max_disagreement=0 must be greater than 0'),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        Selection(**options)


def test_scores_that_nothing_tells_are_asked_for_in_vain(stock):
    head = dict(
        type='RegressionHead', in_channels=32, num_joints=17, loss=dict(type='SmoothL1Loss', use_target_weight=True)
    )
    stock['model'].update(neck=dict(type='GlobalAveragePooling'))
    codec = dict(type='RegressionLabel', input_size=(64, 96))
    stock['model']['head'] = dict(head, decoder=codec)
    for transform in stock['train_dataloader']['dataset']['pipeline']:
        if transform['type'] == 'GenerateTarget':
            transform['encoder'] = codec
    with pytest.raises(ValueError, match='go by scores: this head tells none, and a network that teaches alone'):
        MODELS.build(switch(stock, method='uda-pose').model)
    MODELS.build(switch(stock, model=dict(pseudo_label_thr=0.1)).model)  # Two networks score each other.


def test_agreement_wants_several_teachers(stock):
    with pytest.raises(ValueError, match=r'max_disagreement=3 needs several teachers in each lesson'):
        MODELS.build(switch(stock, model=dict(max_disagreement=3)).model)


def test_joints_on_which_teachers_disagree_teach_nothing(stock):
    lessons = [dict(teacher=['a', 'b'], student=student) for student in 'ab']
    config = switch(stock, model=dict(lessons=lessons, max_disagreement=30.0, confidence=False))
    torch.manual_seed(0)
    model = MODELS.build(copy.deepcopy(config.model)).train()
    model.record_lessons = True
    dataset = DATASETS.build(copy.deepcopy(config.train_dataloader.dataset))
    data = model.data_preprocessor(pseudo_collate([dataset[n] for n in (0, 1, 2, 3, 8, 9, 10, 11)]), True)
    seen, own = {}, model.groups[0].combined
    model.groups[0].combined = lambda predictions, known: seen.update(predictions) or own(predictions, known)
    list(model.loss_parts(**data))
    one, other = [model.adapter.places(output) for output in seen.values()]
    agree = ((one - other).norm(dim=-1) <= 30.0).float()
    assert 0 < agree.mean() < 1
    samples = data['data_samples']
    expected = ViewPair(samples['easy'], samples['hard']).swap_sides(agree)
    for record in model.records:
        assert torch.equal(record.target.weight.reshape(expected.shape), expected)


def test_peaks_between_cells_are_the_centres_of_gaussians():
    torch.manual_seed(0)
    centres = torch.rand(5, 7, 2) * torch.tensor([11.0, 15.0])  # On the border too.
    x, y = torch.arange(12.0), torch.arange(16.0)
    sigma, height = 1 + torch.rand(5, 7, 1, 1), 0.2 + torch.rand(5, 7, 1, 1)
    squares = (x - centres[..., :1]).square()[..., None, :] + (y - centres[..., 1:]).square()[..., :, None]
    found = geometry.peaks_between_cells(height * torch.exp(-squares / (2 * sigma.square())))
    assert (found - centres).abs().max() < 1e-2
    flat = geometry.peaks_between_cells(torch.zeros(1, 1, 4, 4))
    assert torch.isfinite(flat).all()


@pytest.mark.parametrize('way', [{}, dict(adapter='KeypointAdapter')], ids=['heatmaps', 'keypoints'])
def test_joints_count_as_the_dataset_weighs_them_where_labels_do(stock, way):
    for transform in stock['train_dataloader']['dataset']['pipeline']:
        if transform['type'] == 'GenerateTarget':
            transform['use_dataset_keypoint_weights'] = True
    config = switch(stock, model=dict(confidence=False, **way))
    dataset = DATASETS.build(copy.deepcopy(config.train_dataloader.dataset))
    weights = np.linspace(0.5, 1.5, 17, dtype=np.float32)
    for part in dataset.datasets:
        part._metainfo['dataset_keypoint_weights'] = weights
    model = MODELS.build(copy.deepcopy(config.model)).train()
    model.record_lessons = True
    data = model.data_preprocessor(pseudo_collate([dataset[n] for n in (0, 1, 2, 3, 8, 9, 10, 11)]), True)
    list(model.loss_parts(**data))
    for record in model.records:
        expected = torch.from_numpy(weights).expand(4, 17)
        torch.testing.assert_close(record.target.weight.reshape(4, 17), expected)
        for sample in getattr(record.target, 'samples', None) or []:
            shown = sample.gt_instance_labels.keypoint_weights[0]
            assert ((shown == 0) | (shown - expected[0] < 1e-6)).all() and shown.max() > 0.5
    unweighted = switch(stock, rand_augment=False).train_dataloader.dataset.unlabeled
    assert 'dataset_keypoint_weights' in str(unweighted.pipeline)
