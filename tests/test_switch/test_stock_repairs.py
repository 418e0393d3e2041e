# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import numpy as np
import torch
from mmpose.registry import MODELS, TRANSFORMS

from mmpose_dualteach.switch.stock_repairs import repaired, undone


def test_mmcls_becomes_mmpretrain():
    stock = dict(
        model=dict(
            backbone=dict(type='mmcls.VisionTransformer', arch='base', output_cls_token=False),
            head=dict(type='HeatmapHead'),
        ),
        custom_imports=dict(imports=['mmcls.models', 'mine'], allow_failed_imports=False),
    )
    stock = repaired(stock)
    assert stock['model']['backbone'] == dict(type='mmpretrain.VisionTransformer', arch='base', out_type='featmap')
    assert stock['custom_imports']['imports'] == ['mmpretrain.models', 'mine']


def converting(kind):
    return dict(type=kind, pipeline=[dict(type='KeypointConverter', num_keypoints=2, mapping=[(0, 1)])])


def test_converters_of_whole_bodies_get_what_they_need_wherever_they_are():
    joined = dict(
        type='CombinedDataset',
        pipeline=[dict(type='LoadImage')],
        datasets=[
            converting('CocoDataset'),
            dict(type='RepeatDataset', times=2, dataset=converting('CocoWholeBodyDataset')),
        ],
    )
    stock = dict(
        model=dict(head=dict(type='RTMCCHead')),
        train_dataloader=dict(dataset=joined),
        val_dataloader=dict(dataset=converting('CocoDataset')),
    )
    before = repr(stock)
    after = repaired(stock)
    coco, whole = after['train_dataloader']['dataset']['datasets']
    assert [t['type'] for t in coco['pipeline']] == ['KeypointConverter']
    assert [t['type'] for t in whole['dataset']['pipeline']] == ['DropAbsentKeypoints3D', 'KeypointConverter']
    assert repr(undone(after)) == before


def test_the_transform_makes_the_converter_work():
    drop = TRANSFORMS.build(dict(type='DropAbsentKeypoints3D'))
    convert = TRANSFORMS.build(dict(type='KeypointConverter', num_keypoints=2, mapping=[(0, 1)]))
    results = dict(keypoints=np.ones((1, 1, 2)), keypoints_visible=np.ones((1, 1)), keypoints_3d=None)
    assert convert(drop(results))['keypoints'].tolist() == [[[0.0, 0.0], [1.0, 1.0]]]
    kept = drop(dict(keypoints_3d=np.ones(3)))
    assert 'keypoints_3d' in kept


def test_the_js_loss_keeps_its_values_and_gets_finite_gradients():
    ours, stock = [
        MODELS.build(dict(type=name, use_target_weight=True)) for name in ('FiniteJSDiscretLoss', 'JSDiscretLoss')
    ]
    target = torch.rand(2, 3, 4, 4).softmax(-1)
    weight = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
    predicted = torch.rand(2, 3, 4, 4, requires_grad=True)
    loss = ours(predicted, target, weight)
    assert torch.allclose(loss, stock(predicted, target, weight), rtol=1e-5)
    loss.backward()
    assert predicted.grad.isfinite().all() and (predicted.grad[0, 1] == 0).all()


def test_the_js_loss_is_put_in_and_taken_out():
    stock = dict(
        model=dict(
            head=dict(
                type='DSNTHead',
                loss=dict(type='MultipleLossWrapper', losses=[dict(type='SmoothL1Loss'), dict(type='JSDiscretLoss')]),
            )
        )
    )
    before = repr(stock)
    after = repaired(stock)
    assert [each['type'] for each in after['model']['head']['loss']['losses']] == [
        'SmoothL1Loss',
        'FiniteJSDiscretLoss',
    ]
    assert repr(undone(after)) == before
