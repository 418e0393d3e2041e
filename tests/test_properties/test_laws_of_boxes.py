# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Laws of what reads boxes, for any boxes, ids and names."""

import json
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmpose.registry import DATASETS

from mmpose_dualteach.datasets import UnlabeledPoseDataset
from mmpose_dualteach.datasets.box_arrays import as_numbers
from mmpose_dualteach.datasets.checks import box_problem, boxes_are_usable
from mmpose_dualteach.datasets.sources.files import leads_outside
from mmpose_dualteach.datasets.sources.instance_index import InstanceIndex, PackedStrings, packed
from mmpose_dualteach.prepare.split import split_labels

numbers = st.one_of(st.floats(-50, 250), st.integers(-50, 250), st.sampled_from([0, 1e-3, float('nan'), float('inf')]))
extents = st.lists(numbers, min_size=4, max_size=4)
anything = st.one_of(
    extents,
    st.none(),
    st.text(max_size=3),
    st.lists(numbers, max_size=5),
    st.booleans(),
    numbers,
    st.dictionaries(st.text(max_size=2), numbers, max_size=2),
    st.lists(extents, max_size=4),
    st.just(10**400),
)
ids = st.one_of(st.integers(-(2**70), 2**70), st.text(max_size=5))


@given(st.lists(st.text(st.characters(), max_size=10)))
def test_names_come_out_as_they_went_in(names):
    kept = PackedStrings(names)
    assert [kept[number] for number in range(len(kept))] == names


@given(st.lists(ids, max_size=20))
def test_ids_come_out_as_they_went_in(some):
    people = InstanceIndex(['a.jpg'] * len(some), some, ids=some)
    assert [people[number]['id'] for number in range(len(people))] == some
    assert [people[number]['img_id'] for number in range(len(people))] == some
    assert [type(each) for each in some] == [type(people[number]['id']) for number in range(len(people))]
    assert len(packed(some)) == len(some)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=20), st.data())
def test_a_part_of_a_part_has_the_instances_it_should(images, data):
    whole = InstanceIndex(
        [f'{number}.jpg' for number in range(5)],
        list(range(5)),
        np.array(images),
        boxes=dict(bbox=np.arange(4.0 * len(images), dtype=np.float32).reshape(-1, 4)),
    )
    rows = list(range(len(images)))
    part = whole
    for _ in range(2):
        chosen = data.draw(st.lists(st.integers(0, len(rows) - 1), min_size=1)) if rows else []
        part, rows = part[chosen], [rows[each] for each in chosen]
    assert len(part) == len(rows)
    for number, row in enumerate(rows):
        person = part[number]
        assert person['id'] == row and person['img_path'] == f'{images[row]}.jpg'
        assert person['bbox'][0, 0] == 4 * row
        person['bbox'] += 1
        assert part[number]['bbox'][0, 0] == 4 * row, 'nobody writes into the index'
    assert part.image_of_each.tolist() == [images[row] for row in rows]


@given(st.lists(anything, max_size=12), st.integers(1, 5))
def test_numbers_of_many_are_those_of_each(values, count):
    found = as_numbers(values, count)
    assert found.shape == (len(values), count)
    for row, value in zip(found, values):
        assert np.array_equal(row, as_numbers([value], count)[0], equal_nan=True)
        if isinstance(value, list) and len(value) == count and all(type(each) in (int, float) for each in value):
            finite = np.isfinite(value)
            assert (row[finite] == np.array(value, dtype=np.float64)[finite]).all()
        elif not isinstance(value, (list, int, float)):
            assert np.isnan(row).all()


@given(st.lists(extents, max_size=12), st.data())
def test_boxes_are_judged_alike_one_by_one_and_together(boxes, data):
    side = st.one_of(st.none(), st.integers(1, 200))
    sizes = [(data.draw(side), data.draw(side)) for _ in boxes]
    known = np.array([[each or np.inf for each in size] for size in sizes]).reshape(-1, 2)
    together = boxes_are_usable(np.array(boxes, dtype=np.float64).reshape(-1, 4), known)
    assert together.tolist() == [box_problem(box, *size) is None for box, size in zip(boxes, sizes)]


