# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Corrected labels come back whatever a labelling tool has done to numbers, boxes and orders."""

import copy
import json
import shutil

import numpy as np
import pytest
from conftest import tool

from mmpose_dualteach.label_loop.formats.label_studio import label_studio_tasks
from mmpose_dualteach.prepare.split import split_labels

merge_labels = tool('merge_labels')
NAMES = ['nose', 'paw', 'tail']


def annotation(number, image, box, points=None, **more):
    flat = [value for point in points or () for value in (point if point is None else (*point, 2))]
    return dict(
        id=number, image_id=image, category_id=4, iscrowd=0, bbox=box, area=box[2] * box[3], keypoints=flat,
        num_keypoints=len(flat) // 3, **more
    )  # fmt: skip


def content(images, annotations, names=NAMES):
    listed = [dict(id=number, file_name=name, width=100, height=80) for number, name in images]
    category = dict(id=4, name='cat', keypoints=names, skeleton=[[1, 2]])
    return dict(info=dict(description='test'), images=listed, annotations=annotations, categories=[category])


@pytest.fixture
def files(tmp_path):
    """A labelled image with two cats; an unlabelled image with two others, one with one, all with more than a box."""
    two = [
        annotation(1, 10, [0, 0, 40, 40], [(5, 5), (9, 9), (30, 30)]),
        annotation(2, 10, [50, 0, 40, 40], [(60, 5)] * 3),
    ]
    boxes = [
        annotation(5, 20, [10, 10, 40, 40], center=[30, 30]),
        annotation(6, 20, [55, 10, 40, 40], center=[75, 30]),
        annotation(7, 30, [20, 20, 60, 50], center=[50, 45]),
    ]
    written = dict(
        labeled=content([(10, 'day 1/a.png')], two), unlabeled=content([(20, 'b.png'), (30, 'c.png')], boxes)
    )
    for name, each in written.items():
        (tmp_path / f'{name}.json').write_text(json.dumps(each))
    return tmp_path


def merged(folder, corrected, *more, code=0):
    (folder / 'corrected.json').write_text(json.dumps(corrected))
    options = [f'--{name}={folder / name}.json' for name in ('labeled', 'corrected', 'unlabeled')]
    assert merge_labels([*options, '-o', str(folder / 'out'), *more]) == code
    if code:
        return None
    return [json.loads((folder / 'out' / f'{name}.json').read_text()) for name in ('labeled', 'unlabeled')]


def from_cvat():
    """New numbers of everything, boxes around keypoints, keypoints in another order; the second cat of b.png was left
    without points."""
    return content(
        [(1, 'b.png'), (2, 'day 1/a.png')],
        [
            annotation(1, 1, [20, 20, 20, 20], [(40, 40), (20, 20), (30, 30)]),
            annotation(2, 1, [0, 0, 0, 0], []),
            annotation(3, 2, [6, 6, 26, 26], [(32, 32), (6, 6), (10, 10)]),
        ],
        names=['tail', 'nose', 'paw'],
    )


def test_a_correction_takes_the_place_of_the_same_instance(files):
    labeled, unlabeled = merged(files, from_cvat())
    by_id = {each['id']: each for each in labeled['annotations']}
    names = {image['id']: image['file_name'] for image in labeled['images']}
    assert len(by_id) == 3 and sorted(names.values()) == ['b.png', 'day 1/a.png'] and names[10] == 'day 1/a.png'
    # Corrected: the numbers and the box are the labelled file's, keypoints in its order.
    assert by_id[1]['keypoints'] == [6, 6, 2, 10, 10, 2, 32, 32, 2] and by_id[1]['bbox'] == [0, 0, 40, 40]
    # Untouched.
    assert by_id[2]['keypoints'] == [60, 5, 2] * 3
    # New: with the box, and what else the unlabelled file says of the instance.
    (new,) = (each for number, each in by_id.items() if number > 2)
    assert new['keypoints'] == [20, 20, 2, 30, 30, 2, 40, 40, 2] and names[new['image_id']] == 'b.png'
    assert new['bbox'] == [10, 10, 40, 40] and new['center'] == [30, 30] and new['category_id'] == 4
    # No image is on both sides, and no label on this one.
    assert [image['file_name'] for image in unlabeled['images']] == ['c.png']
    assert [each['id'] for each in unlabeled['annotations']] == [7] and 'keypoints' not in unlabeled['annotations'][0]


