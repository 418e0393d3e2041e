# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""A real detector of mmdet with untrained weights: every path from its config to a training set."""

import json
import shutil

import cv2
import numpy as np
import pytest
import torch
from conftest import tool
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmpose_dualteach.datasets import UnlabeledPoseDataset
from mmpose_dualteach.prepare import detect

detect_boxes = tool('detect_boxes')

CONFIG = """_base_ = 'mmdet::rtmdet/rtmdet_tiny_8xb32-300e_coco.py'
model = dict(backbone=dict(init_cfg=None), bbox_head=dict(num_classes=2))
test_pipeline = [
    dict(type='LoadImageFromFile'), dict(type='Resize', scale=(96, 96), keep_ratio=True),
    dict(type='Pad', size=(96, 96), pad_val=dict(img=(114, 114, 114))),
    dict(type='PackDetInputs', meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor'))]
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
"""


@pytest.fixture(scope='module')
def detector(tmp_path_factory):
    folder = tmp_path_factory.mktemp('detector')
    (folder / 'config.py').write_text(CONFIG)
    init_default_scope('mmdet')
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile(folder / 'config.py').model)
    init_default_scope('mmpose')
    for name, weights in model.named_parameters():
        if 'rtm_reg' in name and name.endswith('bias'):
            weights.data.fill_(2.0)  # Boxes of some size.
    torch.save(
        dict(state_dict=model.state_dict(), meta=dict(dataset_meta=dict(classes=('dog', 'person')))),
        folder / 'weights.pth',
    )
    return [str(folder / 'config.py'), str(folder / 'weights.pth')]


