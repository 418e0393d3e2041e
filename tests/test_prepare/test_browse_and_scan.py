# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import json
import os

import cv2
import numpy as np
import pytest
from conftest import ROOT, switch, tool
from PIL import Image

from mmpose_dualteach.prepare import scan as scan_module
from mmpose_dualteach.prepare.scan import scan
from mmpose_dualteach.visualization.pair_sheet import pair_sheet

browse_pairs = tool('browse_pairs')
check_data = tool('check_data')


@pytest.mark.parametrize('easy_views', [1, 2])
def test_the_sheet_shows_the_very_pixels_that_the_networks_get(stock, easy_views):
    from mmengine.runner import set_random_seed
    from mmpose.registry import DATASETS

    switched = switch(stock, views=dict(easy_views=easy_views))
    sheet = pair_sheet(switched, 3, seed=4)
    set_random_seed(4)
    dataset = DATASETS.build(switched.train_dataloader.dataset.unlabeled)
    chosen = np.random.default_rng(4).choice(len(dataset), 3, replace=False)
    for index in chosen:
        sample = dataset[int(index)]
        views = [name for name, pixels in sample['inputs'].items() if pixels is not None]
        assert len(views) == easy_views + 1
        for view in views:
            pixels = sample['inputs'][view].permute(1, 2, 0).numpy()
            size = (round(pixels.shape[1] * 224 / pixels.shape[0]), 224)
            shown = cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR)[:, :-2]
            _, _, (left, top), _ = cv2.minMaxLoc(cv2.matchTemplate(sheet, shown, cv2.TM_SQDIFF_NORMED))
            place = sheet[top : top + shown.shape[0], left : left + shown.shape[1]]
            assert np.array_equal(place, shown), f'{view} view of instance {index} is not on the sheet'


def test_outlines_lie_where_the_views_were_cut(tmp_path, stock, people):
    """A view that is the box alone has its outline on the box."""
    still = dict(shift_prob=0.0, scale_prob=0.0, rotate_prob=0.0, flip_prob=0.0)
    config = switch(stock, views=dict(easy=still, hard=still))
    sheet = pair_sheet(config, 1, seed=0)
    red = np.abs(sheet.astype(int) - np.array((50, 60, 230))).max(-1) < 30
    assert red.sum() > 100


def test_the_tools_take_switched_and_stock_configs(tmp_path, people, capsys):
    config = str(ROOT / 'configs' / 'quickstart' / 'td-hm_res18_1xb16-14e_drawn-64x96.py')
    options = [
        '--labeled',
        str(people / 'train.json'),
        '--labeled-images',
        str(people / 'images'),
        '--unlabeled',
        str(people / 'images'),
    ]
    assert browse_pairs([config, *options, '-o', str(tmp_path / 'a.png'), '--count', '2']) == 0
    assert cv2.imread(str(tmp_path / 'a.png')).shape[0] > 224
    assert check_data([config, *options, '--json', str(tmp_path / 'a.json')]) == 0
    assert 'unlabeled: 30 images, 0 of which cannot be used; 30 instances' in capsys.readouterr().out
    assert browse_pairs([config]) == 1
    assert 'is not switched to mutual teaching; name unlabelled images by --unlabeled' in capsys.readouterr().err