def test_what_is_corrected_has_no_score_of_a_pseudo_label(files):
    labels = json.loads((files / 'labeled.json').read_text())
    for each in labels['annotations']:
        each.update(score=0.4, keypoint_scores=[0.4] * 3, track_id=7)
    (files / 'labeled.json').write_text(json.dumps(labels))
    labeled, _ = merged(files, from_cvat())
    corrected, other, _ = labeled['annotations']
    assert corrected['id'] == 1 and corrected['track_id'] == 7 and not {'score', 'keypoint_scores'} & set(corrected)
    assert other == labels['annotations'][1]


def test_labels_of_another_round_are_not_written_over(files, capsys):
    paths = [files / 'out' / f'{name}.json' for name in ('labeled', 'unlabeled')]
    merged(files, from_cvat())
    merged(files, from_cvat())  # The same again.
    before = [path.read_text() for path in paths]
    for path, text in zip(paths, before):
        path.write_text(text.replace('a.png', 'd.png').replace('c.png', 'e.png'))
        here = [each.read_text() for each in paths]
        merged(files, from_cvat(), code=1)
        assert capsys.readouterr().err == (
            f'error: {path} is there with other content; name another output by -o, or remove the file\n'
        )
        assert [each.read_text() for each in paths] == here
        path.unlink()
        merged(files, from_cvat())
        assert [each.read_text() for each in paths] == before


def test_instances_of_a_labelled_image_may_stay_unlabelled(files):
    labeled, unlabeled = merged(files, from_cvat(), '--share-images')
    assert len(labeled['annotations']) == 3
    assert [each['id'] for each in unlabeled['annotations']] == [6, 7]


def test_labels_of_two_folders_of_images_are_named_from_the_one_that_holds_both(files, capsys, monkeypatch):
    monkeypatch.chdir(files)
    labeled, unlabeled = merged(files, from_cvat(), '--images', 'data/project', f'{files}/data/videos/frames')
    names = {image['id']: image['file_name'] for image in labeled['images']}
    # An image of the same name in the other folder is another image.
    assert sorted(names.values()) == ['project/day 1/a.png', 'videos/frames/b.png', 'videos/frames/day 1/a.png']
    assert [image['file_name'] for image in unlabeled['images']] == ['videos/frames/c.png']
    there = {each['id']: (names[each['image_id']], each['keypoints'][:2]) for each in labeled['annotations']}
    assert there[1] == ('project/day 1/a.png', [5, 5]) and len(there) == 4
    assert f'--labeled-images {files}/data --unlabeled-images {files}/data\n' in capsys.readouterr().out
    merged(files, from_cvat(), '--images', '/proc', str(files), code=1)
    assert 'are in no folder together' in capsys.readouterr().err
    # What the first round wrote is named from the folder of both, what was corrected since is not.
    shutil.copy(files / 'out' / 'unlabeled.json', files / 'unlabeled.json')
    merged(files, from_cvat(), '--images', 'data', 'data/videos/frames', code=1)
    assert 'have no image of the same name' in capsys.readouterr().err


def test_what_comes_back_from_label_studio(files):
    seen = content([(20, 'b.png'), (30, 'c.png')], [])
    for number, image, box, x in ((5, 20, [10, 10, 40, 40], 20), (6, 20, [55, 10, 40, 40], 65)):
        each = annotation(number, image, box, [(x, 20), (x + 5, 25), (x + 10, 30)])
        seen['annotations'].append(dict(each, score=0.5, keypoint_scores=[0.5] * 3))
    tasks = label_studio_tasks(seen)
    result = tasks[0]['predictions'][0]['result']
    moved = next(region for region in result if region['id'].endswith('5-paw'))
    moved['value']['x'] += 3  # Three percent of a hundred pixels.
    result.remove(next(region for region in result if region['id'].endswith('6-tail')))
    next(region for region in result if region['id'].endswith('6-nose')).pop('parentID')  # Drawn anew by somebody.
    cancelled = dict(was_cancelled=True, result=[])
    exported = [dict(id=1, data=tasks[0]['data'], annotations=[dict(result=result), cancelled]), dict(tasks[1], id=2)]
    labeled, unlabeled = merged(files, exported)
    rows = {tuple(each['bbox']): np.reshape(each['keypoints'], (-1, 3)) for each in labeled['annotations'][2:]}
    assert len(labeled['annotations']) == 4
    np.testing.assert_allclose(rows[(10, 10, 40, 40)], [[20, 20, 2], [28, 25, 2], [30, 30, 2]], atol=1e-6)
    np.testing.assert_allclose(rows[(55, 10, 40, 40)], [[65, 20, 2], [70, 25, 2], [0, 0, 0]], atol=1e-6)
    assert [each['id'] for each in unlabeled['annotations']] == [7]  # Its task was not labelled.