@pytest.fixture(scope='module')
def images(shared_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp('images')
    for path in sorted((shared_data / 'coco_mini' / 'unlabeled2017').glob('*.jpg'))[:5]:
        shutil.copy(path, folder)
    (folder / 'broken.jpg').write_bytes(b'no image')
    writer = cv2.VideoWriter(str(folder / 'clip.avi'), cv2.VideoWriter_fourcc(*'MJPG'), 10, (64, 48))
    for value in range(0, 200, 20):
        writer.write(np.full((48, 64, 3), value, np.uint8))
    writer.release()
    return folder


OPTIONS = ['--score', '0', '--max', '2', '--batch', '3', '--device', 'cpu', '--frame-every', '5']


def run(detector, source, output, *more):
    assert detect_boxes([*detector, str(source), '-o', str(output), *OPTIONS, *more]) == 0
    return json.loads(output.read_text())


@pytest.fixture(scope='module')
def found(detector, images, tmp_path_factory):
    output = tmp_path_factory.mktemp('found') / 'boxes.json'
    return run(detector, images, output), output


def test_boxes_of_the_wanted_class_on_every_image_and_frame(found, images):
    boxes, output = found
    names = sorted(path.name for path in images.glob('0*.jpg')) + ['clip.avi#frame=0', 'clip.avi#frame=5']
    assert sorted({box['image_id'] for box in boxes}) == sorted(names)
    for name in names:
        mine = [box for box in boxes if box['image_id'] == name]
        assert 1 <= len(mine) <= 2 and mine[0]['score'] >= mine[-1]['score']
    assert {box['category_id'] for box in boxes} == {2}, 'the place of the class, from 1'
    assert all(box['bbox'][2] > 0 and box['bbox'][3] > 0 for box in boxes)
    skipped = json.loads(output.with_name('boxes.json.skipped.json').read_text())
    assert list(skipped) == ['broken.jpg'] and 'does not decode' in skipped['broken.jpg']
    assert sorted(path.name for path in output.parent.iterdir()) == ['boxes.json', 'boxes.json.skipped.json']


def test_the_boxes_are_mmdets_own(found, detector, images):
    from mmdet.apis import inference_detector, init_detector

    on_images = [box for box in found[0] if '#' not in box['image_id']][:4]
    assert on_images
    with detect.scope_kept():
        model = init_detector(*detector, device='cpu')
        answers = [inference_detector(model, str(images / box['image_id'])).pred_instances for box in on_images]
    for box, answer in zip(on_images, answers):
        left, top, width, height = box['bbox']
        distance = (answer.bboxes - torch.tensor([left, top, left + width, top + height])).abs().amax(1)
        assert distance.min() < 0.05


def test_the_boxes_serve_as_unlabelled_instances(found, images, switched):
    boxes, output = found
    pipeline = switched.train_dataloader.dataset.unlabeled.pipeline
    dataset = UnlabeledPoseDataset(
        data_prefix=dict(img=str(images)), bbox_file=str(output), pipeline=pipeline, max_broken=0.5
    )
    assert len(dataset) > 5
    for index in range(len(dataset)):
        assert dataset[index]['inputs']['easy'].shape == (3, 96, 64)


def test_no_box_of_a_frame_is_lost_where_training_writes_frames(found, images, tmp_path):
    boxes, output = found
    for video in (dict(), dict(folder=str(tmp_path / 'frames')), dict(folder=str(tmp_path / 'others'), rate=0.1)):
        dataset = UnlabeledPoseDataset(
            data_prefix=dict(img=str(images)), bbox_file=str(output), pipeline=[], max_broken=0.5, video=video
        )
        found_again = [dataset.get_data_info(index)['img_id'] for index in range(len(dataset))]
        whole = [box['image_id'] for box in boxes if box['bbox'][2] > 0 and box['bbox'][3] > 0]
        assert [name for name in found_again if '#' in name] == [name for name in whole if '#' in name]
    assert len(list((tmp_path / 'others').rglob('*.jpg'))) == 2


def test_how_many_frames_are_looked_at_is_told(detector, images, tmp_path, monkeypatch):
    lines = []
    monkeypatch.setattr(detect, 'print_log', lambda line, **_: lines.append(line))
    run(detector, images / 'clip.avi', tmp_path / 'boxes.json')
    assert lines == [
        'took 2 of 10 frames of 1 video: clip.avi 2 of 10; video.rate (--frame-rate) or video.every '
        '(--frame-every) takes more or fewer'
    ]


def test_an_interrupted_call_goes_on_without_redoing_or_losing_an_image(found, detector, images, tmp_path, monkeypatch):
    output, seen = tmp_path / 'boxes.json', []
    original = detect._detect

    def interrupted(inferencer, reader, part, *rest):
        if len(seen) == 1:
            raise KeyboardInterrupt
        seen.append([image for image, *_ in part])
        return original(inferencer, reader, part, *rest)

    monkeypatch.setattr(detect, '_detect', interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(detector, images, output)
    assert not output.exists()
    part = tmp_path / 'boxes.json.part'
    with open(part, 'a') as file:
        file.write('{"image_id": "half a li')
    assert detect_boxes([*detector, str(images), '-o', str(output), *OPTIONS, '--score', '0.2']) == 1
    again = []
    monkeypatch.setattr(
        detect,
        '_detect',
        lambda inferencer, reader, part, *rest: (
            again.extend(image for image, *_ in part) or original(inferencer, reader, part, *rest)
        ),
    )
    assert run(detector, images, output) == found[0]
    assert len(seen[0]) == 3 and not set(seen[0]) & set(again) and len(again) == 5
    assert not part.exists()


def test_a_list_of_images_keeps_its_ids_and_categories(detector, images, tmp_path):
    names = sorted(path.name for path in images.glob('0*.jpg'))[:2]
    content = dict(
        images=[dict(id=70 + n, file_name=name) for n, name in enumerate(names)],
        categories=[dict(id=44, name='person')],
    )
    (tmp_path / 'list.json').write_text(json.dumps(content))
    boxes = run(detector, tmp_path / 'list.json', tmp_path / 'boxes.json', '--images', str(images))
    assert {box['image_id'] for box in boxes} == {70, 71} and {box['category_id'] for box in boxes} == {44}
    dataset = UnlabeledPoseDataset(
        ann_file=str(tmp_path / 'list.json'),
        bbox_file=str(tmp_path / 'boxes.json'),
        data_prefix=dict(img=str(images)),
        pipeline=[],
        max_broken=0.5,
    )
    assert len(dataset) >= 2


def test_absolute_names_of_a_list_are_opened_if_the_user_allows_it(detector, images, tmp_path):
    content = dict(images=[dict(id=7, file_name=str(sorted(images.glob('0*.jpg'))[0]))])
    (tmp_path / 'list.json').write_text(json.dumps(content))
    refused = [*detector, str(tmp_path / 'list.json'), '-o', str(tmp_path / 'boxes.json'), *OPTIONS]
    assert detect_boxes(refused) == 1
    boxes = run(detector, tmp_path / 'list.json', tmp_path / 'boxes.json', '--allow-outside')
    assert {box['image_id'] for box in boxes} == {7}


@pytest.mark.parametrize(
    'change, message',
    [
        (dict(category=['--category', 'cat']), "the detector has no class 'cat'; it has dog, person"),
        (dict(source='nowhere'), 'source nowhere does not exist'),
        (dict(checkpoint='https://example.com/a.pth'), 'nothing is ever downloaded'),
        (dict(checkpoint='gone.pth'), 'checkpoint gone.pth does not exist'),
        (dict(config='gone.py'), 'config gone.py does not exist'),
        (dict(source='empty'), 'empty has no image'),
    ],
)
def test_what_is_wrong_is_one_line(detector, images, tmp_path, monkeypatch, capsys, change, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'empty').mkdir()
    config, checkpoint = change.get('config', detector[0]), change.get('checkpoint', detector[1])
    arguments = [config, checkpoint, change.get('source', str(images)), '-o', 'out.json', *change.get('category', [])]
    assert detect_boxes(arguments) == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith('error: ') and message in error and not (tmp_path / 'out.json').exists()


def test_weights_of_no_detector_are_refused(detector, tmp_path, capsys):
    config, weights = detector
    content = torch.load(weights, map_location='cpu')
    content['meta']['dataset_meta'] = dict(dataset_name='coco', num_keypoints=17)
    torch.save(content, tmp_path / 'pose.pth')
    (tmp_path / 'images').mkdir()
    cv2.imwrite(str(tmp_path / 'images' / '0.png'), np.zeros((8, 8, 3), np.uint8))
    given = [config, str(tmp_path / 'pose.pth'), str(tmp_path / 'images'), '-o', str(tmp_path / 'boxes.json')]
    assert detect_boxes([*given, '--device', 'cpu']) == 1
    assert 'pose.pth is of no detector, it names no classes; name weights' in capsys.readouterr().err
