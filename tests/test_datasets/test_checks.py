# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What users get wrong most: each is told in one line, and nothing that MMPose ships is."""

import copy
import json
import os
import re

import cv2
import mmcv
import numpy as np
import pytest
from conftest import ROOT, edit_json, switch
from hypothesis import given
from hypothesis import strategies as st
from mmpose.registry import DATASETS

from mmpose_dualteach.datasets import UnlabeledPoseDataset
from mmpose_dualteach.datasets.checks import (
    boxes,
    build_labeled,
    check_labeled,
    image_paths,
    is_coco,
    labeled_problems,
    layout_problem,
    shared_images,
)
from mmpose_dualteach.datasets.checks import boxes as boxes_module
from mmpose_dualteach.datasets.checks.coco_labels import read_keypoints
from mmpose_dualteach.datasets.sources.images import ImageReader
from mmpose_dualteach.dev.quickstart.drawn_people import KEYPOINTS
from mmpose_dualteach.dev.sweep.samples import MORE_FILES, SAMPLES

MORE_SAMPLES = dict(
    ATRWDataset='atrw/test_atrw.json',
    Face300VWDataset='300vw/anno_300vw.json',
    FlyDataset='fly/test_fly.json',
    Horse10Dataset='horse10/test_horse10.json',
    MacaqueDataset='macaque/test_macaque.json',
    MhpDataset='mhp/test_mhp.json',
    MpiiTrbDataset='mpii/test_mpii_trb.json',
    OCHumanDataset='ochuman/test_ochuman.json',
    PanopticHand2DDataset='panoptic/test_panoptic.json',
)
NAMES = list(KEYPOINTS)
CORNERS = r'seem to be \(left, top, right, bottom\)'


def whole(config):
    return DATASETS.build(config.train_dataloader.dataset)


def with_corners(content):
    """Write right and bottom in place of width and height."""
    for each in content['annotations'] if isinstance(content, dict) else content:
        if len(each.get('bbox', ())) == 4:
            left, top, width, height = each['bbox']
            each['bbox'] = [left, top, left + width, top + height]


def in_shares(content):
    sizes = {image['id']: (image['width'], image['height']) for image in content['images']}
    for each in content['annotations']:
        each['bbox'] = (np.array(each['bbox']) / np.tile(sizes[each['image_id']], 2)).round(4).tolist()


def labelled(people, tmp_path, stock, change):
    return switch(stock, labeled=dict(ann_file=str(edit_json(people / 'train.json', tmp_path / 'labels.json', change))))


def one_line(error) -> bool:
    return len(str(error.value).splitlines()) == 1


# ------------------------------------------------------------------ boxes


@pytest.mark.parametrize('change, message', [(with_corners, CORNERS), (in_shares, 'as if they were shares of the im')])
def test_labelled_boxes_that_are_none_of_cocos_stop_training(people, tmp_path, stock, change, message):
    with pytest.raises(ValueError, match=f'labels.json: .*{message}.*COCO has') as error:
        whole(labelled(people, tmp_path, stock, change))
    assert one_line(error)


@pytest.mark.parametrize('change, message', [(with_corners, CORNERS), (in_shares, 'as if they were shares of the im')])
def test_unlabelled_boxes_that_are_none_of_cocos_stop_training(people, tmp_path, stock, change, message):
    path = edit_json(people / 'train.json', tmp_path / 'boxes.json', change)
    for category in (None, 'person'):
        with pytest.raises(ValueError, match=f'boxes.json: .*{message}') as error:
            whole(switch(stock, unlabeled=dict(ann_file=str(path), category=category)))
    assert one_line(error)


@pytest.mark.parametrize('listed', [True, False])
def test_a_detectors_corners_are_found_whether_sizes_are_listed_or_not(people, tmp_path, listed, monkeypatch):
    content = json.loads((people / 'train.json').read_text())
    names = {image['id']: image['file_name'] for image in content['images']}
    found = [
        dict(
            image_id=each['image_id'] if listed else names[each['image_id']],
            category_id=1,
            bbox=each['bbox'],
            score=0.9,
        )
        for each in content['annotations']
    ]
    options = dict(
        data_root=str(people),
        data_prefix=dict(img='images/'),
        bbox_file=str(tmp_path / 'boxes.json'),
        ann_file='train.json' if listed else '',
        pipeline=[],
    )
    decoded = []
    monkeypatch.setattr(cv2, 'imdecode', lambda *_: decoded.append(1))
    (tmp_path / 'boxes.json').write_text(json.dumps(found))
    assert len(UnlabeledPoseDataset(**options)) == 24
    with_corners(found)
    (tmp_path / 'boxes.json').write_text(json.dumps(found))
    with pytest.raises(ValueError, match=f'boxes.json: .*{CORNERS}'):
        UnlabeledPoseDataset(**options)
    assert not decoded, 'headers are enough'


