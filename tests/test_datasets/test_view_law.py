# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Views are drawn as the labelled pipeline draws its boxes, and the paper's as the released code draws them."""

import copy

import numpy as np
import pytest
from conftest import switch
from mmpose.registry import TRANSFORMS

from mmpose_dualteach.datasets import EasyHardViews
from mmpose_dualteach.datasets.transforms.view_law import DIRECTIONS, FLIPS, ViewLaw, ViewParams
from mmpose_dualteach.datasets.unlabeled_pipeline import HARD_SHARE, unlabeled_pipeline, views_of
from mmpose_dualteach.methods.posedual import PAPER_VIEWS

BOX = dict(type='RandomBBoxTransform', rotate_factor=40, scale_factor=(0.7, 1.2), shift_prob=0.4)


def quantiles(values):
    return np.quantile(np.asarray(values), np.linspace(0, 1, 21))


def test_a_box_moves_as_the_stock_transform_moves_it():
    np.random.seed(0)
    count, size = 6000, np.array([[30.0, 50.0]])
    law, stock = ViewLaw.of_pipeline([BOX]), TRANSFORMS.build(BOX)
    ours = [law.draw() for _ in range(count)]
    theirs = [stock(dict(bbox_center=np.zeros((1, 2)), bbox_scale=size)) for _ in range(count)]
    for mine, wanted, unit in (
        ([view.rotation for view in ours], [each['bbox_rotation'][0] for each in theirs], 40),
        ([view.scale for view in ours], [each['bbox_scale'][0, 0] / 30 for each in theirs], 0.25),
        ([view.shift[0] for view in ours], [each['bbox_center'][0, 0] / 30 for each in theirs], 0.16),
        ([view.shift[1] for view in ours], [each['bbox_center'][0, 1] / 50 for each in theirs], 0.16),
    ):
        assert np.abs(quantiles(mine) - quantiles(wanted)).max() < 0.08 * unit
        assert np.mean(np.equal(mine, 0)) == pytest.approx(np.mean(np.equal(wanted, 0)), abs=0.03)
    assert not any(view.flip for view in ours)


@pytest.mark.parametrize('side', [(40.0, 160.0), (160.0, 40.0)])
def test_a_narrow_box_is_cut_where_the_stock_transforms_cut_it(side):
    shift, size, image = (0.1, -0.15), (192, 256), np.zeros((300, 400, 3), np.uint8)
    centre, sides = np.array([200.0, 150.0], np.float32), np.array([side], np.float32)
    box = TRANSFORMS.build(dict(BOX, shift_prob=1.0))
    box._get_transform_params = lambda number: (np.array([shift]), np.full((1, 1), 1.1), np.full(1, 20.0))
    results = box(dict(img=image, bbox_center=centre[None], bbox_scale=sides))
    results.update(keypoints=np.random.default_rng(0).uniform(50, 250, (1, 5, 2)))
    wanted = TRANSFORMS.build(dict(type='TopdownAffine', input_size=size))(results)['transformed_keypoints'][0]
    view = EasyHardViews(input_size=size).cuts[None].view(image, centre, sides, ViewParams(shift, 1.1, 20.0, False))
    found = np.insert(results['keypoints'][0], 2, 1, axis=1) @ view['view_matrix'].T
    assert np.allclose(found, wanted, atol=1e-2)


@pytest.mark.parametrize(
    'flip, probs',
    [
        (dict(), (0.5, 0, 0)),
        (dict(prob=0.2), (0.2, 0, 0)),
        (dict(direction='vertical'), (0, 0.5, 0)),
        (dict(direction=['horizontal', 'vertical'], prob=0.6), (0.3, 0.3, 0)),
        (dict(direction=['vertical', 'horizontal', 'diagonal'], prob=[0.4, 0.1, 0.3]), (0.1, 0.4, 0.3)),
    ],
)
def test_views_are_flipped_as_often_as_labelled_images(flip, probs):
    np.random.seed(0)
    law = ViewLaw.of_pipeline([dict(type='LoadImage'), dict(type='mmpose.RandomFlip', **flip)])
    assert law == ViewLaw(**dict(zip(FLIPS, probs)))
    drawn = [(view.flip, view.rotation) for view in (law.draw() for _ in range(3000))]
    shares = [drawn.count(each) / len(drawn) for each in ((True, 0), (True, 180), (False, 180))]
    assert np.allclose(shares, probs, atol=0.03)


