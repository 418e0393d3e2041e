# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Labelled sets, images and pipelines as other people's configs have them."""

import copy

import cv2
import mmengine
import numpy as np
import pytest
from conftest import run, switch
from mmcv.transforms import BaseTransform
from mmengine.registry import init_default_scope
from mmengine.utils import digit_version
from mmpose.datasets.datasets import CocoDataset
from mmpose.datasets.transforms import LoadImage, PackPoseInputs
from mmpose.registry import DATASETS, MODELS, TRANSFORMS

from mmpose_dualteach.datasets import ColorRandAugment
from mmpose_dualteach.datasets.unlabeled_pipeline import photometric


@pytest.fixture(autouse=True)
def registries(monkeypatch):
    """Nothing of these tests is left in the registries."""
    init_default_scope('mmpose')
    for registry in (DATASETS, TRANSFORMS):
        monkeypatch.setattr(registry, '_module_dict', dict(registry._module_dict))


def repeated(dataset: dict) -> dict:
    return dict(type='RepeatDataset', times=3, dataset=dataset)


def concatenated(dataset: dict) -> dict:
    return dict(type='ConcatDataset', datasets=[dataset, copy.deepcopy(dataset)])


def combined(dataset: dict) -> dict:
    """Joined datasets of two definitions, in a wrapper."""
    mapping = [(joint, joint) for joint in range(17)]
    part = dict(dataset, pipeline=[dict(type='KeypointConverter', num_keypoints=17, mapping=mapping)])
    joined = dict(type='CombinedDataset', metainfo=dataset['metainfo'], datasets=[part], pipeline=dataset['pipeline'])
    return dict(type='RepeatDataset', times=2, dataset=joined)


NEEDS_ARRAYS = pytest.mark.skipif(
    digit_version(mmengine.__version__) < digit_version('0.10'), reason='mmengine before 0.10 compares no arrays'
)


@pytest.mark.parametrize(
    'wrapped, times', [(repeated, 3), pytest.param(concatenated, 2, marks=NEEDS_ARRAYS), (combined, 2)]
)
def test_labelled_sets_in_wrappers_train(stock, tmp_path, wrapped, times):
    loader = stock['train_dataloader']
    loader['dataset'] = wrapped(loader['dataset'])
    config = switch(stock, labeled=None)
    dataset = DATASETS.build(copy.deepcopy(config.train_dataloader.dataset))
    assert (dataset.num_labeled, dataset.num_unlabeled) == (24 * times, 24)
    assert dataset.metainfo['num_keypoints'] == 17 and len(dataset) == 24 * times + 24
    assert set(dataset[0]['inputs']) == set(dataset[24 * times]['inputs']) == {'labeled', 'easy', 'hard'}
    runner = run(config, tmp_path, train_cfg=dict(max_epochs=1, val_interval=2))
    assert runner.iter == 6


def test_a_class_of_the_users_own_reads_boxes_with_its_own_options(stock):
    @DATASETS.register_module()
    class WideBoxes(CocoDataset):
        """Boxes made larger, by an option that it must be given."""

        def __init__(self, share, **kwargs):
            self.share = share
            super().__init__(**kwargs)

        def parse_data_info(self, raw_data_info):
            instance = super().parse_data_info(raw_data_info)
            left, top, right, bottom = instance['bbox'][0]
            x, y = self.share * (right - left), self.share * (bottom - top)
            instance['bbox'] = np.array([[left - x, top - y, right + x, bottom + y]], np.float32)
            return instance

    stock['train_dataloader']['dataset'].update(type='WideBoxes', share=0.25)
    labeled, unlabeled = DATASETS.build(switch(stock, labeled=None).train_dataloader.dataset).datasets
    for index in range(24):
        ours, theirs = unlabeled.get_data_info(index)['bbox'], labeled.get_data_info(index)['bbox']
        np.testing.assert_allclose(ours, theirs, atol=1e-3)