def test_images_without_a_header_are_not_measured(tmp_path):
    """Corners in images that cannot be read are none that anybody could tell."""
    found = [dict(image_id=f'{n}.jpg', category_id=1, bbox=[50, 50, 90, 90 + n], score=0.9) for n in range(20)]
    for number in range(20):
        (tmp_path / f'{number}.jpg').write_bytes(b'no image')
    (tmp_path / 'boxes.json').write_text(json.dumps(found))
    dataset = UnlabeledPoseDataset(
        bbox_file=str(tmp_path / 'boxes.json'), data_prefix=dict(img=str(tmp_path)), pipeline=[]
    )
    assert len(dataset) == 20


def stock_files(shared_data):
    for path in sorted(
        [
            *(shared_data / 'stock_samples').rglob('*.json'),
            *(shared_data / 'faces').glob('*.json'),
            *(shared_data / 'lspet').glob('*.json'),
            *(shared_data / 'coco_mini').rglob('*.json'),
        ]
    ):
        content = json.loads(path.read_text())
        if is_coco(content):
            yield path, content


def columns(content):
    """Boxes, sizes of their images, and what lies around their labels."""
    listed = [each for each in content['annotations'] if len(each.get('bbox', ())) == 4]
    sides = {image['id']: (image.get('width') or np.inf, image.get('height') or np.inf) for image in content['images']}
    around = read_keypoints([each.get('keypoints') or [0, 0, 0] for each in listed])[2]
    return (
        np.array([each['bbox'] for each in listed], dtype=float).reshape(-1, 4),
        np.array([sides.get(each['image_id'], (np.inf, np.inf)) for each in listed], dtype=float).reshape(-1, 2),
        around,
    )


def test_no_box_that_anybody_ships_is_taken_for_corners_or_shares(shared_data):
    count = found = 0
    for path, content in stock_files(shared_data):
        extents, sizes, around = columns(content)
        for labels in (None, around):
            assert layout_problem(extents, sizes, labels) is None, path
            # Nor are parts of them, which small data sets may be.
            for start in range(0, len(extents), 10):
                part = slice(start, start + 10)
                assert layout_problem(extents[part], sizes[part], None if labels is None else labels[part]) is None
        with_corners(content)
        extents, sizes, around = columns(content)
        count += len(extents) > 20
        found += len(extents) > 20 and all(layout_problem(extents, sizes, labels) for labels in (None, around))
    assert found == count > 5, 'every larger set with corners is'


@given(st.integers(0, 2**31), st.floats(0.2, 1.0), st.floats(1.0, 2.0), st.integers(1, 60), st.booleans())
def test_right_boxes_that_reach_over_the_edge_are_none(seed, size, enlarged, count, clip):
    """Instances anywhere on their images, whose boxes have been enlarged and reach out of them on any side."""
    random = np.random.default_rng(seed)
    sides = random.integers(50, 500, (count, 2)).astype(float)
    extent = sides * size * random.uniform(0.5, 1, (count, 2))
    start = random.uniform(0, 1, (count, 2)) * (sides - extent)
    around = np.concatenate([start + 0.1 * extent, start + 0.9 * extent], axis=1)
    extents = np.concatenate([start - extent * (enlarged - 1) / 2, extent * enlarged], axis=1)
    if clip:
        extents = np.concatenate(
            [
                np.clip(extents[:, :2], 0, None),
                np.clip(extents[:, :2] + extents[:, 2:], 0, sides) - np.clip(extents[:, :2], 0, None),
            ],
            axis=1,
        )
    assert layout_problem(extents, sides, around) is None
    corners = np.concatenate([start, start + extent], axis=1)
    told = layout_problem(corners, sides, around)
    assert told or count < 10 or size > 0.7, 'and smaller ones with corners are found'


