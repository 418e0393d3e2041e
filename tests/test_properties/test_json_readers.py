# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Whatever a JSON file holds: it is read, or one line says which file it is and what is wrong."""

import copy
import json
from pathlib import Path
from tempfile import mkdtemp

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpose_dualteach.datasets import UnlabeledPoseDataset
from mmpose_dualteach.datasets.checks import build_labeled, check_labeled, read_json
from mmpose_dualteach.prepare.split import split_labels
from mmpose_dualteach.utils.progress_file import Progress

plain = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 3),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from([10**30, 10**400, -1, 1e308, '\ud800', 'a\nb', '../x.jpg', '0.jpg', 'x' * 5000]),
)
values = st.recursive(
    plain,
    lambda inside: (
        st.lists(inside, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ['images', 'annotations', 'categories', 'id', 'image_id', 'bbox', 'image', 'center', 'scale', 'a']
            ),
            inside,
            max_size=4,
        )
    ),
    max_leaves=12,
)
PERSON = dict(
    id=1,
    image_id=1,
    category_id=1,
    bbox=[1, 2, 30, 40],
    area=1200,
    iscrowd=0,
    num_keypoints=17,
    keypoints=[5, 6, 2] * 17,
    score=0.9,
)
COCO = dict(
    images=[dict(id=1, file_name='0.jpg', width=60, height=50), dict(id=2, file_name='1.jpg')],
    annotations=[PERSON, dict(PERSON, id=2, image_id=2)],
    categories=[dict(id=1, name='person', keypoints=['nose'])],
)
DETECTIONS = [dict(image_id=1, category_id=1, bbox=[1, 2, 30, 40], score=0.9)]
MPII = [dict(image='0.jpg', center=[30, 20], scale=1.5, joints=[[1.0, 2.0]] * 16, joints_vis=[1] * 16)]
WHOLE = dict(
    COCO,
    annotations=[
        dict(
            PERSON,
            face_box=[1, 2, 9, 9],
            face_valid=True,
            lefthand_box=[1, 2, 9, 9],
            lefthand_valid=True,
            righthand_box=[3, 2, 9, 9],
            righthand_valid=False,
            foot_kpts=[1] * 18,
            face_kpts=[1] * 204,
            lefthand_kpts=[1] * 63,
            righthand_kpts=[1] * 63,
            foot_valid=True,
        )
    ],
)
CIRCLE = dict(COCO, annotations=[dict(PERSON, center=[30.0, 20.0], scale=0.3)])


@st.composite
def spoilt(draw, whole):
    """A file with something else in one or two of its places."""
    content = copy.deepcopy(whole)
    for _ in range(draw(st.integers(1, 2))):
        inside, key = None, None
        here = content
        while isinstance(here, (dict, list)) and here and (inside is None or draw(st.integers(0, 4))):
            keys = sorted(here) if isinstance(here, dict) else range(len(here))
            inside, key = here, draw(st.sampled_from(keys))
            here = inside[key]
        if inside is None:
            return draw(values)
        if draw(st.booleans()) and isinstance(inside, dict):
            del inside[key]
        else:
            inside[key] = draw(values)
    return content


@pytest.fixture(scope='module')
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp('json')


def write(folder: Path, content) -> str:
    (folder / 'spoilt.json').write_text(json.dumps(content), encoding='utf-8')
    return str(folder / 'spoilt.json')


def read_or_told(call, name: str = 'spoilt.json'):
    """Calls; answers the result, or None where one line told what is wrong with the file."""
    try:
        return call()
    except (ValueError, FileNotFoundError) as error:
        told = str(error)
        assert type(error) in (ValueError, FileNotFoundError), f'{type(error)}: {told}'
        assert len(told.splitlines()) == 1, told
        assert name in told and len(told) < 2000, told
        told.encode()
        return None


def everyone(dataset) -> list:
    return [dataset.get_data_info(number) for number in range(len(dataset))]


@pytest.mark.parametrize(
    'whole, options',
    [
        (COCO, dict()),
        (COCO, dict(category='person', min_area=5.0)),
        (CIRCLE, dict(dataset_type='Face300WDataset')),
        (WHOLE, dict(dataset_type='CocoWholeBodyDataset')),
        (WHOLE, dict(dataset_type='CocoWholeBodyFaceDataset')),
        (WHOLE, dict(dataset_type='CocoWholeBodyHandDataset')),
        (COCO, dict(dataset_type='JhmdbDataset')),
        (COCO, dict(dataset_type='AP10KDataset')),
        (MPII, dict(dataset_type='MpiiDataset')),
        (MPII, dict()),
    ],
    ids=lambda value: value.get('dataset_type', ' '.join(value)) if isinstance(value, dict) else 'list',
)
@given(data=st.data())
@settings(max_examples=30)
def test_boxes_of_an_annotation_file(folder, whole, options, data):
    path = write(folder, data.draw(spoilt(whole)))
    people = read_or_told(lambda: UnlabeledPoseDataset(ann_file=path, max_broken=1.0, pipeline=[], **options))
    for person in everyone(people) if people else ():
        box = person['bbox'][0]
        assert (box[2:] > box[:2]).all() and person['img_path'].endswith('.jpg') | (len(person['img_path']) > 0)


