# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What Label Studio exports, and what of it cannot be understood."""

import pytest

from mmpose_dualteach.label_loop.formats.label_studio_export import coco_of_tasks

CATEGORY = dict(id=4, name='cat', keypoints=['nose', 'paw'])
IMAGE = dict(image='s3://bucket/a.png')


def point(name='nose', x=10.5, **more):
    value = dict(x=x, y=50, keypointlabels=[name])
    return dict(type='keypointlabels', id=f'{name}{x}', original_width=100, original_height=80, value=value, **more)


def rectangle(**more):
    value = dict(x=60, y=40, width=50, height=50, rectanglelabels=['cat'])
    return dict(type='rectanglelabels', id='box', original_width=100, original_height=80, value=dict(value, **more))


def task(number=1, data=IMAGE, regions=None, **more):
    return dict(id=number, data=data, annotations=[dict(result=[point()] if regions is None else regions, **more)])


def read(*tasks):
    return coco_of_tasks(tasks, CATEGORY, 'export.json')


@pytest.mark.parametrize(
    'data, name',
    [
        (dict(image='s3://bucket/day1/n.png'), 'day1/n.png'),
        (dict(image='gs://bucket/day%201/n.png'), 'day 1/n.png'),
        (dict(image='https://host/day1/n.png?X-Amz-Expires=9'), 'day1/n.png'),
        (dict(image='http://host/data/upload/12/0a1b2c3d-n.png'), 'n.png'),
        (dict(note='male/female', image='/data/upload/3/0a1b2c3d-n.png'), 'n.png'),
        (dict(note='male/female', photo='s3://bucket/day1/n.PNG'), 'day1/n.PNG'),
    ],
)
def test_an_image_has_the_path_of_its_address(data, name):
    (image,) = read(task(data=data))['images']
    assert image['file_name'] == name


def test_a_turned_rectangle_becomes_the_box_around_it():
    regions = [rectangle(rotation=90), point(parentID='box')]
    (found,) = read(task(regions=regions))['annotations']
    assert found['bbox'] == pytest.approx([20, 32, 40, 50])


def test_the_annotation_that_was_changed_last_counts():
    def x_of(*annotations):
        found = read(dict(id=1, data=IMAGE, annotations=list(annotations)))['annotations']
        return [each['keypoints'][0] for each in found]

    first = dict(result=[point(x=20.5)], created_at='2024-01-01', updated_at='2024-03-03')
    second = dict(result=[point(x=30.5)], created_at='2024-02-02', updated_at='2024-02-02')
    assert x_of(first, second) == x_of(second, first) == [20]
    first.pop('updated_at')
    assert x_of(first, second) == x_of(second, first) == [30]
    first.pop('created_at')
    assert x_of(first, second) == [30] and x_of(second, first) == [20]  # As they stand.
    assert x_of(first, dict(second, was_cancelled=True)) == [20]


def without_id():
    region = rectangle()
    region.pop('id')
    return region


@pytest.mark.parametrize(
    'tasks, told',
    [
        ([task(1), task(2)], 'tasks 1 and 2 are both of image a.png'),
        (
            [task(n, dict(image=f'/data/upload/1/{n}a1b2c3d-n.png')) for n in (1, 2)],
            'tasks 1 and 2 are both of image n.png',
        ),
        ([task(regions=[point(), point(x=60)])], "task 1 has two keypoints 'nose' of one instance; draw a rectangle"),
        ([task(regions=[rectangle(), *(point(x=x, parentID='box') for x in (70, 80))])], "two keypoints 'nose'"),
        ([task(regions=[rectangle(), point(x=70, parentID='box'), point(x=80)])], "two keypoints 'nose'"),
        ([task(regions=[dict(point(), original_width='wide')])], 'task 1 does not say original_width'),
        ([task(regions=[without_id()])], 'task 1 has a rectangle without id'),
        ([task(regions=[dict(point(), value=None)])], 'task 1: region nose10.5 has no numbers x, y'),
        ([dict(id=1, data=IMAGE, annotations=[3])], 'task 1 is not as Label Studio writes it'),
        ([task(data='a/b.png')], 'task 1 is not as Label Studio writes it'),
        ([task(regions=[7])], 'task 1 is not as Label Studio writes it'),
        ([task(data=dict(note='male/female'))], 'task 1 has no image'),
    ],
)
def test_what_cannot_be_understood_is_said(tasks, told):
    with pytest.raises(ValueError, match='^export.json: task') as error:
        read(*tasks)
    assert told in str(error.value)
