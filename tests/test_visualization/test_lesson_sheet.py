# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import cv2
import numpy as np
import pytest
import torch
from conftest import run, switch
from mmpose.datasets.datasets.utils import parse_pose_metainfo

from mmpose_dualteach.engine import LessonVisualizationHook
from mmpose_dualteach.models.adapters.base import Target
from mmpose_dualteach.visualization.lesson_sheet import (
    FONT,
    INK,
    INVALID,
    SURE,
    TEXT_SCALE,
    TILE_HEIGHT,
    in_target,
    joint_colours,
    legend,
    tile,
)

SIZES = [(64, 96), (96, 96), (192, 256), (288, 384)]
RED, BLUE = (255, 0, 0), (0, 0, 255)


def metainfo(name: str) -> dict:
    return parse_pose_metainfo(dict(from_file=f'configs/_base_/datasets/{name}.py'))


def draw(size, joints, scores=None, colours=None, background=90, known=None) -> np.ndarray:
    """A tile of a plain image without heat."""
    width, height = size
    joints = torch.as_tensor(np.array(joints), dtype=torch.float32).reshape(-1, 2)
    scores = torch.ones(len(joints)) if scores is None else torch.tensor(scores)
    colours = np.array([RED] * len(joints) if colours is None else colours, dtype=np.uint8).reshape(-1, 3)
    image = np.full((height, width, 3), background, dtype=np.uint8)
    return tile(image, torch.zeros(height, width), joints, scores, colours, known)


def centroid(picture: np.ndarray, colour) -> np.ndarray:
    """The centre (x, y) of all that has about a colour."""
    y, x = np.nonzero(np.abs(picture.astype(int) - colour).sum(axis=2) < 60)
    assert len(x), f'nothing is {colour}'
    return np.array([x.mean(), y.mean()])


@pytest.mark.parametrize('score', [0.9, 0.1])
@pytest.mark.parametrize('size', SIZES)
def test_a_mark_sits_on_its_joint_in_its_colour(size, score):
    width, height = size
    zoom = TILE_HEIGHT / height
    for share in [(0.5, 0.5), (0.2, 0.7), (0.813, 0.191), (0.377, 0.555)]:
        for joint in (np.multiply(share, size), np.round(np.multiply(share, size))):
            picture = draw(size, [joint], [score], [(10, 200, 40)])
            assert np.abs(centroid(picture, (10, 200, 40)) - joint * zoom).max() < 0.5


@pytest.mark.parametrize('size', SIZES)
def test_the_picture_below_is_where_the_marks_are(size):
    """Pixel centres lie at integers: a bright pixel's centre lies where a joint on that pixel is drawn."""
    width, height = size
    x, y = width // 3, height // 4
    image = np.zeros((height, width, 3), dtype=np.uint8)
    image[y, x] = 255
    picture = tile(image, torch.zeros(height, width), torch.zeros(0, 2), torch.zeros(0), np.zeros((0, 3), np.uint8))
    weight = picture[:TILE_HEIGHT, :-2, 0].astype(float)
    rows, columns = np.indices(weight.shape)
    middle = np.array([(columns * weight).sum(), (rows * weight).sum()]) / weight.sum()
    assert np.abs(middle - np.array([x, y]) * TILE_HEIGHT / height).max() < 0.5


def test_sure_joints_are_filled_and_others_are_rings():
    size, joint = (64, 96), [30, 40]
    column, row = np.round(np.array(joint) * TILE_HEIGHT / 96).astype(int)
    sure, unsure = draw(size, [joint], [SURE + 0.01]), draw(size, [joint], [SURE])
    assert sure[row, column].tolist() == list(RED) and unsure[row, column].tolist() == [90] * 3
    assert (np.abs(unsure.astype(int) - RED).sum(axis=2) < 60).sum() > 10, 'the ring is there'
    both = draw(size, [joint, joint], [0.9, 0.1], [RED, BLUE])
    assert both[row, column].tolist() == list(RED)
    y, x = np.nonzero(np.abs(both.astype(int) - BLUE).sum(axis=2) < 60)
    assert x.min() < column - 3 and x.max() > column + 3 and y.min() < row - 3 and y.max() > row + 3, 'around the dot'


@pytest.mark.parametrize('joint', [(-1, 40), (64, 40), (30, -0.6), (30, 95.6), (float('nan'), 40), (float('inf'), 0)])
def test_joints_outside_of_the_picture_are_not_drawn(joint):
    assert np.array_equal(draw((64, 96), [joint]), draw((64, 96), []))


def test_joints_on_the_border_are_drawn():
    for joint in [(0, 0), (63, 95)]:
        assert not np.array_equal(draw((64, 96), [joint]), draw((64, 96), []))


def test_joints_in_one_place_are_all_seen():
    colours = [RED, BLUE, (0, 255, 0)]
    for score in (0.9, 0.1):
        picture = draw((64, 96), [(30, 40)] * 3, [score] * 3, colours)
        for colour in colours:
            assert (np.abs(picture.astype(int) - colour).sum(axis=2) < 60).sum() >= 3


