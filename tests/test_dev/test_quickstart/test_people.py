# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import json

import cv2
import numpy as np
import pytest

from mmpose_dualteach.dev.quickstart.drawn_people import KEYPOINTS, draw_people, draw_sample
from mmpose_dualteach.dev.quickstart.drawn_people.camera import projected, turned
from mmpose_dualteach.dev.quickstart.drawn_people.labels import keypoints_of
from mmpose_dualteach.dev.quickstart.drawn_people.painting import MATERIAL, PART, draw_shape, paint_head
from mmpose_dualteach.dev.quickstart.drawn_people.person import Person, make_person, rotation

SIZE = (96, 128)
INDEX = {name: index for index, name in enumerate(KEYPOINTS)}


def samples(count):
    return [draw_sample(np.random.default_rng([3, index]), SIZE) for index in range(count)]


@pytest.fixture(scope='module')
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp('people')
    draw_people(folder, {'train': 12, 'val': 5}, seed=1)
    return folder


def test_same_seed_draws_the_same_and_a_small_split_is_a_prefix(drawn, tmp_path):
    draw_people(tmp_path, {'train': 4}, seed=1)
    small, large = (json.loads((folder / 'train.json').read_text()) for folder in (tmp_path, drawn))
    assert small['images'] == large['images'][:4] and small['annotations'] == large['annotations'][:4]
    for image in small['images']:
        name = 'images/' + image['file_name']
        assert (tmp_path / name).read_bytes() == (drawn / name).read_bytes()


def test_seeds_and_splits_differ(drawn, tmp_path):
    draw_people(tmp_path, {'train': 1}, seed=2)
    first = (drawn / 'images' / 'train_00000.jpg').read_bytes()
    assert first != (tmp_path / 'images' / 'train_00000.jpg').read_bytes()
    assert first != (drawn / 'images' / 'val_00000.jpg').read_bytes()


@pytest.mark.parametrize('split, count', [('train', 12), ('val', 5)])
def test_coco_fields(drawn, split, count):
    content = json.loads((drawn / f'{split}.json').read_text())
    (category,) = content['categories']
    assert category['id'] == 1 and category['keypoints'] == list(KEYPOINTS)
    assert np.min(category['skeleton']) == 1 and np.max(category['skeleton']) == len(KEYPOINTS)
    assert len(content['images']) == len(content['annotations']) == count
    for image, annotation in zip(content['images'], content['annotations']):
        picture = cv2.imread(str(drawn / 'images' / image['file_name']))
        assert picture.shape == (image['height'], image['width'], 3)
        assert annotation['id'] == annotation['image_id'] == image['id']
        assert annotation['category_id'] == 1 and annotation['iscrowd'] == 0
        x, y, width, height = annotation['bbox']
        assert x >= 0 and y >= 0 and x + width <= image['width'] + 0.01 and y + height <= image['height'] + 0.01
        assert 0 < annotation['area'] < 1.2 * width * height
        keypoints = np.reshape(annotation['keypoints'], (17, 3))
        assert set(keypoints[:, 2]) <= {0, 1, 2}
        labelled = keypoints[:, 2] > 0
        assert annotation['num_keypoints'] == labelled.sum() > 0
        assert not keypoints[~labelled].any()
        # Joints sit in the box, give or take the annotator's jitter.
        slack = 0.1 * max(width, height) + 2
        assert (keypoints[labelled, :2] > np.array((x, y)) - slack).all()
        assert (keypoints[labelled, :2] < np.array((x + width, y + height)) + slack).all()


def test_labelled_joints_are_in_the_image_and_joints_outside_are_not_labelled():
    for sample in samples(60):
        edge = np.array(sample.image.shape[1::-1]) - 0.5
        inside = ((sample.positions >= -0.5) & (sample.positions <= edge)).all(1)
        assert inside[sample.keypoints[:, 2] > 0].all()
        assert (inside | (sample.keypoints[:, 2] == 0))[5:].all()
        assert np.array_equal(inside[5:], sample.keypoints[5:, 2] > 0)


