# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Labels of other tools arrive where they were, and a config that trains on them is written."""

import csv
import json

import numpy as np
import pytest
from conftest import ROOT, tool
from mmengine.config import Config
from mmpose.registry import DATASETS
from PIL import Image

from mmpose_dualteach.prepare.importing.deeplabcut import read_project, read_table
from mmpose_dualteach.prepare.importing.metainfo import swaps_of, unpaired
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
    """A DeepLabCut project with one video, of 64x96 pixels."""
    folder = tmp_path / 'mouse' / 'labeled-data' / 'clip'
    folder.mkdir(parents=True)
    for name, image in zip(IMAGES, sorted((people / 'images').iterdir())):
        Image.open(image).resize((64, 96)).save(folder / name)
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


def single(path, columns, names=IMAGES, joints=JOINTS):
    index = [['labeled-data', 'clip', name] if columns == 3 else [f'labeled-data/clip/{name}'] for name in names]
    header = dict(scorer=['me'] * 8, bodyparts=[name for name in joints for _ in 'xy'], coords=['x', 'y'] * len(joints))
    order = [JOINTS.index(joint) for joint in joints]
    write_table(path, index, header, [points(IMAGES.index(name))[order].ravel() for name in names])


def coco(images, annotations, **category):
    """A COCO file's content; every image is 64x96."""
    return dict(
        images=[dict(id=n, file_name=name, width=64, height=96) for n, name in enumerate(images)],
        annotations=[dict(dict(id=n, image_id=n, category_id=1), **each) for n, each in enumerate(annotations)],
        categories=[dict(dict(id=1, name='mouse', keypoints=['nose', 'tail']), **category)],
    )


def error_of(capsys, *arguments):
    """The one line that an import ends with."""
    assert import_labels([*map(str, arguments), '--base', BASE]) == 1
    said = capsys.readouterr().err
    assert said.startswith('error: ') and said.count('\n') == 1
    return said


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
    assert '--unlabeled VIDEOS_OR_IMAGES --boxes BOXES.json\nboxes are of tools/detect_boxes.py' in told
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
    assert json.loads((tmp_path / 'out' / 'train.json').read_text())['categories'][0]['name'] == 'mouse'


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


KEYPOINTS = dict(keypoints=[10, 10, 2, 50, 50, 2])


@pytest.mark.parametrize(
    'content, message',
    [
        ([1], "is not in COCO's format"),
        (dict(images=[], categories=[]), "is not in COCO's format"),
        (dict(coco([], []), images=[dict(id=1)]), 'image 1 has no file_name'),
        (dict(coco(IMAGES, []), categories=['mouse']), '0 categories with keypoints'),
        (dict(coco(IMAGES, []), annotations=[dict(id=1, **KEYPOINTS)]), 'annotation 0 is no entry with image_id'),
        (coco(IMAGES, [dict(KEYPOINTS, image_id=99)]), 'annotation 0 names image 99'),
        (coco(IMAGES, [dict(KEYPOINTS, category_id=9)]), 'annotation 0 has category_id 9'),
        (coco(IMAGES, [dict(keypoints=[1, 1, 2, 3, 4])]), 'annotation 0 has 5 numbers'),
        (coco(IMAGES, [dict(keypoints='nose')]), 'annotation 0 has keypoints that are no numbers'),
        (coco(IMAGES, [dict(keypoints=[float('nan'), 1, 2, 3, 4, 2])]), 'annotation 0 has keypoints that are not fin'),
        (coco(IMAGES, [dict(keypoints=None)]), '0 images with labels can be used'),
        (coco(IMAGES, [KEYPOINTS], skeleton=[[0, 1]]), '[0, 1] in its skeleton'),
        (coco(IMAGES, [KEYPOINTS], skeleton=[[1, 3]]), '[1, 3] in its skeleton'),
        (coco(IMAGES[:1] * 2, [KEYPOINTS, KEYPOINTS]), f'lists image {IMAGES[0]} twice'),
        (dict(coco([], []), images=[dict(id=1, file_name=name) for name in 'ab']), 'several images with id 1'),
    ],
)
def test_what_is_wrong_with_a_coco_file(project, tmp_path, capsys, content, message):
    path = tmp_path / 'labels.json'
    path.write_text(json.dumps(content))
    said = error_of(capsys, path, '--images', project / 'labeled-data' / 'clip', '-o', tmp_path / 'out')
    assert message in said and 'labels.json' in said
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize(
    'text, message',
    [
        ('skeleton: [[nose, tail]\nx: :\n', 'config.yaml is no valid YAML'),
        ('- nose\n', 'config.yaml is no dict'),
        ('skeleton:\n- nose\n', "config.yaml: 'nose' in its skeleton"),
        ('skeleton:\n- [nose]\n', "config.yaml: ['nose'] in its skeleton"),
    ],
)
def test_what_is_wrong_with_a_project(project, tmp_path, capsys, text, message):
    single(project / 'labeled-data' / 'clip' / 'CollectedData_me.csv', 3)
    (project / 'config.yaml').write_text(text)
    assert message in error_of(capsys, project, '-o', tmp_path / 'out')