@pytest.mark.parametrize('name', ['coco', '300w', 'coco_wholebody'])
def test_a_swap_of_sides_is_seen(name):
    """For every pair of joints: two pictures that differ in nothing but which of both is where."""
    info = metainfo(name)
    colours = joint_colours(info)
    for one, other in enumerate(info['flip_indices']):
        if one < other:
            joints = np.zeros((len(colours), 2)) - 9
            joints[[one, other]] = [(20, 40), (44, 40)]
            swapped = joints.copy()
            swapped[[one, other]] = joints[[other, one]]
            first, second = draw((64, 96), joints, colours=colours), draw((64, 96), swapped, colours=colours)
            differs = np.abs(first.astype(int) - second).sum(axis=2) >= 100
            for x, y in ((20, 40), (44, 40)):
                column, row = round(x * TILE_HEIGHT / 96), round(y * TILE_HEIGHT / 96)
                assert differs[row - 1 : row + 2, column - 1 : column + 2].all(), (one, other)


def test_colours_are_the_metainfos_where_these_tell_left_from_right():
    info = metainfo('coco')
    own = [info['keypoint_name2id'][name] for name in ('nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear')]
    rest = [index for index in range(17) if index not in own]
    colours = joint_colours(info)
    assert np.array_equal(colours[rest], np.array(info['keypoint_colors'])[rest])
    assert len({tuple(colour) for colour in colours}) == 5 + 2, 'own colours are like no other'
    for name in ('mpii', 'aic'):
        info = metainfo(name)
        assert np.array_equal(joint_colours(info), info['keypoint_colors'])


@pytest.mark.parametrize('name', ['300w', '300wlp', 'wflw', 'aflw'])
def test_where_all_joints_share_a_colour_each_gets_its_own(name):
    info = metainfo(name)
    colours = joint_colours(info)
    assert len({tuple(colour) for colour in info['keypoint_colors']}) == 1
    assert len({tuple(colour) for colour in colours}) == len(colours)
    hues = cv2.cvtColor(np.float32(colours)[None] / 255, cv2.COLOR_RGB2HSV)[0, :, 0]
    for index, other in enumerate(info['flip_indices']):
        if index < other:
            assert 110 < hues[index] < 260 and (hues[other] < 70 or hues[other] > 300), 'cool here, warm there'


@pytest.mark.parametrize('width', [453, 906])
@pytest.mark.parametrize('name', ['coco', '300w', 'coco_wholebody'])
def test_the_legend_names_every_joint_beside_its_colour(name, width):
    info = metainfo(name)
    colours = joint_colours(info)
    names = [info['keypoint_id2name'][index] for index in range(len(colours))]
    picture = legend(names, colours, width)
    assert picture.shape[1] == width
    places = set()
    keys = (f'score above {SURE}', f'score of {SURE} or less')
    for text, colour in [*zip(names, colours.tolist()), *[(key, None) for key in keys]]:
        # Written by itself, with room for what follows in longer names.
        (wide, high), _ = cv2.getTextSize(text, FONT, TEXT_SCALE, 1)
        written = np.full((high + 9, wide + 12), 255, dtype=np.uint8)
        cv2.putText(written, text, (3, high + 3), FONT, TEXT_SCALE, INK[0], 1, cv2.LINE_AA)
        padded = cv2.copyMakeBorder(picture[..., 0], 12, 12, 0, 12, cv2.BORDER_CONSTANT, value=255)
        difference = cv2.matchTemplate(padded, written, cv2.TM_SQDIFF)
        assert difference.min() < 1e3, f'{text} is not there'
        row, column = np.unravel_index(difference.argmin(), difference.shape)
        places.add((row, column))
        if colour:
            dot = picture[row - 12 + high // 2 + 1 : row - 12 + high // 2 + 7, column - 14 : column - 6].reshape(-1, 3)
            assert (dot == colour).all(axis=1).any(), text
    assert len(places) == len(names) + 2, 'each has its own place'


def test_targets_have_no_joints_where_nothing_is_known():
    known = torch.ones(1, 96, 64, dtype=torch.bool)
    known[:, :, 40:] = False
    joints = torch.tensor([[[10.0, 10.0], [39.4, 10.0], [40.0, 10.0], [-5.0, 99.0], [float('nan'), 0.0]]])
    assert in_target(Target(None, None), joints, known)[0, :4].tolist() == [True, True, False, True]
    valid = torch.tensor([[True, False, True, False, True]])
    assert torch.equal(in_target(Target(None, valid), joints, None), valid)
    grey = draw((64, 96), [], background=0, known=known[0])
    assert grey[100, 10].max() == 0 and grey[100, 120].tolist() == [value // 2 for value in INVALID]


def test_a_sheet_has_a_row_an_instance_and_a_legend(stock, tmp_path):
    config = switch(stock, pictures=dict(interval=6, num_instances=2))
    runner = run(config, tmp_path)
    info = runner.train_dataloader.dataset.metainfo
    sheet = cv2.imread(str(next(tmp_path.rglob('lessons_6.png'))))[..., ::-1]
    below = legend(list(info['keypoint_id2name'].values()), joint_colours(info), sheet.shape[1])
    assert len(sheet) == 22 + 2 * (TILE_HEIGHT + 2) + len(below) and sheet.shape[1] == 2 * 3 * (149 + 2)
    assert np.array_equal(sheet[-len(below) :], below)


@pytest.mark.parametrize('options', [dict(interval=0), dict(num_instances=0)])
def test_bad_options_are_named(options):
    with pytest.raises(ValueError, match='LessonVisualizationHook: .*' + next(iter(options)) + '=0'):
        LessonVisualizationHook(**options)