def spoil(folder):
    """One of each that people have."""
    images = sorted((folder / 'images').glob('train_*'))
    whole = images[0].read_bytes()
    images[8].write_bytes(b'')
    images[9].write_bytes(whole[: len(whole) // 3])
    images[10].write_bytes(b'<html>not found</html>')
    images[11].unlink()
    images[12].unlink()
    os.symlink('/etc/hostname', images[12])
    images[13].write_bytes(images[14].read_bytes())
    picture = Image.open(images[15])
    exif = Image.Exif()
    exif[0x0112] = 3
    picture.save(images[15], exif=exif, format='JPEG')
    picture.convert('L').save(images[16], format='JPEG')
    picture.convert('CMYK').save(images[17], format='JPEG')
    picture.convert('RGBA').save(images[18], format='PNG')
    Image.fromarray(np.zeros(picture.size[::-1], np.uint16)).save(images[19], format='PNG')
    cv2.imwrite(str(images[23].with_suffix('.png')), np.zeros((*picture.size[::-1], 3), np.uint16))
    os.replace(images[23].with_suffix('.png'), images[23])
    content = json.loads((folder / 'train.json').read_text())
    content['annotations'][20]['bbox'] = [float('nan'), 1, 2, 3]
    content['images'][21].update(width=5000, height=5000)
    content['annotations'][21]['bbox'] = [4000, 4000, 50, 50]
    content['annotations'].append(dict(content['annotations'][22], id=999))
    (folder / 'dirty.json').write_text(json.dumps(content))
    return [str(path) for path in images]


def test_a_scan_finds_all_that_is_dirty_and_the_run_goes_on(copied, stock, monkeypatch, tmp_path, capsys):
    stock['train_dataloader']['dataset']['data_root'] = str(copied)
    images = spoil(copied)
    monkeypatch.setattr(scan_module, 'HUGE', 1e3)
    config = switch(stock, labeled=dict(indices=8), unlabeled=dict(ann_file='dirty.json', max_broken=0.5))
    config.dump(tmp_path / 'config.py')
    assert check_data([str(tmp_path / 'config.py'), '--json', str(tmp_path / 'report.json')]) == 0
    printed = capsys.readouterr().out
    report = json.loads((tmp_path / 'report.json').read_text())['unlabeled']
    reasons = {8: 'is empty', 9: 'is truncated', 10: 'does not decode', 11: 'is missing', 12: 'outside of the folder'}
    assert set(report['broken']) == {images[n] for n in reasons}
    for number, reason in reasons.items():
        assert reason in report['broken'][images[number]]
    assert '5 of which cannot be used' in printed and 'is empty' in printed
    notes = report['notes']
    assert images[14] in notes['the same file as another one'] and images[15] in notes['is turned by EXIF data']
    assert images[16] in notes['is grey'] and images[17] in notes['is CMYK']
    assert images[18] in notes['has an alpha channel, which is not read']
    assert {images[19], images[23]} <= set(notes['has 16 bits or more a channel, is read with 8'])
    assert {images[18], images[19]} <= set(notes['is PNG by another suffix'])
    assert (
        images[21] in notes['has a box that lies outside of it']
        and images[1] in notes['is huge, more than 0 million pixels']
    )
    assert 'is not finite' in ' '.join(report['boxes']['broken'])
    assert report['boxes']['left_out'] == {'the same box of the same image again': 1}

    from mmpose.registry import DATASETS

    dataset = DATASETS.build(config.train_dataloader.dataset)
    skipped = set()
    for index in range(dataset.num_unlabeled):
        meta = dataset[8 + index]['data_samples']['easy'].metainfo
        skipped.update(path for path, _ in meta.get('skipped', ()))
    assert skipped == {*report['broken'], images[21]}


def test_boxes_outside_of_images_whose_size_no_file_tells_stop_training(people, stock, tmp_path, capsys):
    content = json.loads((people / 'train.json').read_text())
    for image in content['images']:
        del image['width'], image['height']
    for annotation in content['annotations'][:6]:
        annotation['bbox'] = [500, 10, 20, 20]
    (tmp_path / 'outside.json').write_text(json.dumps(content))
    switch(stock, unlabeled=dict(ann_file=str(tmp_path / 'outside.json'))).dump(tmp_path / 'config.py')
    assert check_data([str(tmp_path / 'config.py')]) == 1
    printed = capsys.readouterr().out
    assert '18 instances' in printed and '6 of 24 instances cannot be used, more than max_broken=0.1' in printed


def test_a_broken_labelled_image_fails_the_scan(copied, stock, tmp_path, capsys):
    stock['train_dataloader']['dataset']['data_root'] = str(copied)
    (copied / 'images' / 'train_00002.jpg').write_bytes(b'no image')
    switch(stock).dump(tmp_path / 'config.py')
    assert check_data([str(tmp_path / 'config.py')]) == 1
    printed = capsys.readouterr().out
    assert 'labeled: 8 images, 1 of which cannot be used; 7 instances' in printed
    assert 'train_00002.jpg does not decode' in printed


def test_a_scan_looks_at_each_image_once_in_threads(switched, monkeypatch):
    looked = []
    original = scan_module._examine
    monkeypatch.setattr(scan_module, '_examine', lambda path, *rest: looked.append(path) or original(path, *rest))
    found = scan(switched, jobs=3)
    assert sorted(looked[8:]) == sorted(set(looked[8:])) and found['unlabeled'].images == 24 == len(looked) - 8


def dump(config, tmp_path) -> str:
    config.dump(tmp_path / 'config.py')
    return str(tmp_path / 'config.py')


def test_a_scan_tells_what_would_stop_training(people, stock, tmp_path, capsys):
    content = json.loads((people / 'train.json').read_text())
    names = content['categories'][0]['keypoints']
    names[1], names[2] = names[2], names[1]
    for each in content['annotations']:
        left, top, width, height = each['bbox']
        each['bbox'] = [left, top, left + width, top + height]
    content['annotations'][3]['category_id'] = 7
    content['annotations'][4]['keypoints'] *= 2
    (tmp_path / 'labels.json').write_text(json.dumps(content))
    config = dump(switch(stock, labeled=dict(ann_file=str(tmp_path / 'labels.json'))), tmp_path)
    assert check_data([config, '--json', str(tmp_path / 'report.json')]) == 1
    printed = capsys.readouterr().out
    stops = [line for line in printed.splitlines() if line.startswith('    training would stop: ')]
    assert len(stops) == 4 and all('labels.json' in line for line in stops)
    for reason in ('seem to be (left, top, right, bottom)', 'list keypoint', 'has category_id 7', 'has 34 keypoints'):
        assert reason in printed
    assert json.loads((tmp_path / 'report.json').read_text())['labeled']['stops'] == [
        line.split(': ', 1)[1] for line in stops
    ]
    config = dump(switch(stock, unlabeled=str(tmp_path / 'labels.json')), tmp_path)
    assert check_data([config]) == 1
    (error,) = capsys.readouterr().err.strip().splitlines()[-1:]
    assert 'labels.json' in error and 'seem to be (left, top, right, bottom)' in error


def test_a_scan_finds_images_of_one_set_in_another_under_any_name(copied, stock, tmp_path, capsys):
    for name in ('train', 'val', 'test'):
        stock[f'{name}_dataloader']['dataset']['data_root'] = str(copied)
    images = copied / 'images'
    (images / 'train_00003.jpg').write_bytes((images / 'val_00001.jpg').read_bytes())
    assert check_data([dump(switch(stock), tmp_path), '--json', str(tmp_path / 'report.json')]) == 0
    report = json.loads((tmp_path / 'report.json').read_text())
    for side, name, count in (('labeled', 'labelled', 8), ('unlabeled', 'unlabelled', 24)):
        assert report[side]['hints'][0] == (
            f'1 of {count} {name} images are validation and test images too, for instance {images}/train_00003.jpg '
            f'({images}/val_00001.jpg there): scores on them say little about new images; take them out of the {name} '
            'set'
        )
    assert report['unlabeled']['hints'][1].startswith('8 of 8 labelled images are unlabelled images too')
    assert '1 of 8 labelled images are validation and test images too' in capsys.readouterr().out


def test_a_scan_does_without_a_validation_set_that_cannot_be_read_and_counts_batches(people, stock, tmp_path):
    stock['val_dataloader']['dataset']['ann_file'] = 'nowhere.json'
    found = scan(switch(stock, labeled=dict(indices=3), batch=(4, 25)), jobs=1)
    assert any('the validation set (val_dataloader) cannot be read' in hint for hint in found['labeled'].hints)
    assert any('takes 4 labelled instances, but there are only 3' in hint for hint in found['labeled'].hints)
    assert any('takes 25 unlabelled instances, but there are only 24' in hint for hint in found['unlabeled'].hints)
    assert not any(each.stops for each in found.values())