def test_a_class_may_have_its_images_in_memory(stock, tmp_path):
    @DATASETS.register_module()
    class InMemory(CocoDataset):
        """Samples with an image, and without a path."""

        def get_data_info(self, idx):
            instance = super().get_data_info(idx)
            instance['img'] = cv2.imread(instance.pop('img_path'))
            return instance

    for stage in ('train', 'val'):
        stock[f'{stage}_dataloader']['dataset']['type'] = 'InMemory'
    assert run(switch(stock), tmp_path).iter == 6


def test_what_is_done_to_every_image_is_done_to_unlabelled_ones(stock):
    @TRANSFORMS.register_module()
    class Grey(BaseTransform):
        """One grey, in training and at test time."""

        def transform(self, results):
            results['img'] = np.repeat(results['img'].mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)
            return results

    grey, jitter = dict(type='Grey'), dict(type='PhotometricDistortion')
    for place in (1, -1):  # Before the cut and after it.
        config = copy.deepcopy(stock)
        for stage in ('train', 'val'):
            pipeline = config[f'{stage}_dataloader']['dataset']['pipeline']
            pipeline.insert(place if place > 0 else len(pipeline) - 1, grey)
        config['train_dataloader']['dataset']['pipeline'].insert(1, jitter)  # Which is of training alone.
        unlabeled = switch(config, rand_augment=False).train_dataloader.dataset.unlabeled
        assert 'PhotometricDistortion' not in str(unlabeled.pipeline)
        inputs = DATASETS.build(unlabeled)[0]['inputs']
        for view in ('easy', 'hard'):
            assert (inputs[view][0] == inputs[view][1]).all() and inputs[view].float().std() > 1
    inputs = DATASETS.build(switch(stock, rand_augment=False).train_dataloader.dataset.unlabeled)[0]['inputs']
    assert not (inputs['easy'][0] == inputs['easy'][1]).all(), 'drawn people have colours, or this shows nothing'


@pytest.mark.parametrize('operations', ['all', ('Color', 'Contrast', 'Equalize', 'AutoContrast')])
def test_colours_change_in_images_of_any_kind(operations):
    options = photometric(dict(num=2, magnitude=20, operations=operations))[0]
    ours, theirs = TRANSFORMS.build(options), TRANSFORMS.build(dict(options, type='mmdet.RandAugment'))
    assert isinstance(ours, ColorRandAugment)
    image = np.random.default_rng(0).integers(20, 200, (24, 20, 3), dtype=np.uint8)
    changed = 0
    for seed in range(20):
        results = []
        for transform, given in ((theirs, image), (ours, image), (ours, image.astype(np.float32))):
            np.random.seed(seed)
            results.append(transform(dict(img=given.copy()))['img'])
        assert (results[0] == results[1]).all(), 'of stock images it is the stock transform'
        assert results[2].dtype == np.float32 and (results[2] == results[0]).all()
        for shape in ((24, 20), (24, 20, 1)):
            np.random.seed(seed)
            grey = ours(dict(img=image[..., 0].reshape(shape).copy()))['img']
            assert grey.shape == shape and grey.dtype == np.uint8
            changed += (grey.reshape(24, 20) != image[..., 0]).any()
    assert changed > 10
    with pytest.raises(ValueError, match='of 1 or 3 channels, not of 4; set it to False'):
        ours(dict(img=np.zeros((4, 4, 4), np.uint8)))
    with pytest.raises(ValueError, match='values from 0 to 255, not -1 to 0; set it to False'):
        ours(dict(img=np.array([[-1.0, 0.0]])))