@pytest.mark.parametrize(
    'data, name',
    [
        (dict(image='/data/local-files/?d=day%201/a.png'), 'day 1/a.png'),
        (dict(image='/data/upload/3/0a1b2c3d-b.png'), 'b.png'),
        (dict(image='s3://bucket/folder/c.png'), 'c.png'),
    ],
)
def test_images_are_known_by_their_addresses(files, data, name):
    region = dict(id='x', type='keypointlabels', original_width=100, original_height=80)
    region['value'] = dict(x=30.5, y=50, keypointlabels=['nose'])
    labeled, _ = merged(files, [dict(data=data, annotations=[dict(result=[region])])])
    names = {image['id']: image['file_name'] for image in labeled['images']}
    (new,) = (each for each in labeled['annotations'] if each['keypoints'][0] == 30)
    assert names[new['image_id']] == name and new['bbox'][2] > 0


def named(files, labeled, unlabeled=()):
    """Files of images with other names: a cat on each."""
    for name, listed in dict(labeled=labeled, unlabeled=unlabeled).items():
        cats = [annotation(n, n, [0, 0, 40, 40], [(5, 5)] * 3 if name == 'labeled' else ()) for n, _ in listed]
        (files / f'{name}.json').write_text(json.dumps(content(listed, cats)))


def one_cat_on_each(*names, box=(0, 0, 40, 40), points=((7, 7), (9, 9), (30, 30))):
    images = list(enumerate(names, 1))
    return content(images, [annotation(number, number, list(box), points) for number, _ in images])


@pytest.mark.parametrize(
    'labeled, unlabeled, corrected',
    [
        ('day1/a.png', 'day1/b.png', ('a.png', 'b.png')),
        ('day1/a.png', 'b.png', ('project/day1/a.png', 'images/b.png')),
        ('day1/a.png', 'day1/b.png', ('day1\\a.png', 'C:\\day1\\b.png')),
        ('day1/\u00e9.png', 'day1/b.png', ('day1/e\u0301.png', 'day1/b.png')),
        ('b/a.png', 'a.png', ('b/a.png', 'a.png')),  # The same name counts before the end of another.
    ],
)
def test_images_are_known_by_the_ends_of_their_paths(files, labeled, unlabeled, corrected, capsys):
    named(files, [(10, labeled)], [(20, unlabeled)])
    after, left = merged(files, one_cat_on_each(*corrected))
    assert [image['file_name'] for image in after['images']] == [labeled, unlabeled] and not left['images']
    assert [each['keypoints'][0] for each in after['annotations']] == [7, 7]
    assert ('by the end of their paths' in capsys.readouterr().out) == (corrected[1] != unlabeled)


@pytest.mark.parametrize(
    'labeled, corrected, told',
    [
        (['day1/a.png', 'day2/a.png'], ['a.png'], 'image a.png may be day1/a.png or day2/a.png'),
        (['a.png'], ['day1/a.png', 'day2/a.png'], 'images day1/a.png and day2/a.png both seem to be a.png'),
        (['a.png'], ['a.png', *(f'{each}.png' for each in 'uvwx')], '(u.png, v.png, w.png); name them as these do'),
    ],
)
def test_images_that_are_not_known_for_sure_are_refused(files, labeled, corrected, told, capsys):
    named(files, list(enumerate(labeled)), [(20, 'b.png')])
    merged(files, one_cat_on_each(*corrected), code=1)
    error = capsys.readouterr().err
    assert len(error.strip().splitlines()) == 1 and told in error and 'corrected.json' in error