@given(spoilt(DETECTIONS))
def test_boxes_of_a_detection_file(folder, content):
    path = write(folder, content)
    (folder / 'fine.json').write_text(json.dumps(COCO))
    people = read_or_told(
        lambda: UnlabeledPoseDataset(
            ann_file=str(folder / 'fine.json'), bbox_file=path, bbox_thr=0.3, max_broken=1.0, pipeline=[]
        )
    )
    assert people is None or everyone(people)


@given(values)
def test_anything_as_either_file(folder, content):
    path = write(folder, content)
    (folder / 'fine.json').write_text(json.dumps(COCO))
    for files in (dict(ann_file=path), dict(ann_file=str(folder / 'fine.json'), bbox_file=path)):
        read_or_told(lambda files=files: UnlabeledPoseDataset(max_broken=1.0, pipeline=[], **files))
    read_or_told(lambda: split_labels(path, 1, mkdtemp(dir=folder)))


@pytest.mark.parametrize('whole', [COCO, MPII], ids=['COCO', 'MPII'])
@given(data=st.data())
def test_splits(folder, whole, data):
    path = write(folder, data.draw(spoilt(whole)))
    share_images = data.draw(st.booleans())
    read_or_told(lambda: split_labels(path, 1, mkdtemp(dir=folder), share_images=share_images))


@pytest.mark.parametrize(
    'whole, kind',
    [(COCO, 'CocoDataset'), (CIRCLE, 'Face300WDataset'), (WHOLE, 'CocoWholeBodyDataset'), (MPII, 'MpiiDataset')],
)
@given(data=st.data())
@settings(max_examples=30)
def test_labels(folder, whole, kind, data):
    path = write(folder, data.draw(spoilt(whole)))

    def read():
        dataset = build_labeled(dict(type=kind, ann_file=path, data_prefix=dict(img=''), pipeline=[]))
        check_labeled(dataset)

    try:
        read_or_told(read)
    except AssertionError as error:
        if not str(error).startswith('labelled image '):  # Is told by its own name.
            raise


@given(st.binary(max_size=40) | st.text(max_size=40).map(lambda text: text.encode('utf-8', 'surrogatepass')))
def test_bytes_that_are_no_json(folder, content):
    (folder / 'spoilt.json').write_bytes(content)
    read_or_told(lambda: read_json(str(folder / 'spoilt.json')))


@pytest.mark.parametrize(
    'content',
    [
        '[' * 200000,
        '{"a":' * 200000,
        '[' * 900 + ']' * 900,
        '"' + 'x' * 10**7,
        '1' * 10**6,
        '[' + '0,' * 10**6,
        '\ufeff{}',
        '{"images": [], "images": 1}',
        '[NaN, Infinity, -Infinity, 1e999]',
        '',
        ' ',
        '\0',
        'nul',
        '{"images": [{"id": 1, "file_name": "' + 'a' * 10**6 + '"}], "annotations": [{"image_id": 1, "bbox": [1, 2]}]}',
        '{"images": ' + '[' * 900 + ']' * 900 + ', "annotations": [' + '{"a": ' * 900 + '1' + '}' * 900 + ']}',
    ],
    ids=lambda text: text[:12] or 'nothing',
)
def test_huge_and_deep_files(tmp_path, content):
    (tmp_path / 'spoilt.json').write_text(content, encoding='utf-8')
    path = str(tmp_path / 'spoilt.json')
    for call in (
        lambda: UnlabeledPoseDataset(ann_file=path, pipeline=[]),
        lambda: UnlabeledPoseDataset(bbox_file=path, data_prefix=dict(img=str(tmp_path)), pipeline=[]),
        lambda: split_labels(path, 1, str(tmp_path / 'sides')),
        lambda: build_labeled(dict(type='CocoDataset', ann_file=path, data_prefix=dict(img=''), pipeline=[])),
    ):
        assert read_or_told(call) is None


@given(st.lists(values, max_size=4), st.booleans())
def test_progress_of_an_interrupted_detection(folder, lines, ended):
    made_by = dict(source='x')
    text = '\n'.join(json.dumps(line) for line in [made_by, *lines]) + ('\n' if ended else '')
    (folder / 'boxes.json.part').write_text(text)
    read_or_told(lambda: Progress(str(folder / 'boxes.json.part'), made_by), 'boxes.json.part')
