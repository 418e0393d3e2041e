# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import copy

import numpy as np
import pytest
import torch
from conftest import switch
from mmdet.models.data_preprocessors import MultiBranchDataPreprocessor
from mmengine.structures import BaseDataElement
from mmpose.models.data_preprocessors import PoseDataPreprocessor
from mmpose.registry import MODELS
from test_mutual_teaching import batches

from mmpose_dualteach.models import BranchDataPreprocessor

NORMALIZED = dict(
    type='PoseDataPreprocessor', mean=[123.0, 116.0, 103.0], std=[58.0, 57.0, 56.0], bgr_to_rgb=True, pad_size_divisor=1
)


@pytest.fixture
def batch(stock):
    return batches(switch(stock), 1)[0]


def fields(element: BaseDataElement) -> dict:
    """Everything in an element, those of inner elements by a name of their own."""
    found = {f'meta.{key}': value for key, value in element.metainfo_items()}
    for key, value in element.items():
        inner = fields(value) if isinstance(value, BaseDataElement) else {'': value}
        found.update({f'{key}.{name}': each for name, each in inner.items()})
    return found


def assert_alike(ours, theirs):
    assert list(ours) == ['inputs', 'data_samples'] and set(ours['inputs']) == set(theirs['inputs'])
    for branch, images in theirs['inputs'].items():
        assert torch.equal(ours['inputs'][branch].cpu(), images.cpu()) and ours['inputs'][branch].is_floating_point()
        pairs = list(zip(ours['data_samples'][branch], theirs['data_samples'][branch]))
        assert len(pairs) == len(images) == len(ours['data_samples'][branch])
        for one, other in pairs:
            one, other = fields(one), fields(other)
            assert set(one) == set(other)
            for key, value in other.items():
                assert type(one[key]) is type(value), key
                if isinstance(value, torch.Tensor):
                    assert one[key].device == value.device and torch.equal(one[key], value), key
                else:
                    np.testing.assert_equal(one[key], value, key)


def both(batch, config, device='cpu'):
    ours, theirs = BranchDataPreprocessor(config), MultiBranchDataPreprocessor(config)
    for each in (ours, theirs):
        each.to(device)  # Which gives the stock one in it.
    return ours(copy.deepcopy(batch), True), theirs(copy.deepcopy(batch), True)


@pytest.mark.parametrize('divisor', [1, 50])
@pytest.mark.parametrize('device', ['cpu', 'cuda'])
def test_a_batch_is_what_the_stock_preprocessor_makes_of_it(batch, divisor, device):
    if device == 'cuda' and not torch.cuda.is_available():
        pytest.skip('needs a CUDA device')
    ours, theirs = both(batch, dict(NORMALIZED, pad_size_divisor=divisor), device)
    assert_alike(ours, theirs)
    size = tuple(ours['inputs']['easy'].shape[2:])
    assert len(ours['inputs']['easy']) == 4 and size == ((96, 64) if divisor == 1 else (100, 100))


def test_a_batch_reaches_the_stock_preprocessor_as_one_tensor_a_branch(batch, monkeypatch):
    original, seen = PoseDataPreprocessor.forward, []

    def forward(self, data, training):
        seen.append(data)
        return original(self, data, training)

    monkeypatch.setattr(PoseDataPreprocessor, 'forward', forward)
    BranchDataPreprocessor(NORMALIZED)(batch, True)
    assert sorted(tuple(data['inputs'].shape) for data in seen) == [(4, 3, 96, 64)] * 3


def test_images_of_several_sizes_go_the_stock_way(batch):
    images = batch['inputs']['labeled']
    number = next(number for number, image in enumerate(images) if image is not None)
    images[number] = images[number][:, :80]
    assert_alike(*both(batch, dict(NORMALIZED, pad_size_divisor=32)))


def test_a_preprocessor_of_another_class_is_given_what_it_knows(batch):
    @MODELS.register_module(force=True)
    class InvertedPreprocessor(PoseDataPreprocessor):
        def forward(self, data, training=False):
            assert isinstance(data['inputs'], list) and len(data['data_samples']) == len(data['inputs'])
            data = super().forward(data, training)
            return dict(data, inputs=-data['inputs'])

    ours, _ = both(batch, dict(NORMALIZED, type='InvertedPreprocessor'))
    plain, _ = both(batch, NORMALIZED)
    assert torch.equal(ours['inputs']['hard'], -plain['inputs']['hard'])


def test_at_test_time_it_is_the_stock_preprocessor(batch):
    branches = {key: [each for each in rows['labeled'] if each is not None] for key, rows in batch.items()}
    found = BranchDataPreprocessor(NORMALIZED)(copy.deepcopy(branches), False)
    assert torch.equal(found['inputs'], MODELS.build(NORMALIZED)(branches, False)['inputs'])