@pytest.mark.parametrize('use_udp', [False, True])
@pytest.mark.parametrize('direction', DIRECTIONS)
def test_a_flipped_view_is_cut_where_the_stock_transforms_cut_it(direction, use_udp):
    size, image = (192, 256), np.zeros((300, 400, 3), np.uint8)
    centre, sides = np.array([130.0, 180.0], np.float32), np.array([[60.0, 110.0]], np.float32)
    points = np.random.default_rng(0).uniform(50, 250, (1, 4, 2))
    results = dict(img=image, img_shape=image.shape[:2], bbox_center=centre[None], bbox_scale=sides, bbox_rotation=[20])
    results.update(keypoints=points, keypoints_visible=np.ones((1, 4)), flip_indices=[1, 0, 3, 2])
    flip = dict(type='RandomFlip', direction=direction, prob=1.0)
    flipped = TRANSFORMS.build(flip)(dict(results))
    cut = dict(input_size=size, use_udp=use_udp)
    wanted = TRANSFORMS.build(dict(type='TopdownAffine', **cut))(flipped)['transformed_keypoints'][0]
    drawn = ViewLaw.of_pipeline([flip]).draw()
    drawn = drawn._replace(rotation=drawn.rotation + 20)
    view = EasyHardViews(**cut).cuts[None].view(image, centre, sides, drawn)
    found = np.insert(points[0], 2, 1, axis=1) @ view['view_matrix'].T
    assert np.allclose(found[[1, 0, 3, 2]] if view['flip'] else found, wanted, atol=1e-2)


def test_what_never_happens_to_labelled_images_happens_to_no_view(stock):
    pipeline = stock['train_dataloader']['dataset']['pipeline']
    pipeline[:] = [each for each in pipeline if each['type'] not in ('RandomFlip', 'RandomBBoxTransform')]
    views = TRANSFORMS.build(switch(stock).train_dataloader.dataset.unlabeled.pipeline[3])
    easy, hard = views._draw()
    assert easy == hard == ((0.0, 0.0), 1.0, 0.0, False)


def test_the_hard_view_has_a_share_more():
    views = views_of([BOX, dict(type='RandomFlip')], dict(hard=dict(rotate_factor=9.0)))
    assert views['easy']['rotate_factor'] == 40 and views['easy']['flip_prob'] == 0.5
    low, high = views['hard']['scale_factor']
    assert 1 - low == pytest.approx(HARD_SHARE * 0.3) and high - 1 == pytest.approx(HARD_SHARE * 0.2)
    assert views['hard']['rotate_factor'] == 9.0 and views['hard']['flip_prob'] == 0.5
    assert views['hard']['shift_prob'] == 0.4 and views['hard']['shift_factor'] == pytest.approx(HARD_SHARE * 0.16)
    assert views_of([BOX], dict(independent=True))['hard'] == {}


def test_who_says_how_often_views_are_mirrored_says_all_of_flips():
    pipeline = [dict(type='RandomFlip', prob=[0.1, 0.8], direction=['horizontal', 'vertical'])]
    views = views_of(pipeline, PAPER_VIEWS)
    assert ViewLaw(**views['easy']).flips == [0.5, 0, 0] and ViewLaw(**views['hard']).flips == [0, 0, 0]
    assert ViewLaw(**views_of(pipeline)['easy']).flips == [0.1, 0.8, 0]
    with pytest.raises(ValueError, match='diagonal_flip_prob = 1.1 must be at most 1'):
        views_of(pipeline, dict(easy=dict(diagonal_flip_prob=0.2)))


