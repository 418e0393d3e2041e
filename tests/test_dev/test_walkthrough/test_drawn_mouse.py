# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""The walkthrough's mouse is where its labels say, and its project is what tools/import_labels.py reads."""

import json

import mmcv
import numpy as np
import pytest
from mmcv import VideoReader

from mmpose_dualteach.dev.walkthrough import drawn_mouse
from mmpose_dualteach.prepare.importing.deeplabcut import read_project


@pytest.fixture
def example(tmp_path, monkeypatch):
    monkeypatch.setattr(drawn_mouse, 'SECONDS', dict(day1=1, day2=0.4, day3=0.4))
    monkeypatch.setattr(drawn_mouse, 'PROJECTS', dict(day1=('project', 3), day3=('truth', 4)))
    counts = drawn_mouse.draw_example(tmp_path)
    assert counts == {'videos/day1.mp4': 25, 'videos/day2.mp4': 10, 'test/day3.mp4': 10}
    return tmp_path


@pytest.mark.parametrize('project, day, count', [('project', 'day1', 3), ('truth', 'day3', 4)])
def test_labels_lie_on_the_mouse(example, project, day, count):
    labels = read_project(str(example / project))
    assert labels.joints == list(drawn_mouse.JOINTS) and labels.skeleton == list(drawn_mouse.SKELETON)
    assert [len(image.instances) for image in labels.images] == [1] * count
    look = drawn_mouse.LOOKS[day]
    for image in labels.images:
        pixels = mmcv.imread(f'{example}/{project}/{image.name}').astype(float)
        joints = dict(zip(labels.joints, image.instances[0][:, :2]))
        for joint, colour in (('body', 'fur'), ('ear_left', 'ears'), ('ear_right', 'ears')):
            x, y = joints[joint].round().astype(int)
            seen = pixels[y - 1 : y + 2, x - 1 : x + 2].mean(axis=(0, 1))
            np.testing.assert_allclose(seen, np.array(look[colour]) * look['light'], atol=14)
        forward, left = joints['nose'] - joints['body'], joints['ear_left'] - joints['ear_right']
        assert forward[0] * left[1] - forward[1] * left[0] < 0, 'y points down: left is against the clock'


def test_frames_are_those_of_the_video(example):
    image = read_project(str(example / 'project')).images[1]
    frame = VideoReader(str(example / 'videos' / 'day1.mp4'))[int(image.name[-8:-4])]
    assert (mmcv.imread(f'{example}/project/{image.name}') == frame).all()


def test_what_is_corrected_is_what_the_project_says(example):
    image = read_project(str(example / 'project')).images[1]
    frame = f'day1.mp4/{int(image.name[-8:-4]):08d}.jpg'
    suggested = dict(
        images=[dict(id=7, file_name=frame)],
        annotations=[dict(id=1, image_id=7, bbox=[1, 2, 3, 4], keypoints=[0] * 18, keypoint_scores=[0.5] * 6)],
        categories=[],
    )
    (example / 'next.json').write_text(json.dumps(suggested))
    assert drawn_mouse.correct(example / 'next.json', example / 'corrected.json') == 1
    (label,) = json.loads((example / 'corrected.json').read_text())['annotations']
    assert 'keypoint_scores' not in label and label['num_keypoints'] == 6 and label['bbox'] == [1, 2, 3, 4]
    np.testing.assert_allclose(np.reshape(label['keypoints'], (6, 3))[:, :2], image.instances[0][:, :2], atol=0.01)