def test_a_pipeline_may_end_with_a_descendant_of_the_stock_packer(stock, tmp_path, monkeypatch):
    @TRANSFORMS.register_module(force=True)
    class PackMore(PackPoseInputs):
        """Packs what instances without labels do not have, in training and at test time."""

        def transform(self, results):
            results['keypoints'].shape  # noqa: B018
            return super().transform(results)

    for stage in ('train', 'val'):
        for transform in stock[f'{stage}_dataloader']['dataset']['pipeline']:
            if transform['type'] == 'PackPoseInputs':
                transform['type'] = 'PackMore'
    general = dict(adapter='KeypointAdapter')
    assert run(switch(stock, model=general), tmp_path / 'trained').iter == 6
    monkeypatch.setattr(PackMore, 'transform', lambda self, results: results['bbox'] and None)
    labels = MODELS.build(switch(stock, model=general).model).adapter
    with pytest.raises(ValueError, match="PackMore reads 'bbox', which a teacher's joints do not have.*an adapter"):
        labels.labelled(dict(input_size=labels.input_size), np.ones((17, 2), np.float32), np.ones(17, np.float32))


def test_what_stands_in_place_of_a_stock_transform_is_named(stock):
    @TRANSFORMS.register_module(force=True)
    class LoadArray(LoadImage):
        """A loader of one's own."""

    pipeline = stock['train_dataloader']['dataset']['pipeline']
    cut = next(transform for transform in pipeline if transform['type'] == 'TopdownAffine')
    cut['padding'] = 1.25
    with pytest.raises(ValueError, match="TopdownAffine has padding, which MMPose's own has not"):
        switch(stock)
    del cut['padding']
    pipeline[0]['type'] = 'LoadArray'
    with pytest.raises(ValueError, match='the training pipeline has LoadArray in place of LoadImage'):
        switch(stock)


@pytest.mark.parametrize('error', [AssertionError, TypeError, FileNotFoundError, KeyError])
def test_a_class_that_cannot_read_boxes_for_others_gives_way(stock, error):
    @DATASETS.register_module(force=True)
    class FilesFirst(CocoDataset):
        """Reads its file whatever is asked, and has options of its own."""

        def __init__(self, split, ann_file='', **kwargs):
            super().__init__(ann_file=ann_file, **kwargs)
            if not ann_file:
                raise error('no annotation file')

    dataset = stock['train_dataloader']['dataset']
    dataset.update(type='FilesFirst', split='all')
    with pytest.raises(ValueError, match="FilesFirst.*cannot be made.*no annotation file.*dataset_type='CocoDataset'"):
        DATASETS.build(switch(stock).train_dataloader.dataset)
    config = switch(stock, unlabeled=dict(ann_file='train.json', dataset_type='CocoDataset')).train_dataloader.dataset
    assert len(DATASETS.build(config).datasets[1]) == 24


def test_a_descendant_reads_boxes_with_the_labelled_sets_options(stock):
    @DATASETS.register_module(force=True)
    class WithOption(CocoDataset):
        def __init__(self, option=0, **kwargs):
            self.option = option
            super().__init__(**kwargs)

    @DATASETS.register_module(force=True)
    class Descendant(WithOption):
        pass

    stock['train_dataloader']['dataset'].update(type='WithOption', option=3)
    for kind in ('WithOption', 'mmpose.WithOption', 'Descendant'):
        source = dict(ann_file='train.json', dataset_type=kind)
        assert switch(stock, unlabeled=source).train_dataloader.dataset.unlabeled.dataset_options == dict(option=3)


def test_a_metainfo_that_is_not_parsed_is_told(stock):
    @DATASETS.register_module(force=True)
    class Bare(CocoDataset):
        @classmethod
        def _load_metainfo(cls, metainfo=None):
            return dict(metainfo or {}, dataset_name='bare')

    stock['train_dataloader']['dataset']['type'] = 'Bare'
    for own in ({}, dict(dataset_type='CocoDataset')):
        config = switch(stock, unlabeled=dict(ann_file='train.json', **own)).train_dataloader.dataset
        with pytest.raises(ValueError, match='without num_keypoints; let it descend from BaseCocoStyleDataset'):
            DATASETS.build(config)