def test_a_bias_to_one_side_is_not_taught():
    """A teacher that sees all joints too far to the left says so of the hard view as often to the left as to the right,
    and hard views are mirrored no more often than labelled images."""
    np.random.seed(0)
    views = EasyHardViews((192, 256), **views_of([dict(type='RandomFlip')]))
    easy, hard = np.array([[view.flip for view in views._draw()] for _ in range(4000)]).T
    assert np.mean(easy != hard) == pytest.approx(0.5, abs=0.03)
    assert np.mean(easy) == pytest.approx(0.5, abs=0.03) and np.mean(hard) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(
    'flip, on_top',
    [
        (dict(prob=0.3), (0.3, 0, 0)),
        (dict(prob=0.8), (0.2, 0, 0)),
        (dict(prob=1.0), (0, 0, 0)),
        (dict(prob=[0.1, 0.8], direction=['horizontal', 'vertical']), (0, 0.1, 0.1)),
    ],
)
def test_hard_views_are_flipped_against_easy_ones_as_often_as_not_at_most(flip, on_top):
    assert ViewLaw(**views_of([dict(type='RandomFlip', **flip)])['hard']).flips == pytest.approx(list(on_top))


def test_where_all_labels_are_mirrored_students_see_mirrored_images():
    views = EasyHardViews((192, 256), **views_of([dict(type='RandomFlip', prob=1.0)]))
    assert all(view.flip for _ in range(5) for view in views._draw())


def test_the_papers_views_follow_the_released_code():
    np.random.seed(0)
    views = EasyHardViews((192, 256), **PAPER_VIEWS)
    drawn = [views._draw() for _ in range(4000)]
    easy, hard = (np.array([pair[i][1:] for pair in drawn], dtype=float) for i in (0, 1))
    turn, zoom = hard[:, 1] - easy[:, 1], hard[:, 0] / easy[:, 0]
    assert np.mean(easy[:, 1] != 0) == pytest.approx(0.6, abs=0.03)
    assert np.mean(np.abs(turn) > 1e-9) == pytest.approx(0.8, abs=0.03)
    assert np.abs(easy[:, 1]).max() <= 60 and np.abs(turn).max() <= 60.001
    for rotation in (easy[easy[:, 1] != 0, 1], turn[np.abs(turn) > 1e-9]):
        assert np.std(rotation) == pytest.approx(29, abs=1.5)
    for scale in (easy[:, 0], zoom):
        assert scale.min() >= 0.7499 and scale.max() <= 1.2501 and np.mean(scale) == pytest.approx(1, abs=0.02)
        assert np.std(scale) == pytest.approx(0.18, abs=0.01)
    assert np.mean(easy[:, 2]) == pytest.approx(0.5, abs=0.03) and (easy[:, 2] == hard[:, 2]).all()
    assert all(view.shift == (0, 0) for pair in drawn for view in pair)


def test_a_law_that_does_not_exist_is_named():
    with pytest.raises(ValueError, match="law='normal'; choose 'truncated', 'clipped' or 'uniform'"):
        ViewLaw(law='normal')
    with pytest.raises(ValueError, match='diagonal_flip_prob = 1.2 must be at most 1; lower one'):
        ViewLaw(flip_prob=0.5, vertical_flip_prob=0.7)


def test_what_is_mirrored_twice_is_not():
    flips = [dict(type='RandomFlip', prob=0.4), dict(type='RandomFlip', prob=0.3)]
    assert ViewLaw.of_pipeline(flips).flip_prob == pytest.approx(0.4 * 0.7 + 0.3 * 0.6)
    law = ViewLaw.of_pipeline([flips[0], dict(type='RandomFlip', direction='vertical', prob=0.1)])
    assert law.flips == pytest.approx([0.4 * 0.9, 0.6 * 0.1, 0.4 * 0.1])


