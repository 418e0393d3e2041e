# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Colours of hard views change as far as light and colours differ between the images."""

import cv2
import numpy as np
import pytest
from conftest import run, switch
from mmpose.registry import DATASETS, TRANSFORMS

from mmpose_dualteach.datasets import ColorRandAugment
from mmpose_dualteach.datasets.light import light_spread, share_of_photographs
from mmpose_dualteach.datasets.transforms.nested import every_transform


def picture(seed: int, light: float = 1.0) -> np.ndarray:
    pixels = np.random.default_rng(seed).integers(10, 90, (64, 96, 3))
    return (pixels * light).round().astype(np.uint8)


def colours_of(dataset) -> ColorRandAugment:
    (found,) = [each for each in every_transform(dataset.pipeline) if isinstance(each, ColorRandAugment)]
    return found


def test_light_counts_and_what_stands_where_does_not():
    lights = np.array([1.0, 1.5, 2.0, 2.5])
    base = picture(0)
    spread = light_spread([(base * light).astype(np.float32) for light in lights])
    assert spread == pytest.approx(lights.std() / lights.mean(), rel=1e-4), 'every level times the light'
    moved = [np.roll(base, shift, axis=(0, 1)) for shift in range(5)]
    assert light_spread(moved) == 0
    tinted = [base * np.array(tint) for tint in ((1, 1, 1), (2, 1, 0.5))]
    assert light_spread(tinted) > 0.1, 'of one brightness, about'
    grey = base[..., 0]
    assert light_spread([grey, grey * 2]) == light_spread([grey[..., None], grey[..., None] * 2])
    shown_larger = [np.kron(grey, np.ones((9, 9))) * light for light in lights]
    assert light_spread(shown_larger) == pytest.approx(spread, rel=0.05), 'large images are looked at in part'


@pytest.mark.parametrize('images', [[], [picture(0)], [np.zeros((4, 4, 3))] * 3, [picture(0), picture(0)[..., 0]]])
def test_where_nothing_is_known_colours_change_in_full(images):
    assert light_spread(images) is None and share_of_photographs(None) == 1


def test_a_share_of_a_change_is_the_change_at_that_share_of_its_magnitude():
    middling = picture(1) // 4 + 100  # Nothing is clipped.

    def changed(name, magnitude, strength):
        operation = dict(type=f'mmdet.{name}', level=0, min_mag=magnitude, max_mag=magnitude)
        transform = TRANSFORMS.build(dict(type='ColorRandAugment', aug_space=[[operation]], aug_num=1))
        transform.strength = strength
        return transform(dict(img=middling))['img'].astype(int)

    for name in ('Brightness', 'Contrast', 'Color', 'Sharpness'):
        whole, part = changed(name, 1.6, 1.0), changed(name, 1.6, 0.5)
        assert np.abs(part - changed(name, 1.3, 1.0)).max() <= 1, f'{name}, but for rounding'
        assert np.abs(whole - middling.astype(int)).max() >= 5
        assert np.array_equal(changed(name, 1.6, 0.0), middling)


@pytest.mark.parametrize('light, strength', [(0.0, 0.0), (0.1, 0.257), (0.6, 1.0)])
def test_the_default_follows_the_images(copied, stock, light, strength):
    stock['train_dataloader']['dataset']['data_root'] = str(copied)
    images = sorted((copied / 'images').iterdir())
    # Sevenths from none to six, either way: by sqrt(13 / 49) of it, of the 20% of photographs.
    for number, path in enumerate(images):
        cv2.imwrite(str(path), picture(0, 1 + light * (-1) ** number * (number % 7) / 7))
    images[0].write_bytes(b'no image')  # One that is looked at: the others tell enough.
    config = switch(stock, unlabeled=str(copied / 'images'), labeled=dict(ann_file='val.json'))
    unlabeled = config.train_dataloader.dataset.unlabeled
    unlabeled['max_broken'] = 1.0
    dataset = DATASETS.build(config.train_dataloader.dataset)
    found = colours_of(dataset.datasets[1])
    assert found.follow_light and found.strength == pytest.approx(strength, abs=0.01)
    fixed = switch(stock, unlabeled=str(copied / 'images'), labeled=dict(ann_file='val.json'), method='posecons')
    assert not [
        each
        for each in every_transform(DATASETS.build(fixed.train_dataloader.dataset).datasets[1].pipeline)
        if isinstance(each, ColorRandAugment)
    ]
    given = switch(
        stock,
        unlabeled=str(copied / 'images'),
        labeled=dict(ann_file='val.json'),
        rand_augment=dict(num=2, magnitude=20),
    )
    assert colours_of(DATASETS.build(given.train_dataloader.dataset).datasets[1]).strength == 1, 'as given'


def test_a_baseline_of_labels_alone_looks_at_no_other_image(stock, monkeypatch):
    config = switch(stock)
    config.train_dataloader.dataset.labels_alone = True
    monkeypatch.setattr('mmpose_dualteach.datasets.datasets.unlabeled_pose_dataset.light_spread', pytest.fail)
    DATASETS.build(config.train_dataloader.dataset)


def test_the_log_says_how_strong_and_why(copied, stock, tmp_path):
    stock['train_dataloader']['dataset']['data_root'] = str(copied)
    for path in (copied / 'images').iterdir():
        cv2.imwrite(str(path), picture(0))
    run(switch(stock, unlabeled=str(copied / 'images')), tmp_path / 'run')
    (log,) = (tmp_path / 'run').glob('*/*.log')
    assert (
        '2 of 6 changes of colour at 0% of their strength, since light and colours differ by 0.0% between images '
        '(in full from 20% on)'
    ) in log.read_text()