def test_an_address_may_have_more_before_the_folder_of_images(files, monkeypatch):
    monkeypatch.chdir(files)
    labeled, unlabeled = merged(files, one_cat_on_each('bucket/b.png', 'a.png'), '--images', 'data/one', 'data/two')
    # In another folder a name without folders may be of any image that the labelled file does not know.
    assert [image['file_name'] for image in labeled['images']] == ['one/day 1/a.png', 'two/b.png', 'two/a.png']
    assert [image['file_name'] for image in unlabeled['images']] == ['two/c.png']


def test_corrected_images_are_in_the_second_folder(files, monkeypatch, capsys):
    monkeypatch.chdir(files)
    named(files, [(1, 'a.png')], [(2, 'day1/b.png'), (3, 'day1/c.png')])
    (files / 'data' / 'two').mkdir(parents=True)
    (files / 'data' / 'two' / 'c.png').touch()
    (files / 'data' / 'two' / 'day2').mkdir()
    (files / 'data' / 'two' / 'day2' / 'd.png').touch()
    # c.png is there and is not day1/c.png; b.png is not there, so that it is the only one that it may be.
    labeled, unlabeled = merged(
        files, one_cat_on_each('b.png', 'c.png', 'day2\\d.png'), '--images', 'data/one', 'data/two'
    )
    names = [each['file_name'] for each in labeled['images']]
    assert names == ['one/a.png', 'two/day1/b.png', 'two/c.png', 'two/day2/d.png']
    assert [each['file_name'] for each in unlabeled['images']] == ['two/day1/c.png']
    assert '1 corrected images were known by the end of their paths' in capsys.readouterr().out
    shutil.rmtree(files / 'out')
    merged(files, one_cat_on_each('b.png', 'x.png'), '--images', 'data/one', 'data/two', code=1)
    assert 'neither in data/two nor in' in capsys.readouterr().err and not (files / 'out').exists()


def test_an_image_that_is_listed_twice_keeps_the_instances_of_both(files):
    for name in ('labeled', 'unlabeled'):
        twice = json.loads((files / f'{name}.json').read_text())
        twice['images'].append(dict(twice['images'][0], id=11))
        twice['annotations'][1]['image_id'] = 11
        (files / f'{name}.json').write_text(json.dumps(twice))
    labeled, unlabeled = merged(files, one_cat_on_each('c.png'))
    assert [image['id'] for image in labeled['images']] == [10, 12]
    assert [each['image_id'] for each in labeled['annotations']] == [10, 10, 12]
    assert [(each['id'], each['image_id']) for each in unlabeled['annotations']] == [(5, 20), (6, 20)]


def test_each_correction_is_of_an_instance_of_its_own(files):
    big = annotation(1, 10, [0, 0, 90, 78], [(5, 5), (9, 70), (85, 40)])
    small = annotation(2, 10, [30, 20, 40, 40], [(35, 25), (60, 30), (65, 55)])
    (files / 'labeled.json').write_text(json.dumps(content([(10, 'a.png')], [big, small])))
    # All points of either lie in the small one's box, but one fills it better.
    hulls = [
        annotation(8, 1, [32, 22, 28, 28], [(32, 22), (40, 50), (60, 40)]),
        annotation(9, 1, [35, 25, 31, 31], [(35, 25), (60, 30), (66, 56)]),
    ]
    labeled, _ = merged(files, content([(1, 'a.png')], hulls))
    assert [(each['bbox'], each['keypoints'][0]) for each in labeled['annotations']] == [
        (big['bbox'], 32),
        (small['bbox'], 35),
    ]


def test_ids_decide_between_instances_with_the_same_box(files):
    cats = [annotation(number, 10, [0, 0, 40, 40], [(5, 5)] * 3) for number in (1, 2)]
    (files / 'labeled.json').write_text(json.dumps(content([(10, 'a.png')], cats)))
    corrected = [annotation(number, 1, [0, 0, 40, 40], [(number, 9)] * 3) for number in (2, 1)]
    labeled, _ = merged(files, content([(1, 'a.png')], corrected))
    assert [(each['id'], each['keypoints'][0]) for each in labeled['annotations']] == [(1, 1), (2, 2)]


