# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What networks see without labels becomes labels: of the right joints, beside the boxes they were given."""

import json
import shutil
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
import torch
from conftest import tool
from crowds import crowd_config
from looks import saved, stock_predictions
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmpose.registry import DATASETS, MODELS
from xtcocotools.coco import COCO

from mmpose_dualteach.datasets.datasets.unlabeled_pose_dataset import UnlabeledPoseDataset
from mmpose_dualteach.datasets.labeled_pipeline import innermost
from mmpose_dualteach.dev.quickstart.drawn_people import draw_people
from mmpose_dualteach.label_loop import looking
from mmpose_dualteach.label_loop import networks as networks_module
from mmpose_dualteach.label_loop.coco import Choice, category_of
from mmpose_dualteach.label_loop.drawing import IMAGES, _target
from mmpose_dualteach.label_loop.instances import unlabeled_of
from mmpose_dualteach.label_loop.looking import Look
from mmpose_dualteach.label_loop.networks import Seen
from mmpose_dualteach.label_loop.suggestions import mean_disagreement
from mmpose_dualteach.switch import mutual_teaching

pseudo_label = tool('pseudo_label')
suggest_labels = tool('suggest_labels')
EVERY_JOINT = ['--min-score', '0']


def labelled(files, output, *more):
    assert pseudo_label([*files, '-o', str(output), '--workers', '0', '--device', 'cpu', *more]) == 0
    return json.loads(output.read_text())


def rows_of(annotation) -> np.ndarray:
    return np.array(annotation['keypoints'], dtype=float).reshape(-1, 3)


def test_joints_are_those_of_a_stock_test_and_boxes_those_given(run_files, people, tmp_path):
    output = tmp_path / 'labels.json'
    content = labelled(run_files, output, *EVERY_JOINT, '--batch', '5')
    given = {each['id']: each for each in json.loads((people / 'train.json').read_text())['annotations']}
    expected = stock_predictions(run_files)
    sizes = {each['id']: (each['width'], each['height']) for each in content['images']}
    assert {each['id'] for each in content['annotations']} == set(given) == set(expected)
    for each in content['annotations']:
        joints, mean = rows_of(each), expected[each['id']]['mean']
        there = joints[:, 2] > 0
        np.testing.assert_allclose(joints[there, :2], mean.keypoints[0][there], atol=0.006)
        np.testing.assert_allclose(each['keypoint_scores'], mean.keypoint_scores[0].clip(0, 1), atol=1e-4)
        # Joints beside the image are no labels.
        size = sizes[each['image_id']]
        inside = ((mean.keypoints[0] >= 0) & (mean.keypoints[0] <= np.array(size) - 1)).all(axis=1)
        assert there.sum() == each['num_keypoints'] and (there == inside).all()
        for key in ('bbox', 'image_id', 'category_id'):
            assert each[key] == given[each['id']][key]
    read = COCO(str(output))
    assert len(read.getAnnIds()) == len(given) and not list(tmp_path.glob('labels.json.*'))


@pytest.mark.parametrize('number', [0, 3])
def test_the_category_is_the_labelled_files_whatever_its_number(people, tmp_path, number):
    content = json.loads((people / 'train.json').read_text())
    content['categories'] = [dict(id=number, name='mouse')]
    (tmp_path / 'labels.json').write_text(json.dumps(content))
    dataset = UnlabeledPoseDataset(data_root=str(people), ann_file='train.json', data_prefix=dict(img='images/'))
    found = category_of(dataset, str(tmp_path / 'labels.json'))
    assert (found['id'], found['name'], len(found['keypoints'])) == (number, 'mouse', 17)


def test_scores_and_agreement_choose_joints(run_files, tmp_path):
    expected = stock_predictions(run_files)
    scores = np.concatenate([each['mean'].keypoint_scores[0] for each in expected.values()])
    least = float(np.median(scores))
    content = labelled(run_files, tmp_path / 'sure.json', '--min-score', f'{least:.4f}')
    for each in content['annotations']:
        wanted = np.array(each['keypoint_scores']) >= least
        assert not (rows_of(each)[:, 2] > 0)[~wanted].any()
    assert 0 < sum(each['num_keypoints'] for each in content['annotations']) <= 0.55 * len(scores)

    content = labelled(run_files, tmp_path / 'agreed.json', *EVERY_JOINT, '--agreement', '0.2')
    kept = 0
    for each in content['annotations']:
        one, other = (expected[each['id']][name].keypoints[0] for name in 'ab')
        near = np.linalg.norm(one - other, axis=1) <= 0.2 * max(each['bbox'][2:])
        visible = rows_of(each)[:, 2] > 0
        assert not visible[~near].any()
        kept += visible.sum()
    assert 0 < kept < len(scores)