def test_boxes_of_a_users_own_class_are_its_own_matter(people, tmp_path, stock):
    from mmpose.datasets import CocoDataset

    @DATASETS.register_module(force=True)
    class CornersDataset(CocoDataset):
        def parse_data_info(self, raw):
            left, top, right, bottom = raw['raw_ann_info']['bbox']
            raw['raw_ann_info'] = dict(raw['raw_ann_info'], bbox=[left, top, right - left, bottom - top])
            return super().parse_data_info(raw)

    path = str(edit_json(people / 'train.json', tmp_path / 'labels.json', with_corners))
    right = whole(switch(stock)).datasets[1]
    stock['train_dataloader']['dataset']['type'] = 'CornersDataset'
    dataset = whole(switch(stock, labeled=dict(ann_file=path), unlabeled=path)).datasets[1]
    assert len(dataset) == 24
    assert np.allclose(dataset.get_data_info(3)['bbox'], right.get_data_info(3)['bbox'], atol=0.1)


def test_no_boxes_at_all_are_not_taken_for_shares():
    nothing = np.zeros((30, 4))
    assert layout_problem(nothing, np.full((30, 2), 100.0)) is None
    assert layout_problem(nothing + np.nan, np.full((30, 2), 100.0)) is None
    assert boxes.layout_problem(np.zeros((0, 4)), np.zeros((0, 2)), np.zeros((0, 4))) is None


# ------------------------------------------------------------------ keypoints


def renamed(*swapped):
    def change(content):
        names = NAMES.copy()
        for one, other in swapped:
            one, other = names.index(one), names.index(other)
            names[one], names[other] = names[other], names[one]
        content['categories'][0]['keypoints'] = [name.replace('_', ' ').title() for name in names]

    return change


def test_another_order_of_names_than_the_metainfos_stops_training(people, tmp_path, stock):
    assert whole(labelled(people, tmp_path, stock, renamed())).num_labeled == 24
    with pytest.raises(
        ValueError,
        match="labels.json: its categories list keypoint 'Left Eye' as number 2, the config'"
        r's metainfo as number 1 \(counted from 0\); give the labelled',
    ) as error:
        whole(labelled(people, tmp_path, stock, renamed(('left_eye', 'right_eye'), ('left_hip', 'right_hip'))))
    assert one_line(error)


@pytest.mark.parametrize(
    'names',
    [[str(number) for number in range(1, 18)], NAMES[:16], None, 7, [None] * 17, [['a']] * 17, ['tail', *NAMES[1:]]],
)
def test_other_names_than_the_metainfos_are_no_other_order(people, tmp_path, stock, names):
    def change(content):
        content['categories'][0]['keypoints'] = names

    assert whole(labelled(people, tmp_path, stock, change)).num_labeled == 24


def test_points_that_are_only_counted_may_be_counted_from_1(people, tmp_path):
    def change(content):
        content['categories'][0]['keypoints'] = [f'kpt-{number + 1}' for number in range(68)]
        for each in content['annotations']:
            each.update(keypoints=[5, 6, 2] * 68, center=[30, 40], scale=0.3)

    path = edit_json(people / 'train.json', tmp_path / 'labels.json', change)
    dataset = DATASETS.build(dict(type='Face300WDataset', ann_file=str(path), data_prefix=dict(img=''), pipeline=[]))
    assert dataset.metainfo['keypoint_id2name'][1] == 'kpt-1' and not labeled_problems(dataset)[0]


def test_a_number_of_keypoints_that_is_not_the_metainfos_stops_training(people, tmp_path, stock):
    def fewer(content):
        for each in content['annotations'][5:]:
            each['keypoints'] = each['keypoints'][:42]

    with pytest.raises(
        ValueError,
        match='labels.json: annotation 6 has 14 keypoints, the metainfo of CocoDataset has '
        '17; give the labelled dataset the metainfo',
    ) as error:
        whole(labelled(people, tmp_path, stock, fewer))
    assert one_line(error)


def stock_sets(samples):
    """Every stock class on a sample of its own data."""
    files = dict({kind: file for kind, (file, _) in SAMPLES.items()}, **MORE_SAMPLES)
    for kind, file in sorted(files.items()):
        if DATASETS.get(kind) is None:  # In MMPose 1.2.
            continue
        more = {key: str(samples / name) for key, name in MORE_FILES.get(kind, {}).items()}
        if kind == 'DeepFashionDataset':
            more['subset'] = 'full'
        yield DATASETS.build(
            dict(
                type=kind,
                ann_file=str(samples / file),
                pipeline=[],
                data_prefix=dict(img=str(samples / file.split('/')[0])),
                **more,
            )
        )


