# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Boxes without a detector lie around what is there, in videos and in folders of frames."""

import json

import cv2
import mmcv
import numpy as np
import pytest
from conftest import tool

from mmpose_dualteach.prepare.find_boxes import find_boxes
from mmpose_dualteach.prepare.moving import smoothed

find = tool('find_boxes')
SIZE = 160, 120  # Width and height.
FRAMES = 24


def truth(number: int) -> np.ndarray:
    """The box of the animal: left, top, right, bottom."""
    left, top = 10 + 4 * number, 40 + round(20 * np.sin(number / 4))
    return np.array([left, top, left + 30, top + 20])


def frames():
    """An animal with a tail walks through a room; the camera's noise is its own in every frame."""
    random = np.random.default_rng(0)
    room = cv2.resize(random.integers(60, 200, (12, 16, 3), dtype=np.uint8), SIZE)
    for number in range(FRAMES):
        image = room.astype(int) + random.integers(-6, 7, room.shape)
        left, top, right, bottom = truth(number)
        image[top + 4 : bottom - 1, left:right] = (20, 10, 30)
        image[top:bottom, left : left + 6] = (20, 10, 30)
        yield np.clip(image, 0, 255).astype(np.uint8)


def seen(image, box):
    """A network that knows the animal by its colour where it is in the box: four corners, and one it is unsure of."""
    padding = 0.125 * (box[2:] - box[:2])  # As stock pipelines have it.
    left, top, right, bottom = np.concatenate([box[:2] - padding, box[2:] + padding]).clip(0).round().astype(int)
    inside = np.zeros(image.shape[:2], bool)
    inside[top:bottom, left:right] = True
    rows, columns = np.nonzero((image.max(axis=2) < 50) & inside)
    if len(rows) < 20:
        return np.zeros((5, 2)), np.full(5, 0.1)
    x, y = [columns.min(), columns.max()], [rows.min(), rows.max()]
    return np.array([[x[0], y[0]], [x[1], y[0]], [x[0], y[1]], [x[1], y[1]], [0, 0]], float), np.array(
        [1.0] * 4 + [0.1]
    )


@pytest.fixture(params=['video', 'folder'])
def source(request, tmp_path):
    if request.param == 'folder':
        for number, frame in enumerate(frames()):
            mmcv.imwrite(frame, str(tmp_path / 'room' / f'{number:03}.png'))
        return tmp_path / 'room'
    writer = cv2.VideoWriter(str(tmp_path / 'room.mp4'), cv2.VideoWriter.fourcc(*'mp4v'), 25, SIZE)
    for frame in frames():
        writer.write(frame)
    writer.release()
    return tmp_path / 'room.mp4'


def overlaps(found):
    """Intersection over union with the truth, of each box by its frame's number."""
    ious = {}
    for each in found:
        name = each['image_id']
        number = int(name.rpartition('=')[2] if '=' in name else name[:3])
        left, top, width, height = each['bbox']
        real, box = truth(number), np.array([left, top, left + width, top + height])
        sides = np.minimum(real[2:], box[2:]) - np.maximum(real[:2], box[:2])
        shared = np.prod(np.maximum(sides, 0))
        ious[number] = shared / (np.prod(real[2:] - real[:2]) + width * height - shared)
    return ious


ALL = dict(every=1, min_change=0)


def test_what_moves_is_found(source, tmp_path):
    counts = find_boxes(str(source), str(tmp_path / 'boxes.json'), margin=0, video=ALL)
    found = json.loads((tmp_path / 'boxes.json').read_text())
    assert counts == dict(images=FRAMES, boxes=FRAMES, unusable=0)
    ious = overlaps(found)
    assert np.mean(list(ious.values())) > 0.9 and min(ious.values()) > 0.7, ious


def test_joints_are_followed(source, tmp_path):
    region = [0, 20, 60, 60]
    find_boxes(str(source), str(tmp_path / 'boxes.json'), region=region, see=seen, margin=0.1, video=ALL)
    ious = overlaps(json.loads((tmp_path / 'boxes.json').read_text()))
    assert len(ious) == FRAMES and min(ious.values()) > 0.6, ious
    # Lost, and found again by the other way.
    lost = [0]

    def sometimes(image, box):
        lost[0] += 1
        return (np.zeros((5, 2)), np.zeros(5)) if 6 < lost[0] < 9 else seen(image, box)

    find_boxes(str(source), str(tmp_path / 'boxes.json'), see=sometimes, margin=0.1, video=ALL)
    assert min(overlaps(json.loads((tmp_path / 'boxes.json').read_text())).values()) > 0.5