def test_a_student_with_its_stock_config(run_files, stock, people, tmp_path):
    network = {
        key[len('networks.a.') :]: value
        for key, value in torch.load(run_files[1])['state_dict'].items()
        if key.startswith('networks.a.')
    }
    torch.save(dict(state_dict=network), tmp_path / 'student.pth')
    Config(stock).dump(tmp_path / 'stock.py')
    files = [str(tmp_path / 'stock.py'), str(tmp_path / 'student.pth')]
    content = labelled(files, tmp_path / 'labels.json', *EVERY_JOINT, '--unlabeled', 'train.json')
    expected = stock_predictions(run_files)
    for each in content['annotations']:
        there = rows_of(each)[:, 2] > 0
        np.testing.assert_allclose(rows_of(each)[there, :2], expected[each['id']]['a'].keypoints[0][there], atol=0.006)
    # The run's own config does as well.
    assert (
        labelled([run_files[0], files[1]], tmp_path / 'again.json', *EVERY_JOINT)['annotations']
        == content['annotations']
    )


def test_goes_on_where_it_was_interrupted(run_files, tmp_path, monkeypatch):
    whole = labelled(run_files, tmp_path / 'whole.json', *EVERY_JOINT, '--batch', '8')
    see, seen = networks_module.Networks.see, []

    def failing(self, samples):
        if len(seen) >= 8:
            raise OSError('the disk is gone')
        seen.extend(samples)
        return see(self, samples)

    output = tmp_path / 'labels.json'
    monkeypatch.setattr(networks_module.Networks, 'see', failing)
    options = [*run_files, '-o', str(output), '--workers', '0', '--device', 'cpu', *EVERY_JOINT, '--batch', '8']
    assert pseudo_label(options) == 1 and not output.exists()
    monkeypatch.setattr(
        networks_module.Networks, 'see', lambda self, samples: seen.extend(samples) or see(self, samples)
    )
    assert pseudo_label(options) == 0
    assert len(seen) == 24 and json.loads(output.read_text())['annotations'] == whole['annotations']


def test_another_set_of_as_many_is_not_gone_on_with(run_files, people, tmp_path, monkeypatch, capsys):
    def failing(self, samples):
        raise OSError('the disk is gone')

    content = json.loads((people / 'train.json').read_text())
    images, source = str(people / 'images'), tmp_path / 'source.json'
    options = [
        '--unlabeled',
        str(source),
        '--unlabeled-images',
        images,
        '-o',
        str(tmp_path / 'labels.json'),
        '--workers',
        '0',
    ]
    options += ['--device', 'cpu', *EVERY_JOINT]
    source.write_text(json.dumps(content))
    see = networks_module.Networks.see
    monkeypatch.setattr(networks_module.Networks, 'see', failing)
    assert pseudo_label([*run_files, *options]) == 1
    monkeypatch.setattr(networks_module.Networks, 'see', see)
    content['annotations'][0]['bbox'][0] += 1
    source.write_text(json.dumps(content))
    assert pseudo_label([*run_files, *options]) == 1
    assert 'was begun with another network, source or option' in capsys.readouterr().err
    assert pseudo_label([*run_files, *options[:4], '-o', str(source), *options[6:]]) == 1
    assert f'{source} is read and would be written over' in capsys.readouterr().err
    labeled = tmp_path / 'labeled.json'
    labeled.write_text(json.dumps(content))
    config = Config.fromfile(run_files[0])
    innermost(config.train_dataloader.dataset.labeled).update(data_root='', ann_file=str(labeled))
    config.dump(tmp_path / 'config.py')
    assert (
        pseudo_label([str(tmp_path / 'config.py'), run_files[1], *options[:4], '-o', str(labeled), *options[6:]]) == 1
    )
    assert f'{labeled} is read and would be written over' in capsys.readouterr().err
    assert json.loads(source.read_text()) == content