def test_annotations_on_no_image_do_no_harm_where_nobody_corrected_them(files):
    for name in ('unlabeled', 'labeled'):
        changed = json.loads((files / f'{name}.json').read_text())
        changed['annotations'][-1]['image_id'] = 99
        (files / f'{name}.json').write_text(json.dumps(changed))
        shutil.rmtree(files / 'out', ignore_errors=True)
        labeled, _ = merged(files, from_cvat())
        assert 99 not in {each['image_id'] for each in labeled['annotations']}


def test_a_crowd_is_no_instance_to_correct(files):
    crowd = dict(annotation(1, 10, [0, 0, 40, 40]), iscrowd=1)
    (files / 'labeled.json').write_text(json.dumps(content([(10, 'a.png')], [crowd])))
    labeled, _ = merged(files, one_cat_on_each('a.png', box=(7, 7, 23, 23)))
    assert [each['iscrowd'] for each in labeled['annotations']] == [1, 0]


@pytest.mark.parametrize(
    'points, box',
    [
        ([(30, 30)], [27.5, 27.5, 5, 5]),  # A twentieth of the image's longer side.
        ([(0, 0), (99, 79)], [0, 0, 100, 80]),  # Cut at the image's edges.
    ],
)
def test_boxes_around_keypoints_alone_have_an_area_within_the_image(files, points, box):
    hull = [*np.min(points, axis=0).tolist(), *np.ptp(points, axis=0).tolist()]
    corrected = one_cat_on_each('c.png', box=hull, points=points)
    corrected['annotations'][0]['keypoints'] += [0] * (9 - 3 * len(points))
    unlabeled = json.loads((files / 'unlabeled.json').read_text())
    unlabeled['annotations'] = []
    (files / 'unlabeled.json').write_text(json.dumps(unlabeled))
    labeled, _ = merged(files, corrected)
    new = labeled['annotations'][-1]
    assert new['bbox'] == box and new['area'] == box[2] * box[3]


def test_an_image_without_a_size_is_named_where_a_box_needs_it(files, capsys):
    named(files, [(10, 'a.png')], [])
    corrected = one_cat_on_each('d.png', box=(7, 7, 0, 0))
    corrected['images'] = [dict(id=1, file_name='d.png')]
    (files / 'corrected.json').write_text(json.dumps(corrected))
    options = [f'--{name}={files / name}.json' for name in ('labeled', 'corrected')]
    assert merge_labels([*options, '-o', str(files / 'out')]) == 1
    assert 'image d.png has no width and height' in capsys.readouterr().err


def a_task(name, size):
    """What Label Studio exports of an image with a nose."""
    region = dict(id='x', type='keypointlabels', original_width=size[0], original_height=size[1])
    region['value'] = dict(x=20, y=20, keypointlabels=['nose'])
    return [dict(data=dict(file_name=name), annotations=[dict(result=[region])])]


@pytest.mark.parametrize('side', ['labeled', 'unlabeled'])
@pytest.mark.parametrize('made_by', ['coco', 'label studio'])
def test_labels_of_an_image_of_another_size_are_refused(files, side, made_by, capsys):
    name = 'day 1/a.png' if side == 'labeled' else 'b.png'
    if made_by == 'coco':
        corrected = one_cat_on_each(name)
        corrected['images'][0].update(width=200, height=160)
    else:
        corrected = a_task(name, (200, 160))
    merged(files, corrected, code=1)
    assert capsys.readouterr().err == (
        f'error: {files}/corrected.json has labels of {name} with 200x160 pixels, but {files}/{side}.json lists it '
        'with 100x80; label the image of that size, or correct the size that is wrong\n'
    )
    assert not (files / 'out').exists()


def test_sizes_that_were_rounded_are_the_same(files):
    corrected = one_cat_on_each('b.png')
    corrected['images'][0].update(width=99.99999, height=80)
    merged(files, corrected)


@pytest.mark.parametrize('without', ['labeled', 'corrected'])
def test_an_image_of_which_one_file_lists_no_size_is_corrected(files, without):
    contents = dict(labeled=json.loads((files / 'labeled.json').read_text()), corrected=one_cat_on_each('day 1/a.png'))
    contents['corrected']['images'][0].update(width=200, height=160)
    for key in ('width', 'height'):
        del contents[without]['images'][0][key]
    # Nor is that of an image without labels one of labels.
    contents['corrected']['images'].append(dict(id=2, file_name='b.png', width=1, height=1))
    (files / 'labeled.json').write_text(json.dumps(contents['labeled']))
    labeled, _ = merged(files, contents['corrected'])
    assert [each['keypoints'][0] for each in labeled['annotations']] == [7, 60]