def test_the_tool_names_frames_as_training_does(people, run_files, tmp_path, capsys):
    config, checkpoint = run_files
    boxes = tmp_path / 'boxes.json'
    images = str(people / 'images')
    assert find([images, '-o', str(boxes), '--region', '5', '6', '30', '500']) == 0
    found = json.loads(boxes.read_text())
    height = mmcv.imread(f'{images}/{found[0]["image_id"]}').shape[0]
    assert found[0]['bbox'] == [5, 6, 30, height - 6] and '30 boxes on 30 images' in capsys.readouterr().out
    assert find([images, '-o', str(boxes), '--region', '5', '6', '30', '40', '--joints', config, checkpoint]) == 0
    assert len(json.loads(boxes.read_text())) == 30
    assert find([images, '-o', str(boxes), '--region', '5', '6', '0', '40']) == 1
    assert 'must be left, top, width and height' in capsys.readouterr().err


def test_photos_have_no_boxes_of_what_moves_and_that_is_said(tmp_path, capsys):
    rng = np.random.default_rng(0)
    for number in range(3):
        cv2.imwrite(str(tmp_path / f'{number}.png'), rng.integers(0, 255, (40, 40 + 8 * number, 3), np.uint8))
    (tmp_path / 'broken.png').write_bytes(b'no image')
    assert find([str(tmp_path), '-o', str(tmp_path / 'boxes.json')]) == 0
    assert '3 images have no box: nothing moves there' in capsys.readouterr().out


def test_gaps_take_the_last_box():
    one, two = np.array([0, 0, 1, 1.0]), np.array([0, 0, 3, 3.0])
    found = smoothed([None, None, None, one, one, one, None, None, None, None, two])
    assert found[:2] == [None, None] and all((each == one).all() for each in found[2:8]) and (found[8] == two).all()


def test_what_an_earlier_call_skipped_is_not_left_behind(tmp_path):
    folder = tmp_path / 'images'
    folder.mkdir()
    for number in range(3):
        cv2.imwrite(str(folder / f'{number}.png'), np.full((40, 60, 3), 90, np.uint8))
    (folder / 'broken.png').write_bytes(b'no image')
    command = [str(folder), '--region', '5', '5', '20', '20', '-o', str(tmp_path / 'boxes.json')]
    skipped = tmp_path / 'boxes.json.skipped.json'
    assert find(command) == 0 and list(json.loads(skipped.read_text())) == ['broken.png']
    (folder / 'broken.png').unlink()
    assert find(command) == 0 and not skipped.exists()


def test_frames_of_a_folder_come_in_counting_order(tmp_path):
    for number, frame in enumerate(frames(), 1):
        mmcv.imwrite(frame, str(tmp_path / 'room' / f'f{number}.png'))
    mmcv.imwrite(next(frames()), str(tmp_path / 'room' / 'f3' / 'other.png'))  # Sorts between the others.
    find_boxes(str(tmp_path / 'room'), str(tmp_path / 'boxes.json'), region=[0, 0, 50, 50])
    names = [each['image_id'] for each in json.loads((tmp_path / 'boxes.json').read_text())]
    assert names == [*(f'f{number}.png' for number in range(1, FRAMES + 1)), 'f3/other.png']


def test_a_video_is_never_written_over(tmp_path):
    (tmp_path / 'clip.mp4').write_bytes(b'a film')
    with pytest.raises(ValueError, match='clip.mp4 is read and would be written over'):
        find_boxes(str(tmp_path / 'clip.mp4'), str(tmp_path / 'clip.mp4'))


def test_an_image_beside_the_region_has_no_box(tmp_path):
    for name, side in (('large', 100), ('small', 20)):
        mmcv.imwrite(np.zeros((side, side, 3), np.uint8), str(tmp_path / 'room' / f'{name}.png'))
    counts = find_boxes(str(tmp_path / 'room'), str(tmp_path / 'boxes.json'), region=[30, 30, 50, 50])
    assert counts == dict(images=1, boxes=1, unusable=1)
    assert 'has nothing of the region' in (tmp_path / 'boxes.json.skipped.json').read_text()