def test_neither_the_config_nor_a_source_is_written_over(run_files, people, tmp_path, capsys):
    folder = tmp_path / 'images'
    folder.mkdir()
    shutil.copy(next((people / 'images').iterdir()), folder / 'one.png')
    writer = cv2.VideoWriter(str(folder / 'clip.avi'), cv2.VideoWriter_fourcc(*'MJPG'), 10, (64, 48))
    writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    (tmp_path / 'link.json').symlink_to(folder / 'one.png')
    (tmp_path / 'boxes.json').write_text(
        json.dumps([dict(image_id='clip.avi#frame=0', category_id=1, bbox=[0, 0, 9, 9], score=1)])
    )
    options = ['--unlabeled', str(folder), '--workers', '0', '--device', 'cpu']
    for output, more in (
        (run_files[0], []),
        (folder / 'one.png', []),
        (tmp_path / 'link.json', []),
        (folder / 'clip.avi', []),
        (folder / 'clip.avi', ['--frames', f'{tmp_path}/frames', '--boxes', f'{tmp_path}/boxes.json']),
    ):
        with open(output, 'rb') as file:
            before = file.read()
        assert pseudo_label([*run_files, *options, *more, '-o', str(output)]) == 1
        error = capsys.readouterr().err.strip().splitlines()[-1]
        assert error == f'error: {output} is read and would be written over; name another output'
        with open(output, 'rb') as file:
            assert file.read() == before


def test_an_id_that_several_instances_have_gives_none_the_box_of_another(run_files, people, tmp_path):
    content = json.loads((people / 'train.json').read_text())
    boxes = sorted(each['bbox'] for each in content['annotations'])
    for each in content['annotations']:
        each['id'] = 0
    (tmp_path / 'source.json').write_text(json.dumps(content))
    options = ['--unlabeled', str(tmp_path / 'source.json'), '--unlabeled-images', str(people / 'images'), *EVERY_JOINT]
    written = labelled(run_files, tmp_path / 'labels.json', *options)['annotations']
    np.testing.assert_allclose(sorted(each['bbox'] for each in written), boxes, atol=1)  # Cut at the image's edge.
    assert len({each['id'] for each in written}) == len(boxes)


def test_a_folder_with_a_video_and_a_broken_image(run_files, people, tmp_path, capsys):
    folder = tmp_path / 'images'
    (folder / 'day 1').mkdir(parents=True)
    for number, path in enumerate(sorted((people / 'images').iterdir())[:3]):
        shutil.copy(path, folder / 'day 1' / f'{number}.png')
    (folder / 'broken.png').write_bytes(b'no image')
    writer = cv2.VideoWriter(str(folder / 'clip.avi'), cv2.VideoWriter_fourcc(*'MJPG'), 10, (64, 48))
    for value in range(0, 200, 20):
        writer.write(np.full((48, 64, 3), value, np.uint8))
    writer.release()
    output = tmp_path / 'labels.json'
    options = ['--unlabeled', str(folder), '--frame-every', '5', '--max-broken', '0.5', *EVERY_JOINT]
    content = labelled(run_files, output, *options)
    names = {each['file_name']: each for each in content['images']}
    assert set(names) == {'clip.avi#frame=0', 'clip.avi#frame=5', *(f'day 1/{number}.png' for number in range(3))}
    assert names['clip.avi#frame=5']['width'] == 64 and content['info']['images_in'] == str(folder)
    assert len({each['id'] for each in content['images']}) == 5 and len(content['annotations']) == 5
    boxes = {each['image_id']: each['bbox'] for each in content['annotations']}
    assert boxes[names['clip.avi#frame=0']['id']] == [0, 0, 64, 48]
    (problem,) = json.loads((tmp_path / 'labels.json.skipped.json').read_text())
    assert 'broken.png' in problem
    # Labelling tools open no videos. Frames that are written are images like others.
    for tool_format in ('cvat', 'label-studio'):
        assert pseudo_label([*run_files, '-o', str(output), *options, '--format', tool_format]) == 1
        assert 'labelling tools open images, no frames of videos; write them: --frames' in capsys.readouterr().err
    content = labelled(run_files, output, *options, '--frames', str(tmp_path / 'frames'))
    for image in content['images']:
        assert cv2.imread(f'{content["info"]["images_in"]}/{image["file_name"]}') is not None


