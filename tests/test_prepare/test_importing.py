# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Labels of other tools arrive where they were, and a config that trains on them is written."""

import csv
import json
import shutil

import numpy as np
import pytest
from conftest import ROOT, tool
from mmengine.config import Config
from mmpose.registry import DATASETS

from mmpose_dualteach.prepare.importing.deeplabcut import read_table
from mmpose_dualteach.prepare.importing.metainfo import swaps_of
from mmpose_dualteach.switch import mutual_teaching

import_labels = tool('import_labels')
JOINTS = ['nose', 'ear_left', 'ear_right', 'tail']
BASE = str(ROOT / 'configs' / 'quickstart' / 'td-hm_res18_1xb16-14e_drawn-64x96.py')
IMAGES = [f'img{number:03}.jpg' for number in range(6)]


def points(number: int) -> np.ndarray:
    """Where the joints are; the tail is not labelled on every second image."""
    found = np.array([[10.25, 12.5], [8, 20], [14, 21], [11, 40]]) + number
    return np.where((np.arange(4) == 3)[:, None] & (number % 2 == 1), np.nan, found)


@pytest.fixture
def project(tmp_path, people):
    """A DeepLabCut project with one video."""
    folder = tmp_path / 'mouse' / 'labeled-data' / 'clip'
    folder.mkdir(parents=True)
    for name, image in zip(IMAGES, sorted((people / 'images').iterdir())):
        shutil.copy(image, folder / name)
    (tmp_path / 'mouse' / 'config.yaml').write_text('scorer: me\nskeleton:\n- [nose, tail]\n- [nose, unknown]\n')
    return tmp_path / 'mouse'


def write_table(path, index, header, values):
    """A table as pandas writes it, whose names of images take some columns."""
    with open(path, 'w', newline='') as file:
        writer = csv.writer(file)
        for name, row in header.items():
            writer.writerow([name, *[''] * (len(index[0]) - 1), *row])
        for names, row in zip(index, values):
            writer.writerow([*names, *['' if np.isnan(value) else value for value in row]])


def single(path, columns):
    index = [['labeled-data', 'clip', name] if columns == 3 else [f'labeled-data/clip/{name}'] for name in IMAGES]
    header = dict(scorer=['me'] * 8, bodyparts=[name for name in JOINTS for _ in 'xy'], coords=['x', 'y'] * len(JOINTS))
    write_table(path, index, header, [points(number).ravel() for number in range(len(IMAGES))])


def joints_of(folder):
    """Keypoints by image of what was imported."""
    found = {}
    for part in ('train', 'val'):
        content = json.loads((folder / f'{part}.json').read_text())
        names = {image['id']: image['file_name'] for image in content['images']}
        for each in content['annotations']:
            found.setdefault(names[each['image_id']], []).append(np.reshape(each['keypoints'], (-1, 3)))
    return found


@pytest.mark.parametrize('columns', [1, 3])
def test_a_deeplabcut_project_becomes_a_config_that_trains(project, tmp_path, columns, capsys):
    single(project / 'labeled-data' / 'clip' / 'CollectedData_me.csv', columns)
    out = tmp_path / 'out'
    assert import_labels([str(project), '-o', str(out), '--val', '0.34', '--base', BASE]) == 0
    told = capsys.readouterr().out
    assert '4 instances on 4 images to learn from, 2 on 2 for validation; 4 joints' in told
    assert 'mirrored pairs: ear_left/ear_right' in told
    found = joints_of(out)
    assert len(found) == 6
    for number, name in enumerate(IMAGES):
        (joints,) = found[f'labeled-data/clip/{name}']
        expected = points(number)
        known = np.isfinite(expected).all(axis=1)
        assert (joints[:, 2] == np.where(known, 2, 0)).all()
        np.testing.assert_allclose(joints[known, :2], expected[known], atol=1e-3)

    config = Config.fromfile(out / 'stock.py')
    assert config.model.head.out_channels == 4
    dataset = DATASETS.build(config.train_dataloader.dataset)
    assert dataset.metainfo['flip_indices'] == [0, 2, 1, 3] and dataset.metainfo['skeleton_links'] == [(0, 3)]
    assert len(dataset) == 4 and dataset[0]['inputs'].shape == (3, 96, 64)
    info = DATASETS.build(config.val_dataloader.dataset).get_data_info(0)
    left, top, right, bottom = info['bbox'][0]
    known = info['keypoints'][0][info['keypoints_visible'][0] > 0]
    assert (known >= [left, top]).all() and (known <= [right, bottom]).all()
    assert config.val_evaluator[0].type == 'PCKAccuracy'
    switched = mutual_teaching(config, unlabeled=str(project / 'labeled-data'))
    assert len(DATASETS.build(switched['train_dataloader']['dataset'])) == 4 + 6