def test_all_on_one_side_is_the_same_as_a_split(files):
    """An image that is listed twice is one image, for either tool."""
    twice = json.loads((files / 'labeled.json').read_text())
    twice['images'].append(dict(twice['images'][0], id=11, file_name='./day 1//a.png'))
    twice['annotations'][1]['image_id'] = 11
    (files / 'twice.json').write_text(json.dumps(twice))
    manifest = split_labels(str(files / 'twice.json'), 2, str(files / 'split'))
    assert manifest['labeled']['instances'] == 2 and manifest['unlabeled']['images'] == 0
    with pytest.raises(ValueError, match='so few instances'):
        split_labels(str(files / 'twice.json'), 1, str(files / 'split'))


def wrong_names(corrected):
    corrected['categories'][0]['keypoints'][0] = 'ear'


def two_categories(corrected):
    corrected['categories'].append(dict(corrected['categories'][0], id=5))


def a_point_between_boxes(corrected):
    box = dict(id='b', type='rectanglelabels', original_width=100, original_height=80)
    box['value'] = dict(x=0, y=0, width=10, height=10, rectanglelabels=['cat'])
    point = dict(box, id='p', type='keypointlabels', value=dict(x=90, y=90, keypointlabels=['nose']))
    return [dict(id=8, data=dict(file_name='b.png'), annotations=[dict(result=[box, point])])]


def no_number_in_a_box(corrected):
    corrected['annotations'][0]['bbox'] = [1, 2, None, 3]


def three_numbers_in_a_box(corrected):
    corrected['annotations'][0]['bbox'] = [1, 2, 3]


def no_number_in_keypoints(corrected):
    corrected['annotations'][0]['keypoints'][0] = None


def a_category_without_id(corrected):
    corrected['categories'][0].pop('id')


def an_image_without_name(corrected):
    corrected['images'][0].pop('file_name')


def too_few_numbers(corrected):
    corrected['annotations'][0]['keypoints'] = [3, 3, 2, 5, 5, 2]


def an_image_that_is_not_listed(corrected):
    corrected['annotations'][2]['image_id'] = 99


def test_places_of_joints_that_are_not_visible_are_no_labels_of_which_there_must_be_some(files, capsys):
    corrected = from_cvat()
    for each in corrected['annotations']:
        each['keypoints'] = [value if place % 3 < 2 else 0 for place, value in enumerate(each['keypoints'])]
    predicted = [dict(id=1, data=dict(image='b.png'), annotations=[], predictions=[dict(result=[])])]
    for nothing in (corrected, predicted):
        merged(files, nothing, code=1)
        error = capsys.readouterr().err
        assert f'{files}/corrected.json has no labelled keypoints; submit annotations' in error
        assert not (files / 'out').exists()


@pytest.mark.parametrize(
    'change, told',
    [
        (too_few_numbers, 'keypoints must be 9 finite numbers'),
        (no_number_in_a_box, 'bbox must be 4 finite numbers, not [1, 2, None, 3]'),
        (three_numbers_in_a_box, 'annotation 1: bbox must be 4 finite numbers'),
        (no_number_in_keypoints, 'keypoints must be 9 finite numbers'),
        (a_category_without_id, 'category with keypoints has no id'),
        (an_image_without_name, 'image 1 has no file_name'),
        (an_image_that_is_not_listed, 'annotation 3 names image 99, which the file does not list'),
        (wrong_names, "no keypoint 'tail'"),
        (two_categories, 'one category'),
        (lambda corrected: dict(images=[]), "COCO's format"),
        (a_point_between_boxes, 'task 8'),
        (lambda corrected: [dict(data=dict(text='x'), annotations=[dict(result=[])])], 'no image'),
    ],
)
def test_what_cannot_be_merged_is_said_in_one_line(files, change, told, capsys):
    corrected = copy.deepcopy(from_cvat())
    corrected = change(corrected) or corrected
    merged(files, corrected, code=1)
    error = capsys.readouterr().err
    assert len(error.strip().splitlines()) == 1 and told in error and 'corrected.json' in error
    assert not (files / 'out').exists()