def test_no_image_is_imported_twice(project, tmp_path, capsys):
    clip = project / 'labeled-data' / 'clip'
    single(clip / 'CollectedData_me.csv', 3)
    (clip / 'CollectedData_me_copy.csv').write_text((clip / 'CollectedData_me.csv').read_text().replace('10.25', '9'))
    labels = read_project(str(project))
    assert len(labels.images) == 6 and labels.images[0].instances[0][0, 0] == 10.25, 'of two tables the scorer chooses'
    (project / 'config.yaml').unlink()
    said = error_of(capsys, project, '-o', tmp_path / 'out')
    assert 'CollectedData_me.csv' in said and 'CollectedData_me_copy.csv' in said

    tables = [tmp_path / 'one.csv', tmp_path / 'two.csv']
    single(tables[0], 3, IMAGES[:3])
    single(tables[1], 3, IMAGES[2:])
    said = error_of(capsys, *tables, '--images', project, '-o', tmp_path / 'out')
    assert 'one.csv and' in said and f'two.csv have image labeled-data/clip/{IMAGES[2]}' in said
    single(tables[0], 3, [IMAGES[0], IMAGES[0]])
    assert 'in two rows' in error_of(capsys, tables[0], '--images', project, '-o', tmp_path / 'out')


def test_joints_in_another_order(project, tmp_path, capsys):
    tables = [tmp_path / 'one.csv', tmp_path / 'two.csv']
    single(tables[0], 3, IMAGES[:3])
    single(tables[1], 3, IMAGES[3:], JOINTS[::-1])
    arguments = [*map(str, tables), '--images', str(project), '-o', str(tmp_path / 'out'), '--base', BASE]
    assert import_labels(arguments) == 0
    (joints,) = joints_of(tmp_path / 'out')[f'labeled-data/clip/{IMAGES[4]}']
    np.testing.assert_allclose(joints[:, :2], points(4), atol=1e-3)


def test_labels_of_images_of_another_size(project, tmp_path, capsys):
    clip = project / 'labeled-data' / 'clip'
    path = tmp_path / 'labels.json'
    path.write_text(json.dumps(coco(IMAGES, [KEYPOINTS] * 6)))
    arguments = [path, '--images', clip, '-o', tmp_path / 'out']
    turned = Image.new('RGB', (64, 96))
    turned.getexif()[0x0112] = 6
    turned.save(clip / IMAGES[0], exif=turned.getexif())
    assert import_labels([*map(str, arguments), '--base', BASE]) == 0
    assert f'left out: {IMAGES[0]} is turned by EXIF data to 96x64' in capsys.readouterr().err
    assert set(joints_of(tmp_path / 'out')) == set(IMAGES[1:])
    Image.new('RGB', (32, 48)).save(clip / IMAGES[1])
    said = error_of(capsys, *arguments)
    assert 'labels.json' in said and '64x96' in said and '32x48' in said and '--images' in said


def test_too_few_images_say_why(project, tmp_path, capsys):
    single(tmp_path / 'table.csv', 3)
    said = error_of(capsys, tmp_path / 'table.csv', '--images', project / 'labeled-data', '-o', tmp_path / 'out')
    assert f'below {project / "labeled-data"}' in said and said.count('is missing') == 3 and said.endswith('; ...\n')


def test_another_import_loses_nothing(project, tmp_path, capsys):
    """What somebody has corrected, and which images validate, but for as many as the share takes."""
    path, out = tmp_path / 'train.json', tmp_path / 'out'
    arguments = [str(path), '--images', str(project / 'labeled-data' / 'clip'), '-o', str(out), '--base', BASE]

    def validating(names, *options):
        path.write_text(json.dumps(coco(names, [KEYPOINTS] * len(names))))
        assert import_labels([*arguments, *options]) == 0
        return {image['file_name'] for image in json.loads((out / 'val.json').read_text())['images']}

    few, more = validating(IMAGES[:4]), validating(IMAGES, '--val', '0.5')
    assert len(few) == 1 and len(more) == 3 and few < more
    assert validating(IMAGES[::-1], '--val', '0.5') == more
    capsys.readouterr()
    for name in ('metainfo.py', 'stock.py'):
        text = (out / name).read_text() + '# corrected\n'
        (out / name).write_text(text)
        validating(IMAGES)
        assert (out / name).read_text() == text
        assert f'kept: {out / name}' in capsys.readouterr().err
    assert 'would be written over' in error_of(capsys, path, '-o', tmp_path)


def test_joints_of_one_side_without_a_counterpart_are_told(project, tmp_path, capsys):
    assert unpaired(['EarL', 'hip_left', 'FL_paw', 'FR_paw', 'Nose', 'Rump', 'Lip', 'tail']) == ['EarL', 'hip_left']
    path = tmp_path / 'labels.json'
    path.write_text(json.dumps(coco(IMAGES, [KEYPOINTS] * 6, keypoints=['left_ear', 'ear_right'])))
    arguments = ['--images', str(project / 'labeled-data' / 'clip'), '-o', str(tmp_path / 'out'), '--base', BASE]
    assert import_labels([str(path), *arguments]) == 0
    assert 'without a counterpart: left_ear, ear_right' in capsys.readouterr().out


def test_mirrored_pairs_by_name():
    pairs = [('left_ear', 'right_ear'), ('EarL', 'EarR'), ('L-hip', 'R-hip'), ('paw.l', 'paw.r'), ('Lknee1', 'Rknee1')]
    pairs += [('hindLeftPaw', 'hindRightPaw'), ('lEar', 'rEar'), ('FL_paw', 'FR_paw'), ('HLpaw', 'HRpaw')]
    pairs += [('RL', 'RR'), ('pawFL', 'pawFR'), ('paw_hl', 'paw_hr'), ('pawLH', 'pawRH')]
    four = ['FL_paw', 'FR_paw', 'RL_paw', 'RR_paw']
    assert swaps_of(four) == dict(zip(four, ['FR_paw', 'FL_paw', 'RR_paw', 'RL_paw']))
    for one, other in pairs:
        assert swaps_of([one, 'nose', other]) == {one: other, other: one}, one
    assert swaps_of(['nose', 'tail', 'left_ear', 'lip', 'rip', 'ear', 'eal']) == {}