@pytest.fixture
def own_transforms():
    """A lab's descendants of stock transforms, and one that stands between the box and the cut."""

    class LabBox(TRANSFORMS.get('RandomBBoxTransform')):
        pass

    class LabFlip(TRANSFORMS.get('RandomFlip')):
        pass

    class LabLeastBox(TRANSFORMS.get('GetBBoxCenterScale')):
        def transform(self, results):
            results['bbox_scale'] = np.maximum(results['bbox_scale'], 400.0)
            return results

    kinds = (LabBox, LabFlip, LabLeastBox)
    for kind in kinds:
        TRANSFORMS.register_module(module=kind)
    yield
    for kind in kinds:
        TRANSFORMS.module_dict.pop(kind.__name__)


def test_what_wrappers_and_descendants_do_to_boxes_is_of_the_law(own_transforms):
    plain, flip = ViewLaw.of_pipeline([BOX]), dict(type='RandomFlip', prob=0.4)
    assert ViewLaw.of_pipeline([dict(BOX, type='LabBox')]) == plain
    assert ViewLaw.of_pipeline([dict(flip, type='LabFlip')]).flip_prob == 0.4
    sometimes = ViewLaw.of_pipeline([dict(type='RandomApply', transforms=[BOX, flip], prob=0.5)])
    assert sometimes.rotate_factor == plain.rotate_factor and sometimes.flip_prob == 0.2
    assert sometimes.rotate_prob == 0.5 * plain.rotate_prob and sometimes.scale_prob == 0.5 * plain.scale_prob
    choice = dict(type='RandomChoice', transforms=[[flip], [dict(type='Compose', transforms=[flip])]], prob=[0.25, 0.5])
    assert ViewLaw.of_pipeline([choice]).flip_prob == pytest.approx(0.25 * 0.4 + 0.5 * 0.4), 'one of them, or none'
    for wrapper in ('KeyMapper', 'mmcv.TransformBroadcaster'):
        inside = dict(type=wrapper, mapping=dict(img='img'), transforms=[BOX, flip])
        assert ViewLaw.of_pipeline([inside]) == ViewLaw.of_pipeline([BOX, flip])
    wide = dict(type='RandomBBoxTransform', rotate_factor=10, scale_factor=(0.9, 1.5), rotate_prob=1.0)
    either = ViewLaw.of_pipeline([dict(type='RandomChoice', transforms=[[BOX], [wide]])])
    assert either.rotate_factor == 40 and either.scale_factor == (0.7, 1.5)
    assert either.rotate_prob == 0.5 * plain.rotate_prob + 0.5


def test_transforms_keep_their_places_about_the_box(stock, own_transforms, monkeypatch):
    said = []
    monkeypatch.setattr('mmpose_dualteach.datasets.unlabeled_pipeline.print_log', lambda line, **_: said.append(line))
    own = [dict(type='LabLeastBox'), dict(type='KeypointConverter', num_keypoints=17, mapping=[(0, 0)])]
    train, val = stock['train_dataloader']['dataset']['pipeline'], stock['val_dataloader']['dataset']['pipeline']
    for pipeline in (train, val):
        pipeline[2:2] = copy.deepcopy(own)
    train.insert(2, dict(type='LabFlip', prob=0.5))
    kinds = [each['type'] for each in unlabeled_pipeline(train, val)]
    assert kinds == ['LoadImage', 'WholeImageBox', 'GetBBoxCenterScale', 'LabLeastBox', 'EasyHardViews', kinds[-1]]
    assert kinds == [each['type'] for each in switch(stock).train_dataloader.dataset.unlabeled.pipeline]
    stock['test_dataloader']['dataset']['pipeline'] = val
    for key in ('val_dataloader', 'val_cfg', 'val_evaluator'):
        stock[key] = None
    assert kinds == [each['type'] for each in switch(stock).train_dataloader.dataset.unlabeled.pipeline], 'the test has'
    for key in ('test_dataloader', 'test_cfg', 'test_evaluator'):
        stock[key] = None
    assert 'LabLeastBox' not in [each['type'] for each in switch(stock).train_dataloader.dataset.unlabeled.pipeline]
    assert len(said) == 1 and ': LabLeastBox of the training pipeline is not done to unlabelled ones' in said[0]
