# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Views of whole images, as the labelled pipeline cuts them."""

import json

import numpy as np
import pytest
from conftest import edit_json
from crowds import crowd_config
from mmpose.registry import TRANSFORMS

from mmpose_dualteach.datasets import EasyHardViews, UnlabeledPoseDataset
from mmpose_dualteach.datasets.transforms.view_law import ViewLaw, ViewParams
from mmpose_dualteach.datasets.unlabeled_pipeline import cut_of, unlabeled_pipeline
from mmpose_dualteach.switch import mutual_teaching

STOCK = dict(type='BottomupRandomAffine', input_size=(96, 64))
SIZES = [(60, 40), (100, 40), (40, 100)]


def quantiles(values):
    return np.quantile(np.asarray(values), np.linspace(0, 1, 21))


def picture(size):
    return np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), np.uint8)


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('mode', ['affine', 'affine_udp'])
@pytest.mark.parametrize('scale_type', ['long', 'short'])
def test_an_unmoved_view_is_what_the_stock_transform_cuts(size, mode, scale_type):
    still = dict(shift_prob=0, scale_prob=0, rotate_prob=0, pad_val=(114, 100, 90))
    stock = dict(STOCK, transform_mode=mode, scale_type=scale_type, **still)
    cut, box = cut_of([stock])
    views = EasyHardViews(**cut)
    image = picture(size)
    results = dict(img=image.copy(), bbox=np.array([[0, 0, *size]], np.float32))
    ours = views(TRANSFORMS.build(box)(results))['views']['easy']
    theirs = TRANSFORMS.build(stock)(dict(img=image.copy(), img_shape=image.shape[:2]))
    if mode == 'affine':
        assert np.allclose(ours['view_matrix'], theirs['warp_mat'], atol=1e-4)
        assert np.abs(ours['img'].astype(int) - theirs['img']).max() <= 1
    else:  # Its middle of the image lies half a pixel beside.
        assert np.abs(ours['view_matrix'] - theirs['warp_mat']).max() < 1.7


@pytest.mark.parametrize('distribution', ['trunc_norm', 'uniform'])
def test_views_move_as_the_stock_transform_moves_images(distribution):
    np.random.seed(0)
    config = dict(
        STOCK, shift_factor=0.3, rotate_factor=50, scale_factor=(0.6, 1.4), shift_prob=0.7, distribution=distribution
    )
    law, stock = ViewLaw.of_pipeline([config]), TRANSFORMS.build(config)
    ours = [law.draw() for _ in range(4000)]
    offset, scale, rotation, _ = zip(*[stock._get_transform_params() for _ in range(4000)])
    for mine, wanted, unit in (
        ([view.rotation for view in ours], rotation, 50),
        ([view.scale for view in ours], np.ravel(scale), 0.4),
        ([view.shift[0] for view in ours], [each[0] for each in offset], 0.3),
        ([view.shift[1] for view in ours], [each[1] for each in offset], 0.3),
    ):
        assert np.abs(quantiles(mine) - quantiles(wanted)).max() < 0.1 * unit


def test_shifts_are_shares_of_the_images_sides():
    cut, box = cut_of([dict(STOCK, scale_type='short')])
    views = EasyHardViews(**cut)
    results = TRANSFORMS.build(box)(dict(img=picture((300, 80)), bbox=np.array([[0, 0, 300, 80]], np.float32)))
    moved = views.cuts[None].view(
        results['img'], results['bbox_center'][0], results['bbox_scale'], ViewParams((0.1, 0.2), 1.0, 0.0, False)
    )
    centre = moved['view_matrix'] @ [150 + 30, 40 + 16, 1]
    assert np.allclose(centre, (48, 32))


def test_a_perspective_transform_scales_what_is_seen():
    law = ViewLaw.of_pipeline([dict(STOCK, transform_mode='perspective', scale_factor=(0.5, 1.0))])
    assert law.scale_factor == (1.0, 2.0)
    cut, _ = cut_of([dict(STOCK, transform_mode='perspective', scale_type='short')])
    assert cut['fit'] == 'long' and not cut['use_udp']


def test_the_pipeline_has_the_stock_ones_parts(tmp_path):
    stock = crowd_config('yoloxpose', tmp_path)
    pipeline = unlabeled_pipeline(stock['train_dataloader']['dataset']['pipeline'], [])
    kinds = [each['type'] for each in pipeline]
    assert kinds == ['LoadImage', 'WholeImageBox', 'GetBBoxCenterScale', 'EasyHardViews', 'mmdet.MultiBranch']
    assert pipeline[3]['pad_val'] == (114, 114, 114) and pipeline[3]['fit'] == 'long'
    switched = mutual_teaching(stock, unlabeled='train.json')
    assert switched['train_dataloader']['dataset']['unlabeled']['whole_images'] is True
    assert switched['model']['estimator'] == 'BottomupPoseEstimator'
    assert switched['model']['keypoint_labels']['clip'] and not switched['model']['keypoint_labels']['corners']


def test_every_image_of_a_file_is_taken_once(people, tmp_path):
    def crowded(content):
        content['annotations'] += [dict(each, id=each['id'] + 100) for each in content['annotations'][:5]]
        content['images'] += [dict(id=900, file_name='../outside.jpg'), dict(id=901, file_name='http://far.jpg')]

    ann_file = edit_json(people / 'train.json', tmp_path / 'crowded.json', crowded)
    options = dict(data_root=str(people), data_prefix=dict(img='images/'), ann_file=str(ann_file))
    dataset = UnlabeledPoseDataset(whole_images=True, **options)
    assert len(dataset) == 24 and 'bbox' not in dataset.get_data_info(0)
    assert dataset.data_list.listed_size(3) is not None and sum(dataset.load_report.broken.values()) == 2
    with pytest.raises(ValueError, match='leave out bbox_file'):
        UnlabeledPoseDataset(whole_images=True, bbox_file='boxes.json', **options)
    (tmp_path / 'mpii.json').write_text(json.dumps([dict(image='a.jpg', center=[1, 1], scale=1)]))
    with pytest.raises(ValueError, match="no COCO-format annotation file, it has no 'images'"):
        UnlabeledPoseDataset(whole_images=True, **dict(options, ann_file=str(tmp_path / 'mpii.json')))