def test_joints_lie_on_the_drawn_body():
    for sample in samples(60):
        for x, y, visibility in sample.keypoints[5:]:
            if visibility:
                assert sample.body[int(round(y)), int(round(x))] > 0.5


def test_every_visibility_occurs():
    visibility = np.array([sample.keypoints[:, 2] for sample in samples(60)])
    assert {0, 1, 2} == set(visibility[:, INDEX['nose']])
    assert (visibility[:, 5:] == 1).any() and (visibility[:, 5:] == 2).mean() > 0.6


def test_a_ball_is_drawn_at_its_label():
    """The label of a canvas point is the centre of what is drawn there, to a tenth of an image pixel."""
    for centre in ((40.0, 60.0), (41.3, 58.6), (52.5, 49.9)):
        canvas = np.zeros((128, 128, 3), np.uint8)
        draw_shape(canvas, 'head', 'skin', np.array([centre]), np.array([9.0]), np.zeros(2))
        drawn = cv2.resize(np.float32(canvas[..., 0]), (64, 64), interpolation=cv2.INTER_AREA)
        ys, xs = np.mgrid[:64, :64]
        found = np.array(((xs * drawn).sum(), (ys * drawn).sum())) / drawn.sum()
        person = Person({name: np.array((*centre, 1.0)) * (1, -1, 1) for name in KEYPOINTS}, [], np.zeros(3), np.eye(3))
        label = keypoints_of(person, canvas, 1.0, np.zeros(2))[0, :2]
        assert np.abs(found - label).max() < 0.1


def test_limbs_have_plausible_lengths():
    """No limb looks longer than its bones, and both sides share one body."""
    chains = [
        (('shoulder', 'elbow'), 0.2),
        (('elbow', 'wrist'), 0.17),
        (('hip', 'knee'), 0.27),
        (('knee', 'ankle'), 0.26),
    ]
    rng = np.random.default_rng(0)
    for _ in range(40):
        joints = make_person(rng).joints
        for (start, end), longest in chains:
            left, right = (
                np.linalg.norm(joints[f'{side}_{start}'] - joints[f'{side}_{end}']) for side in ('left', 'right')
            )
            assert left == pytest.approx(right) and 0.1 < left < longest


def test_left_is_at_image_right_in_front_view_and_at_image_left_from_behind():
    for yaw, sign in ((0, 1), (180, -1)):
        for seed in range(20):
            person = turned(make_person(np.random.default_rng(seed)), rotation(y=yaw))
            for joint in ('shoulder', 'hip'):
                assert sign * (person.joints[f'left_{joint}'][0] - person.joints[f'right_{joint}'][0]) > 0


def test_head_labels_are_on_the_drawn_head():
    """Eyes are dark where they are labelled, on a person who looks at the camera."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        person = make_person(rng)
        person = turned(person, (person.head_axes / np.linalg.norm(person.head_axes, axis=0)).T)
        canvas = np.zeros((256, 256, 3), np.uint8)
        offset = np.array((128.0, 128.0)) - person.head[:2] * (200, -200)
        paint_head(rng, canvas, person, 200.0, offset, np.zeros(2))
        for eye in ('left_eye', 'right_eye'):
            x, y = np.rint(projected(person.joints[eye], 200.0, offset)).astype(int)
            assert tuple(canvas[y, x, :2]) == (PART['head'], MATERIAL['dark'])


@pytest.mark.parametrize(
    'splits, size', [({}, SIZE), ({'train': 0}, SIZE), ({'train': 3, 'val': -1}, SIZE), ({'train': 1}, (8, 128))]
)
def test_bad_arguments(tmp_path, splits, size):
    with pytest.raises(ValueError, match='at least one split'):
        draw_people(tmp_path, splits, image_size=size)