@given(st.text(max_size=12) | st.sampled_from(['a/../b', '../a', 'a/../../b', '/a', 'http://a', 'a\0b', './a', '..']))
def test_a_name_stays_in_the_folder_or_is_told(name):
    problem = leads_outside(name, allow_absolute=False)
    if problem is None:
        import os.path as osp

        inside = osp.normpath(osp.join('/folder', name))
        assert inside == '/folder' or inside.startswith('/folder/')


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp('boxes')


@st.composite
def coco(draw):
    """A file in COCO's format, some of whose boxes cannot be used."""
    width, height = draw(st.integers(2, 200)), draw(st.integers(2, 200))
    images = [
        dict(id=number, file_name=f'{number}.jpg', width=width, height=height)
        for number in range(draw(st.integers(1, 3)))
    ]
    boxes = [
        dict(
            id=number,
            image_id=draw(st.integers(0, 3)),
            category_id=1,
            bbox=draw(anything),
            iscrowd=0,
            num_keypoints=1,
            keypoints=[1.0] * 51,
        )
        for number in range(draw(st.integers(0, 8)))
    ]
    boxes.append(
        dict(
            id=99,
            image_id=0,
            category_id=1,
            bbox=[0, 0, width, height],
            iscrowd=0,
            num_keypoints=1,
            keypoints=[1.0] * 51,
        )
    )
    return dict(images=images, annotations=boxes, categories=[dict(id=1, name='person')])


@given(coco())
def test_every_usable_box_becomes_an_instance_as_the_stock_dataset_has_it(folder, content):
    path = folder / 'boxes.json'
    path.write_text(json.dumps(content))
    people = UnlabeledPoseDataset(ann_file=str(path), max_broken=1.0, pipeline=[])
    usable, seen = [], set()
    for box in content['annotations']:
        size = content['images'][0]['width'], content['images'][0]['height']
        if box['image_id'] < len(content['images']) and box_problem(box['bbox'], *size) is None:
            usable.append(box)
    found = {people[number]['id']: people[number] for number in range(len(people))}
    path.write_text(json.dumps(dict(content, annotations=usable)))
    stock = DATASETS.build(dict(type='CocoDataset', ann_file=str(path), data_prefix=dict(img=''), pipeline=[]))
    assert len(stock) == len(usable), 'stock datasets drop none of them'
    for number in range(len(stock)):
        person = stock.get_data_info(number)
        same = (person['img_id'], *person['bbox'][0].tolist())
        assert (person['id'] in found) == (same not in seen), 'once each'
        seen.add(same)
        if person['id'] in found:
            assert np.array_equal(found[person['id']]['bbox'], person['bbox'])
            assert found[person['id']]['img_path'] == person['img_path']
    broken = sum(people.load_report.broken.values())
    assert broken == len(content['annotations']) - len(usable)
    assert len(found) <= len(usable) and 99 in found or len(seen) < len(usable)


@given(coco(), st.floats(0.01, 50), st.integers(0, 2**31), st.booleans())
def test_a_split_keeps_everyone_on_one_side(folder, content, labeled, seed, share_images):
    path = folder / 'split.json'
    path.write_text(json.dumps(content))
    output = mkdtemp(dir=folder)
    try:
        manifest = split_labels(str(path), labeled, output, seed, share_images=share_images)
    except ValueError as error:
        assert 'split.json' in str(error) and len(str(error).splitlines()) == 1
        return
    sides = {side: json.loads((Path(output) / f'{side}.json').read_text()) for side in ('labeled', 'unlabeled')}
    ids = {side: [person['id'] for person in part['annotations']] for side, part in sides.items()}
    assert sorted(ids['labeled'] + ids['unlabeled']) == sorted(person['id'] for person in content['annotations'])
    assert not any('keypoints' in person for person in sides['unlabeled']['annotations'])
    on = {side: {person['image_id'] for person in part['annotations']} for side, part in sides.items()}
    assert share_images or not on['labeled'] & on['unlabeled']
    assert len(ids['labeled']) == manifest['labeled']['instances_with_labels'] <= manifest['asked_for']