@pytest.mark.parametrize('label, more', [(pseudo_label, EVERY_JOINT), (suggest_labels, ['--count', '2'])])
def test_too_many_broken_images_are_refused_and_what_was_seen_is_kept(
    label, more, run_files, people, tmp_path, monkeypatch, capsys
):
    folder, output = tmp_path / 'images', tmp_path / 'labels.json'
    folder.mkdir()
    images = sorted((people / 'images').iterdir())
    for number, path in enumerate(images[:3]):
        shutil.copy(path, folder / f'{number}.png')
    for number in range(3, 5):
        (folder / f'{number}.png').write_bytes(b'no image')
    see, seen, told = networks_module.Networks.see, [], []
    monkeypatch.setattr(
        networks_module.Networks, 'see', lambda self, samples: seen.extend(samples) or see(self, samples)
    )
    monkeypatch.setattr(looking, 'print_log', lambda line, **_: told.append(line))
    options = [*run_files, '-o', str(output), '--unlabeled', str(folder), '--workers', '0', '--device', 'cpu', *more]
    skipped = tmp_path / 'labels.json.skipped.json'
    assert label(options) == 1 and len(seen) == 3 and not output.exists()
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith(f'error: 2 of 5 instances cannot be used ({folder}/3.png does not decode')
    assert 'more than max_broken=0.1' in error and '--max-broken' in error and len(json.loads(skipped.read_text())) == 2
    # What was seen is not looked at again, by whoever mends an image and allows for the other.
    shutil.copy(images[3], folder / '3.png')
    assert label([*options, '--max-broken', '0.2']) == 0 and len(seen) == 4 and output.exists()
    assert told[-1].startswith(f'1 of 5 instances cannot be used ({folder}/4.png does not decode')
    assert len(json.loads(skipped.read_text())) == 1 and not (tmp_path / 'labels.json.part').exists()


def test_what_is_seen_is_drawn_where_it_is_seen(run_files, people, tmp_path):
    folder = tmp_path / 'images'
    folder.mkdir()
    flat = np.full((96, 64, 3), 128, np.uint8)
    cv2.imwrite(str(folder / 'flat.png'), flat)
    for day, frames in ((1, 10), (2, 6)):
        (folder / f'day {day}').mkdir()
        path = str(folder / f'day {day}' / 'clip.avi')
        writer = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*'MJPG'), 10, (64, 96))
        for _ in range(frames):
            writer.write(flat)
        writer.release()
    drawn = tmp_path / 'drawn'
    options = ['--unlabeled', str(folder), '--frame-every', '2', '--frame-change', '0', '--draw', str(drawn)]
    content = labelled(run_files, tmp_path / 'labels.json', *EVERY_JOINT, *options)
    for day, frames in ((1, 5), (2, 3)):
        video = cv2.VideoCapture(str(drawn / f'day {day}' / 'clip.avi.mp4'))
        assert video.get(cv2.CAP_PROP_FRAME_COUNT) == frames
        assert video.get(cv2.CAP_PROP_FPS) == 5  # In their own time.
    assert (drawn / 'scores.html').read_text().count('<svg') == 2
    number = next(image['id'] for image in content['images'] if image['file_name'] == 'flat.png')
    (each,) = (each for each in content['annotations'] if each['image_id'] == number)
    changed = np.abs(cv2.imread(str(drawn / 'flat.png')).astype(int) - 128).max(axis=2) > 40
    joints = rows_of(each)[rows_of(each)[:, 2] > 0, :2]
    assert len(joints) and changed[tuple(np.round(joints).astype(int).T[::-1])].all()


@pytest.mark.parametrize('name', ['flat.png', 'clip.mp4'])
def test_a_source_is_not_drawn_over_which_is_said_before_a_look(name, run_files, tmp_path, monkeypatch, capsys):
    folder = tmp_path / 'images'
    folder.mkdir()
    flat = np.full((96, 64, 3), 128, np.uint8)
    if name == 'flat.png':
        cv2.imwrite(str(folder / name), flat)
    else:
        writer = cv2.VideoWriter(str(folder / name), cv2.VideoWriter_fourcc(*'mp4v'), 10, (64, 96))
        writer.write(flat)
        writer.release()
    before = (folder / name).read_bytes()
    monkeypatch.setattr(Look, 'lines', lambda *_: pytest.fail('it was looked at'))
    options = ['--unlabeled', str(folder), '--draw', str(folder), '-o', str(tmp_path / 'out.json'), '--device', 'cpu']
    assert pseudo_label([*run_files, *options]) == 1
    assert f'{folder}/{name} is read and would be written over' in capsys.readouterr().err
    assert (folder / name).read_bytes() == before