def test_nothing_is_wrong_with_data_that_mmpose_ships_for_its_classes(shared_data):
    count = 0
    for dataset in stock_sets(shared_data / 'stock_samples'):
        problems, paths = labeled_problems(dataset)
        assert not problems and paths, type(dataset).__name__
        count += 1
    assert count >= (37 if DATASETS.get('ExlposeDataset') else 35)  # MMPose 1.2 has fewer.
    metainfo = dict(from_file=str(ROOT / 'configs' / 'lspet' / 'lspet_keypoints.py'))
    for kind, name, more in (('CocoDataset', 'lspet', dict(metainfo=metainfo)), ('Face300WDataset', 'faces', {})):
        dataset = DATASETS.build(
            dict(
                type=kind,
                data_root=str(shared_data / name),
                ann_file='val.json',
                pipeline=[],
                data_prefix=dict(img='images/'),
                **more,
            )
        )
        assert not labeled_problems(dataset)[0]


# ------------------------------------------------------------------ categories


def test_a_category_that_is_not_listed_stops_training(people, tmp_path, stock):
    def wrong(content):
        content['annotations'][4]['category_id'] = 7

    with pytest.raises(ValueError, match='labels.json: annotation 5 has category_id 7, the categories of the file are'):
        whole(labelled(people, tmp_path, stock, wrong))

    def unlisted(content):
        wrong(content)
        content['categories'] = []

    assert whole(labelled(people, tmp_path, stock, unlisted)).num_labeled == 24


def test_unlabelled_boxes_of_a_category_that_is_not_listed_are_skipped_and_counted(people, tmp_path, stock):
    def wrong(content):
        for each in content['annotations'][:2]:
            each['category_id'] = 7

    path = str(edit_json(people / 'train.json', tmp_path / 'boxes.json', wrong))
    dataset = whole(switch(stock, unlabeled=path)).datasets[1]
    assert len(dataset) == 22
    assert dataset.load_report.broken == {'category_id 7 is none of those that the file lists': 2}
    assert len(whole(switch(stock, unlabeled=dict(ann_file=path, category=[1, 7]))).datasets[1]) == 24, 'asked for'
    path = str(edit_json(people / 'train.json', tmp_path / 'boxes.json', lambda c: c['categories'][0].update(id=3)))
    with pytest.raises(ValueError, match='boxes.json.*category_id 1 is none of those'):
        whole(switch(stock, unlabeled=path))


# ------------------------------------------------------------------ images


def test_images_that_are_in_several_sets_are_told(tmp_path):
    real = tmp_path / 'real'
    real.mkdir()
    os.symlink(real, tmp_path / 'linked')
    for name in 'abc':
        (real / f'{name}.jpg').write_bytes(name.encode())
    os.symlink(real / 'c.jpg', tmp_path / 'other.jpg')
    labelled, unlabelled = [str(real / 'a.jpg'), str(real / 'c.jpg')], [str(tmp_path / 'linked' / 'a.jpg')] * 2
    (line,) = shared_images(dict(labelled=labelled, unlabelled=unlabelled))
    assert line.startswith(f'1 of 2 labelled images are unlabelled images too, for instance {real}/a.jpg ({tmp_path}/')
    lines = shared_images(
        dict(labelled=labelled, unlabelled=[str(real / 'b.jpg')]),
        dict(validation=[str(tmp_path / 'other.jpg'), 's3://x/a.jpg'], test=[str(real / 'b.jpg')]),
    )
    assert [line.split(', ')[0] for line in lines] == [
        '1 of 2 labelled images are validation images too',
        '1 of 1 unlabelled images are test images too',
    ]
    assert 'scores on them say little about new images; take them out of the labelled set' in lines[0]
    assert not shared_images(dict(labelled=['s3://x/a.jpg']), dict(test=['s3://y/a.jpg', 'a.jpg']))
    copies = {str(real / 'a.jpg'): b'1', str(real / 'b.jpg'): b'1'}
    assert shared_images(dict(labelled=labelled), dict(test=[str(real / 'b.jpg')]), copies)
    assert not shared_images(dict(labelled=labelled), dict(test=[str(real / 'b.jpg')]))