def test_several_animals_and_what_belongs_to_none(project, tmp_path):
    table = project / 'labeled-data' / 'clip' / 'CollectedData_me.csv'
    columns = [('one', 'nose'), ('one', 'tail'), ('two', 'nose'), ('two', 'tail'), ('single', 'corner')]
    header = dict(
        scorer=['me'] * 10,
        individuals=[individual for individual, _ in columns for _ in 'xy'],
        bodyparts=[name for _, name in columns for _ in 'xy'],
        coords=['x', 'y'] * len(columns),
    )
    rows = np.arange(60, dtype=float).reshape(6, 10)
    rows[0, 4:8] = np.nan  # The second animal is not there.
    rows[1, :2] = np.nan
    write_table(table, [['labeled-data', 'clip', name] for name in IMAGES], header, rows)
    assert import_labels([str(table), '-o', str(tmp_path / 'out'), '--base', BASE]) == 0
    found = joints_of(tmp_path / 'out')
    assert len(found[f'labeled-data/clip/{IMAGES[0]}']) == 2 and len(found[f'labeled-data/clip/{IMAGES[2]}']) == 3
    one, two, corner = found[f'labeled-data/clip/{IMAGES[1]}']
    assert one.tolist() == [[0, 0, 0], [12, 13, 2], [0, 0, 0]]
    assert two[:2, :2].tolist() == [[14, 15], [16, 17]] and corner[2].tolist() == [18, 19, 2]


def test_hdf5_tables(project, tmp_path):
    pandas = pytest.importorskip('pandas')
    pytest.importorskip('tables')
    single(tmp_path / 'table.csv', 3)
    columns = pandas.MultiIndex.from_product([['me'], JOINTS, ['x', 'y']], names=['scorer', 'bodyparts', 'coords'])
    index = pandas.MultiIndex.from_tuples([('labeled-data', 'clip', name) for name in IMAGES])
    table = pandas.DataFrame([points(n).ravel() for n in range(6)], index=index, columns=columns)
    table.to_hdf(project / 'table.h5', key='df_with_missing', mode='w')
    ours, theirs = read_table(str(project / 'table.h5')), read_table(str(tmp_path / 'table.csv'), str(project))
    assert ours.joints == theirs.joints and [each.name for each in ours.images] == [each.name for each in theirs.images]
    for one, two in zip(ours.images, theirs.images):
        np.testing.assert_array_equal(one.instances[0], two.instances[0])


def test_a_coco_file_of_sleap(project, tmp_path, capsys):
    """As sleap-io's save_coco writes it: a category a skeleton, boxes without a margin."""
    annotations = []
    for number in range(3):
        joints = np.column_stack([np.nan_to_num(points(number)), np.where(np.isfinite(points(number)[:, 0]), 2, 0)])
        annotations.append(
            dict(
                id=number + 1, image_id=number + 1, category_id=1, keypoints=joints.ravel().tolist(), bbox=[0, 0, 1, 1]
            )
        )
    content = dict(
        images=[dict(id=n + 1, file_name=name, width=64, height=96) for n, name in enumerate(IMAGES)],
        annotations=annotations,
        categories=[dict(id=1, name='mouse', keypoints=JOINTS, skeleton=[[1, 4]]), dict(id=2, name='object')],
    )
    path = tmp_path / 'labels.json'
    path.write_text(json.dumps(content))
    arguments = [str(path), '-o', str(tmp_path / 'out'), '--base', BASE]
    assert import_labels(arguments) == 1 and 'which is not beside it' in capsys.readouterr().err
    (project / 'labeled-data' / 'clip' / IMAGES[2]).write_bytes(b'no image')
    assert import_labels([*arguments, '--images', str(project / 'labeled-data' / 'clip')]) == 0
    said = capsys.readouterr()
    assert '1 instances on 1 images to learn from, 1 on 1' in said.out and f'left out: {IMAGES[2]}' in said.err
    found = joints_of(tmp_path / 'out')
    assert set(found) == set(IMAGES[:2]) and found[IMAGES[0]][0][0].tolist() == [10.25, 12.5, 2]


@pytest.mark.parametrize(
    'text, message',
    [
        ('a,b,c\n1,2,3\n', "has no rows 'bodyparts' and 'coords'"),
        ('scorer,me,me\nbodyparts,nose,nose\ncoords,x,y\nlabeled-data/clip/img000.jpg,1,two\n', "has 'two' where"),
        ('scorer,me,me\nbodyparts,nose,nose\ncoords,x,y\nelsewhere/img000.jpg,1,2\n', 'which is in no folder above it'),
    ],
)
def test_what_is_wrong_is_one_line(project, tmp_path, capsys, text, message):
    table = project / 'table.csv'
    table.write_text(text)
    assert import_labels([str(table), '-o', str(tmp_path / 'out'), '--base', BASE]) == 1
    said = capsys.readouterr().err
    assert message in said and 'table.csv' in said and said.count('\n') == 1
    assert import_labels([str(tmp_path / 'none'), '-o', str(tmp_path / 'out')]) == 1
    assert 'give a DeepLabCut project' in capsys.readouterr().err


def test_mirrored_pairs_by_name():
    pairs = [('left_ear', 'right_ear'), ('EarL', 'EarR'), ('L-hip', 'R-hip'), ('paw.l', 'paw.r'), ('Lknee1', 'Rknee1')]
    pairs.append(('hindLeftPaw', 'hindRightPaw'))
    for one, other in pairs:
        assert swaps_of([one, 'nose', other]) == {one: other, other: one}, one
    assert swaps_of(['nose', 'tail', 'left_ear', 'lip', 'rip', 'ear', 'eal']) == {}