def test_names_that_lead_elsewhere_are_drawn_below_the_folder(tmp_path):
    assert _target(str(tmp_path), '../more/x.jpg', IMAGES) == str(tmp_path / '_' / 'more' / 'x.jpg')
    assert _target(str(tmp_path), '/data/x.webp', IMAGES) == str(tmp_path / 'data' / 'x.webp.jpg')


def test_networks_that_find_instances(tmp_path):
    draw_people(tmp_path / 'crowd', dict(train=6, val=2), seed=1, crowd=2)
    config = Config(crowd_config('yoloxpose', str(tmp_path / 'crowd')))
    config.model.test_cfg.update(score_thr=0.0)
    config.merge_from_dict(mutual_teaching(config, unlabeled='train.json'))
    files = saved(config, tmp_path / 'run')
    content = labelled(files, tmp_path / 'labels.json', *EVERY_JOINT)
    model = MODELS.build(Config.fromfile(files[0]).model)
    model.load_state_dict(torch.load(files[1])['state_dict'])
    model.eval()
    dataset = DATASETS.build(dict(config.val_dataloader.dataset, ann_file='train.json'))
    found = 0
    for sample in dataset:
        data = model.data_preprocessor(pseudo_collate([sample]), False)
        with torch.no_grad():
            stock = model.predict_all(data['inputs'], data['data_samples'])['a'][0].pred_instances
        image = sample['data_samples'].img_id
        own = [each for each in content['annotations'] if each['image_id'] == image]
        found += len(own)
        for each in own:
            there = rows_of(each)[:, 2] > 0
            apart = np.abs(stock.keypoints[:, there] - rows_of(each)[there, :2]).reshape(len(stock), -1).max(axis=1)
            assert apart.min() < 0.01
            np.testing.assert_allclose(each['bbox'][:2], stock.bboxes[apart.argmin()][:2], atol=0.01)
    assert found and len({each['id'] for each in content['annotations']}) == found


def test_an_instance_whose_box_nobody_tells_has_that_of_its_joints(tmp_path):
    """Agreement and disagreement are of its own size, not of the image's."""
    draw_people(tmp_path / 'crowd', dict(train=2, val=2), seed=1, crowd=2)
    config = Config(crowd_config('dekr', str(tmp_path / 'crowd')))
    config.merge_from_dict(mutual_teaching(config, unlabeled='train.json'))
    config, checkpoint = saved(config, tmp_path / 'run')
    look = Look(Config.fromfile(config), checkpoint, unlabeled_of(Config.fromfile(config), None), str(tmp_path / 'out'))
    line = dict(size=[100, 80], box=[0, 0, 100, 80])
    joints = np.array([[[20.0, 20.0], [30.0, 40.0]]])
    none = np.full((1, 4), np.nan)
    (seen,) = look._as_lists(Seen(joints, np.ones((1, 2)), np.ones(1), none, np.full((1, 2), 6.0), np.zeros(1)), line)
    assert seen['box'] == [18.0, 18.0, 32.0, 42.0]
    assert not Choice(agreement=0.2).of(seen, line['size']).any() and Choice(agreement=0.3).of(seen, line['size']).all()
    assert mean_disagreement(dict(line, seen=[seen])) == 0.25
    assert mean_disagreement(dict(line, seen=[dict(seen, certainty=0.0)])) == 0.0