@pytest.fixture
def log(monkeypatch):
    """What is logged while a data set is built."""
    from mmpose_dualteach.datasets.datasets import labeled_unlabeled_dataset

    lines = []
    monkeypatch.setattr(labeled_unlabeled_dataset, 'print_log', lambda line, **_: lines.append(line))
    return lines


def test_labelled_images_that_are_unlabelled_ones_too_are_told_at_the_start(people, stock, log):
    dataset = whole(switch(stock))
    assert len(log) == 1 and log[0].startswith('8 of 8 labelled images are unlabelled images too')
    held_out = image_paths(DATASETS.build(dict(stock['val_dataloader']['dataset'], pipeline=[])))
    assert len(held_out) == 6 and not shared_images(dataset.image_paths, dict(validation=held_out))
    assert len(dataset.image_paths['labelled']) == 8 and len(dataset.image_paths['unlabelled']) == 24
    assert len(image_paths(dataset)) == 24
    log.clear()
    whole(switch(stock, unlabeled='val.json'))
    assert not log


def test_a_labelled_image_that_does_not_load_is_named_when_it_is_drawn(copied, stock):
    stock['train_dataloader']['dataset']['data_root'] = str(copied)
    dataset = whole(switch(stock))
    path = dataset.datasets[0].get_data_info(3)['img_path']
    for spoil, reason in ((lambda: os.truncate(path, 100), 'does not decode'), (lambda: os.remove(path), 'is missing')):
        spoil()
        with pytest.raises(
            ValueError,
            match=f'^labelled image {path}: {reason}; mend it or take it out of the annotati'
            'on file; tools/check_data.py finds all of them$',
        ) as error:
            dataset[3]
        assert error.value.__cause__ is not None
    assert dataset[4]['inputs']['labeled'] is not None


def test_a_fault_of_the_labelled_pipeline_is_not_blamed_on_the_image(people, stock):
    dataset = whole(switch(stock))

    def broken(info):
        raise RuntimeError('my own fault')

    dataset.pipeline = broken
    with pytest.raises(RuntimeError, match='my own fault'):
        dataset[3]


def test_labelled_images_are_not_decoded_at_the_start(copied, stock, monkeypatch):
    def decoded(*_, **__):
        raise AssertionError('decoded')

    monkeypatch.setattr(mmcv, 'imfrombytes', decoded)
    monkeypatch.setattr(ImageReader, 'read', decoded)
    labels = build_labeled(dict(stock['train_dataloader']['dataset'], data_root=str(copied), pipeline=[]))
    assert len(check_labeled(labels)) == 24
    (copied / 'images' / 'train_00000.jpg').unlink()
    with pytest.raises(ValueError, match='train_00000.jpg: is missing; bring it back or take it out of'):
        check_labeled(labels)


@given(
    st.lists(
        st.lists(st.floats(-9, 99) | st.just(float('nan')), max_size=9)
        | st.none()
        | st.text(max_size=3)
        | st.just([[1, 2, 2], [3, 4, 0]])
        | st.just([10**400, 1, 2]),
        max_size=8,
    )
)
def test_keypoints_of_many_are_those_of_each(values):
    together = read_keypoints(copy.deepcopy(values))
    for number, value in enumerate(values):
        for whole_column, own in zip(together, read_keypoints([value])):
            assert np.array_equal(whole_column[number], own[0], equal_nan=True)
    for labelled_one, finite, value in zip(*together[:2], values):
        if isinstance(value, list) and value and len(value) % 3 == 0 and all(isinstance(each, float) for each in value):
            assert finite == np.isfinite(value).all() and labelled_one == bool(np.any(value))


def test_joints_may_all_lie_in_the_upper_left_of_right_boxes(monkeypatch):
    """A head's joints, and boxes of whole animals that look to the left."""
    told = []
    monkeypatch.setattr(boxes_module, 'print_log', lambda line, **_: told.append(line))
    rng = np.random.default_rng(0)
    start = rng.uniform(8, 12, (20, 2))
    boxes = np.concatenate([start, np.full((20, 2), 40.0)], axis=1)
    joints = np.concatenate([start, start + 22], axis=1)
    assert layout_problem(boxes, np.full((20, 2), 60.0), joints) is None
    assert len(told) == 1 and 'boxes of labels would fit their keypoints better' in told[0], 'and not in silence'
    assert re.search(CORNERS, layout_problem(boxes, np.full((20, 2), 45.0), joints)), 'where they reach out of images'