def test_what_label_studio_imports(run_files, tmp_path):
    coco = labelled(run_files, tmp_path / 'coco.json', *EVERY_JOINT)
    options = [*EVERY_JOINT, '--format', 'label-studio', '--image-address', 'https://here/?d=']
    tasks = labelled(run_files, tmp_path / 'tasks.json', *options)
    interface = ElementTree.parse(tmp_path / 'tasks.json.xml').getroot()
    image = interface.find('Image')
    joints = interface.find('KeyPointLabels')
    assert image.get('value') == '$image' and joints.get('toName') == image.get('name')
    assert [label.get('value') for label in joints] == coco['categories'][0]['keypoints']
    images = {each['id']: each for each in coco['images']}
    by_box = {f'instance-{each["id"]}': each for each in coco['annotations']}
    for task in tasks:
        source = images[task['data']['image_id']]
        assert task['data']['image'] == f'https://here/?d={source["file_name"]}'
        (prediction,) = task['predictions']
        assert 0 <= prediction['score'] <= 1
        for region in prediction['result']:
            value, size = region['value'], (region['original_width'], region['original_height'])
            assert size == (source['width'], source['height']) and region['to_name'] == image.get('name')
            if region['type'] == 'rectanglelabels':
                assert region['from_name'] == interface.find('RectangleLabels').get('name')
                box = by_box[region['id']]['bbox']
                np.testing.assert_allclose([value['x'] * size[0] / 100, value['width'] * size[0] / 100], box[::2])
                continue
            (name,) = value['keypointlabels']
            row = rows_of(by_box[region['parentID']])[coco['categories'][0]['keypoints'].index(name)]
            place = np.array([value['x'] * size[0], value['y'] * size[1]]) / 100 - 0.5
            np.testing.assert_allclose(place, row[:2], atol=1e-6)
            assert 0 <= value['x'] <= 100 and 0 <= value['y'] <= 100
            assert region['from_name'] == joints.get('name') and 0 <= region['score'] <= 1


def test_what_cvat_imports(run_files, tmp_path):
    coco = labelled(run_files, tmp_path / 'coco.json', *EVERY_JOINT)
    cvat = labelled(run_files, tmp_path / 'cvat.json', *EVERY_JOINT, '--format', 'cvat')
    (label,) = json.loads((tmp_path / 'cvat.json.labels.json').read_text())
    (category,) = cvat['categories']
    names = [each['name'] for each in label['sublabels']]
    assert label['type'] == 'skeleton' and label['name'] == category['name'] and names == category['keypoints']
    drawing = ElementTree.fromstring(f'<svg>{label["svg"]}</svg>')
    assert [node.get('data-label-name') for node in drawing.iter('circle')] == names
    edges = [[int(line.get(f'data-node-{end}')) for end in ('from', 'to')] for line in drawing.iter('line')]
    assert edges == category['skeleton']
    for one, other in zip(cvat['annotations'], coco['annotations']):
        assert one['keypoints'] == other['keypoints'] and one['attributes']['score'] == other['score']
    assert len(COCO(str(tmp_path / 'cvat.json')).getImgIds()) == len(coco['images'])


@pytest.mark.parametrize(
    'change, told',
    [
        (lambda files, stock: [stock, files[1], '--unlabeled', 'train.json'], 'several networks'),
        (lambda files, stock: [files[0], 'nowhere.pth'], 'nowhere.pth'),
        (lambda files, stock: [stock, files[2]], '--unlabeled'),
        (lambda files, stock: [files[0], files[2], '--agreement', '0.1'], 'needs two networks'),
        (lambda files, stock: [files[0], files[2], '--network', 'b'], "no 'b'"),
        (lambda files, stock: [*files[:2], '--network', 'c'], "no network 'c'"),
        (lambda files, stock: [*files[:2], '--min-score', '2'], 'min_score'),
        (lambda files, stock: [*files[:2], '--boxes', 'new.json'], '--boxes would change nothing'),
        (lambda files, stock: [files[0], files[3]], 'no checkpoint of this config'),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(change, told, run_files, stock, tmp_path, capsys):
    weights = torch.load(run_files[1])['state_dict']
    student = {key[len('networks.a.') :]: value for key, value in weights.items() if key.startswith('networks.a.')}
    torch.save(dict(state_dict=student), tmp_path / 'student.pth')
    torch.save(dict(state_dict={'head.weight': torch.zeros(1)}), tmp_path / 'other.pth')
    Config(stock).dump(tmp_path / 'stock.py')
    files = [*run_files, str(tmp_path / 'student.pth'), str(tmp_path / 'other.pth')]
    options = change(files, str(tmp_path / 'stock.py'))
    assert pseudo_label([*options, '-o', str(tmp_path / 'labels.json'), '--device', 'cpu']) == 1
    error = capsys.readouterr().err.strip().splitlines()
    assert len([line for line in error if line.startswith('error:')]) == 1 and told in error[-1]
    assert not (tmp_path / 'labels.json').exists()
