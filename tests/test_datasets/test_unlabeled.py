# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import json
import shutil

import numpy as np
import pytest
from conftest import edit_json, switch
from mmpose.registry import DATASETS

from mmpose_dualteach.datasets import UnlabeledPoseDataset
from mmpose_dualteach.dev.sweep.samples import SAMPLES


def unlabeled(folder, **options):
    return UnlabeledPoseDataset(
        **dict(dict(data_root=str(folder), data_prefix=dict(img='images/'), ann_file='train.json'), **options)
    )


def whole(config):
    return DATASETS.build(config.train_dataloader.dataset)


def test_an_instance_is_a_path_and_a_box_and_never_a_keypoint(people):
    dataset = unlabeled(people)
    assert len(dataset) == 24
    for index in range(24):
        own = {'bbox', 'id', 'img_id', 'img_path', 'sample_idx'}
        assert set(dataset.get_data_info(index)) == own | {'flip_indices', 'dataset_keypoint_weights'}


def test_boxes_are_the_labelled_datasets_boxes(people, shared_data):
    stock = DATASETS.build(dict(type='CocoDataset', data_root=str(people), ann_file='train.json'))
    dataset = unlabeled(people)
    for index in range(24):
        assert np.allclose(dataset.get_data_info(index)['bbox'], stock.get_data_info(index)['bbox'])
    faces = dict(data_root=str(shared_data / 'faces'), ann_file='val.json', data_prefix=dict(img='images/'))
    stock = DATASETS.build(dict(type='Face300WDataset', **faces))
    dataset = UnlabeledPoseDataset(dataset_type='Face300WDataset', **faces)
    for key in ('bbox', 'bbox_center', 'bbox_scale'):
        assert np.allclose(dataset.get_data_info(7)[key], stock.get_data_info(7)[key])


def test_a_detectors_boxes_serve_a_dataset_that_reads_centres(shared_data, tmp_path):
    (tmp_path / 'boxes.json').write_text(
        json.dumps(
            [
                dict(image_id=331, category_id=1, bbox=[10, 20, 100, 50], score=0.9),
                dict(image_id=332, category_id=1, bbox=[10, 20, 30, 40], score=0.1),
            ]
        )
    )
    dataset = UnlabeledPoseDataset(
        dataset_type='Face300WDataset',
        data_root=str(shared_data / 'faces'),
        ann_file='val.json',
        data_prefix=dict(img='images/'),
        bbox_file=str(tmp_path / 'boxes.json'),
        bbox_thr=0.5,
    )
    assert len(dataset) == 1 and dataset.get_data_info(0)['bbox'].tolist() == [[10, 20, 110, 70]]


def test_a_folder_is_one_instance_an_image(people, stock):
    config = switch(stock, unlabeled=str(people / 'images'))
    dataset = whole(config)
    assert dataset.num_unlabeled == 30
    sample = dataset[dataset.num_labeled]
    assert sample['inputs']['easy'].shape == sample['inputs']['hard'].shape == (3, 96, 64)
    assert sample['inputs']['labeled'] is None


def test_both_views_are_cut_from_the_original_pixels(people, stock):
    """Each view equals what its recorded matrix says of the original image."""
    import cv2

    dataset = whole(switch(stock, rand_augment=False))
    sample = dataset[dataset.num_labeled + 3]
    for branch in ('easy', 'hard'):
        meta = sample['data_samples'][branch].metainfo
        image = cv2.imread(meta['img_path'])
        expected = cv2.warpAffine(image, meta['view_matrix'], (64, 96), flags=cv2.INTER_LINEAR)
        assert np.array_equal(expected, sample['inputs'][branch].permute(1, 2, 0).numpy())


def test_an_unturned_view_is_what_the_stock_pipeline_cuts(people, stock):
    still = dict(shift_prob=0.0, scale_prob=0.0, rotate_prob=0.0, flip_prob=0.0)
    dataset = whole(switch(stock, views=dict(easy=still, hard=still)))
    valid = DATASETS.build(dict(stock['val_dataloader']['dataset'], ann_file='train.json'))
    sample = dataset[dataset.num_labeled + 5]
    assert np.array_equal(sample['inputs']['easy'], valid[5]['inputs'])
    mirrored = dict(still, flip_prob=1.0)
    dataset = whole(switch(stock, views=dict(easy=mirrored, hard=still)))
    pipeline = [
        dict(type='LoadImage'),
        dict(type='GetBBoxCenterScale'),
        dict(type='RandomFlip', prob=1.0),
        dict(type='TopdownAffine', input_size=(64, 96)),
        dict(type='PackPoseInputs'),
    ]
    flipped = DATASETS.build(dict(stock['val_dataloader']['dataset'], ann_file='train.json', pipeline=pipeline))
    difference = (dataset[dataset.num_labeled + 5]['inputs']['easy'].int() - flipped[5]['inputs'].int()).abs()
    assert difference.float().mean() < 1.0, 'cv2 rounds the two maps differently, by fractions of a grey level'


def test_broken_images_are_replaced_and_reported(copied, stock):
    stock['train_dataloader']['dataset']['data_root'] = str(copied)
    dataset = whole(switch(stock, labeled=dict(indices=8)))
    infos = [dataset.datasets[1].get_data_info(i) for i in (20, 21, 22)]
    with open(infos[0]['img_path'], 'wb') as file:
        file.write(b'no image')
    open(infos[1]['img_path'], 'wb').close()
    import os

    os.remove(infos[2]['img_path'])
    for offset, info in zip((20, 21, 22), infos):
        sample = dataset[8 + offset]
        skipped = dict(sample['data_samples']['easy'].metainfo['skipped'])
        assert info['img_path'] in skipped
        again = dataset[8 + offset]['data_samples']['easy'].metainfo
        assert again['img_path'] == sample['data_samples']['easy'].metainfo['img_path'], 'the same in every run'
    assert 'skipped' not in dataset[8]['data_samples']['easy'].metainfo


def test_a_vanished_source_is_named(copied, stock):
    stock['train_dataloader']['dataset']['data_root'] = str(copied)
    dataset = whole(switch(stock))
    shutil.rmtree(copied / 'images')
    with pytest.raises(ValueError, match='20 unlabelled images in a row.*images'):
        dataset[10]


def test_a_fault_of_the_pipeline_is_not_blamed_on_the_image(people):
    def broken(info):
        raise RuntimeError('my own fault')

    dataset = unlabeled(people, pipeline=[broken])
    with pytest.raises(RuntimeError, match='my own fault'):
        dataset[0]
    for reads, told in (
        (lambda info: info['keypoints'], "reads 'keypoints'"),
        (lambda info: info.keypoints, "fails with AttributeError: 'dict' object has no attribute 'keypoints'"),
        (lambda info: info.get('keypoints'), 'gives nothing'),
    ):
        dataset = unlabeled(people, pipeline=[reads])
        with pytest.raises(ValueError, match=f'a transform of the unlabelled pipeline .* {told}.*unlabeled.pipeline'):
            dataset[0]


def boxes(change):
    def edit(content):
        for annotation in content['annotations'][:2]:
            change(annotation)

    return edit


@pytest.mark.parametrize(
    'change',
    [
        lambda a: a.update(bbox=[500, 10, 20, 20]),
        lambda a: a.update(bbox=[5, 5, 0, 20]),
        lambda a: a.update(bbox=[5, 5, float('nan'), 20]),
        lambda a: a.update(bbox=[5, 5]),
        lambda a: a.update(image_id=999),
    ],
)
def test_unusable_unlabelled_boxes_are_skipped_and_counted(people, tmp_path, change, caplog):
    path = edit_json(people / 'train.json', tmp_path / 'bad.json', boxes(change))
    assert len(unlabeled(people, ann_file=str(path))) == 22
    with pytest.raises(ValueError, match='2 of 24 boxes cannot be used.*unlabeled.max_broken \\(--max-broken beside'):
        unlabeled(people, ann_file=str(path), max_broken=0.05)


def test_annotations_beside_detections_are_not_counted(people, tmp_path):
    path = edit_json(people / 'train.json', tmp_path / 'bad.json', boxes(lambda a: a.pop('id')))
    detections = [dict(image_id=number, category_id=1, bbox=[1, 1, 20, 20], score=1.0) for number in (1, 2, 3)]
    (tmp_path / 'boxes.json').write_text(json.dumps(detections))
    found = unlabeled(people, ann_file=str(path), bbox_file=str(tmp_path / 'boxes.json'), max_broken=0.0)
    assert len(found) == 3 and not found.load_report.broken


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(ann_file='nowhere.json'), 'annotation file .*nowhere.json is missing; .*\\(--unlabeled\\)'),
        (dict(bbox_file='nowhere.json'), 'box file .*nowhere.json is missing; .*\\(--boxes\\)'),
        (dict(ann_file='', data_prefix=dict(img='nowhere')), 'image folder .*nowhere is missing; .*\\(--unlabeled\\)'),
    ],
)
def test_missing_sources_are_named(people, options, message):
    with pytest.raises(FileNotFoundError, match=message):
        unlabeled(people, **options)


def test_empty_sets_and_foreign_boxes_are_named(people, tmp_path):
    (tmp_path / 'empty').mkdir()
    with pytest.raises(ValueError, match='unlabelled set is empty.*empty'):
        unlabeled(tmp_path, ann_file='', data_prefix=dict(img='empty'))
    (tmp_path / 'boxes.json').write_text(json.dumps([dict(image_id=777, category_id=1, bbox=[1, 1, 5, 5], score=1.0)]))
    with pytest.raises(ValueError, match='boxes.json.*does not list'):
        unlabeled(people, bbox_file=str(tmp_path / 'boxes.json'))
    bare = edit_json(people / 'train.json', tmp_path / 'bare.json', lambda content: content.pop('annotations'))
    with pytest.raises(ValueError, match='bare.json lists 24 images and no boxes; give boxes'):
        unlabeled(people, ann_file=str(bare))
    assert len(unlabeled(people, ann_file=str(bare), whole_images=True)) == 24


@pytest.mark.parametrize(
    'text, message',
    [('[1, 2', 'bad.json is no valid JSON'), ('[]', 'bad.json is no COCO-format annotation file.*bbox_file')],
)
def test_malformed_files_are_named(people, tmp_path, text, message):
    (tmp_path / 'bad.json').write_text(text)
    with pytest.raises(ValueError, match=message):
        unlabeled(people, ann_file=str(tmp_path / 'bad.json'))


def labelled_file(people, tmp_path, stock, change):
    path = edit_json(people / 'train.json', tmp_path / 'labels.json', change)
    return switch(stock, labeled=dict(ann_file=str(path)))


@pytest.mark.parametrize(
    'change, message',
    [
        (lambda c: c['annotations'][3].update(bbox=[1, 1, 0, 5]), 'labels.json: annotation 4: box .* has no area'),
        (
            lambda c: c['annotations'][3].update(bbox=[900, 1, 5, 5]),
            'labels.json: annotation 4: box .* outside its image',
        ),
        (lambda c: c['annotations'][3]['keypoints'].__setitem__(0, float('nan')), 'keypoints are not finite'),
        (lambda c: c['images'].pop(3), 'names image 4, which the file does not list'),
        (lambda c: c['images'][3].update(file_name='gone.jpg'), 'labelled image .*gone.jpg: is missing'),
    ],
)
def test_what_is_wrong_in_a_labelled_file_stops_before_training(people, tmp_path, stock, change, message):
    with pytest.raises(ValueError, match=message):
        whole(labelled_file(people, tmp_path, stock, change))


def joined(stock, first):
    """The labelled set as one of two joined ones, the other behind a pipeline that no check may run."""
    inner = dict(stock['train_dataloader']['dataset'])
    pipeline = inner.pop('pipeline')
    untouched = [dict(type='KeypointConverter', num_keypoints=17, mapping=[(99, 99)])]
    second = dict(type='RepeatDataset', times=2, dataset=dict(inner, ann_file='val.json', pipeline=untouched))
    stock['train_dataloader']['dataset'] = dict(
        type='CombinedDataset', metainfo=inner['metainfo'], pipeline=pipeline, datasets=[dict(inner, **first), second]
    )
    return switch(stock, labeled=None)


def test_each_of_joined_labelled_sets_is_checked(copied, stock):
    stock['train_dataloader']['dataset']['data_root'] = str(copied)
    assert whole(joined(dict(stock, train_dataloader=dict(stock['train_dataloader'])), {})).num_labeled == 24 + 2 * 6
    gone = sorted((copied / 'images').glob('val_*'))[1]
    gone.unlink()
    with pytest.raises(ValueError, match=f'{gone.name}: is missing'):
        whole(joined(stock, {}))


def test_an_empty_one_of_joined_labelled_sets_is_named(people, tmp_path, stock):
    nobody = edit_json(people / 'train.json', tmp_path / 'nobody.json', lambda c: c.update(annotations=[]))
    with pytest.raises(ValueError, match='labelled set is empty: .*nobody.json'):
        whole(joined(stock, dict(ann_file=str(nobody))))


def test_different_keypoint_definitions_are_named(people, stock):
    with pytest.raises(ValueError, match='different keypoint definitions: num_keypoints is 17.*68'):
        whole(switch(stock, unlabeled=dict(ann_file='train.json', dataset_type='Face300WDataset', metainfo=None)))


def readable(samples):
    """The stock classes whose sample is in COCO's or MPII's format, with that file and its folder of images."""
    for kind, (ann_file, images) in sorted(SAMPLES.items()):
        other = kind in ('InterHand2DDoubleDataset', 'DeepFashionDataset')
        if not other and DATASETS.get(kind) and (samples / ann_file).exists():
            yield kind, str(samples / ann_file), dict(img=str(samples / images))


def places(dataset):
    """Image and box of everyone in a dataset."""
    people = [dataset.get_data_info(index) for index in range(len(dataset))]
    return {
        (person['img_id'], person['img_path'], key, *np.ravel(person[key]).round(1).tolist())
        for person in people
        for key in ('bbox', 'bbox_center', 'bbox_scale')
        if key in person
    }


def test_every_stock_class_reads_the_same_boxes_with_and_without_labels(shared_data):
    count = 0
    for kind, ann_file, prefix in readable(shared_data / 'stock_samples'):
        stock = DATASETS.build(dict(type=kind, ann_file=ann_file, data_prefix=prefix))
        dataset = unlabeled('', dataset_type=kind, ann_file=ann_file, data_prefix=prefix, max_broken=1)
        assert places(stock) <= places(dataset), kind
        count += len(stock)
    assert count > 100


def test_mpii_instances_need_mpiis_class(shared_data):
    samples = shared_data / 'stock_samples' / 'mpii'
    options = dict(ann_file=str(samples / 'test_mpii.json'), data_prefix=dict(img=str(samples)))
    assert len(unlabeled('', dataset_type='MpiiDataset', **options)) == 5
    with pytest.raises(ValueError, match="test_mpii.json is in MPII's format.*dataset_type='MpiiDataset'"):
        unlabeled('', **options)


def write(path, content):
    path.write_text(json.dumps(content))
    return str(path)


def test_mpii_instances_of_no_size_are_skipped_and_counted(tmp_path):
    good = dict(image='000001.jpg', center=[100.0, 80.0], scale=2.0)
    people = [good] * 8 + [dict(good, center=[-1, -1], scale=-1), dict(good, scale=0), dict(good, center=None)]
    options = dict(dataset_type='MpiiDataset', ann_file=write(tmp_path / 'mpii.json', people))
    with pytest.raises(ValueError, match='3 of 11 boxes cannot be used.*instance 8: centre .* no place of a size'):
        unlabeled('', **options)
    dataset = unlabeled('', max_broken=0.5, **options)
    assert len(dataset) == 8 and dataset.get_data_info(0)['bbox_scale'].tolist() == [[400, 400]]
    named = write(tmp_path / 'named.json', [dict(good, image='holiday_1.jpg')])
    with pytest.raises(ValueError, match='named.json: MpiiDataset cannot read it .*holiday_1'):
        unlabeled('', dataset_type='MpiiDataset', ann_file=named)


def test_mpii_trb_instances_are_read_by_centre_and_scale(tmp_path):
    content = dict(
        images=[dict(id=5, file_name='5.jpg')], annotations=[dict(id=9, image_id=5, center=[100.0, 80.0], scale=2.0)]
    )
    info = unlabeled('', dataset_type='MpiiTrbDataset', ann_file=write(tmp_path / 'trb.json', content)).get_data_info(0)
    assert (info['id'], info['img_id'], info['img_path']) == (9, 5, 'images/5.jpg')
    assert info['bbox_center'].tolist() == [[100, 80]] and info['bbox_scale'].tolist() == [[400, 400]]


def test_instances_with_and_without_a_centre_are_joined(tmp_path):
    content = dict(
        images=[dict(id=1, file_name='1.jpg', width=300, height=300)],
        annotations=[
            dict(id=1, image_id=1, bbox=[10, 20, 40, 60], center=[30, 50], scale=0.4),
            dict(id=2, image_id=1, bbox=[100, 100, 40, 60]),
            dict(id=3, image_id=1, bbox=[150, 100, 40, 60], center=[1, None], scale=2),
            dict(id=4, image_id=1, bbox=[200, 100, 40, 60], center=[9, 9], scale=-1),
        ],
    )
    dataset = unlabeled('', dataset_type='WFLWDataset', ann_file=write(tmp_path / 'mixed.json', content))
    first, second = dataset.get_data_info(0), dataset.get_data_info(1)
    assert first['bbox_scale'].tolist() == pytest.approx(np.array([[80, 80]]), rel=1e-4)
    assert second['bbox_center'].tolist() == [[120, 130]] and second['bbox_scale'].tolist() == [[40, 60]]
    assert [dataset.get_data_info(number)['bbox_center'].tolist() for number in (2, 3)] == [[[170, 130]], [[220, 130]]]


@pytest.mark.parametrize('ids', [[None, 3], [2**63, 2**70], [1, 'b'], ['long' * 50, 'b'], [True, 7], [-5, 2**62]])
def test_ids_stay_what_they_are(tmp_path, ids):
    content = dict(
        images=[dict(id=each, file_name=f'{n}.jpg') for n, each in enumerate(ids)],
        annotations=[dict(id=each, image_id=each, bbox=[1, 1, 5, 5]) for each in ids],
    )
    dataset = unlabeled('', ann_file=write(tmp_path / 'ids.json', content), serialize_data=True)
    people = [dataset.get_data_info(index) for index in range(2)]
    assert [person['id'] for person in people] == [person['img_id'] for person in people] == ids
    assert [type(person['id']) for person in people] == [type(each) for each in ids]


def test_boxes_without_images_are_an_empty_set(tmp_path):
    content = dict(images=[], annotations=[dict(id=1, image_id=1, bbox=[1, 1, 5, 5])])
    with pytest.raises(ValueError, match='unlabelled set is empty: .*does not list'):
        unlabeled('', ann_file=write(tmp_path / 'none.json', content))


def test_two_images_of_one_id_are_named(people, tmp_path):
    def merged(content):
        content['images'][5]['id'] = content['images'][4]['id']

    spoilt = edit_json(people / 'train.json', tmp_path / 'merged.json', merged)
    with pytest.raises(ValueError, match=r'merged.json: images train_00004.jpg and train_00005.jpg both have the id 5'):
        unlabeled(people, ann_file=str(spoilt))
    listed_twice = edit_json(
        people / 'train.json', tmp_path / 'twice.json', lambda content: content['images'].append(content['images'][4])
    )
    assert len(unlabeled(people, ann_file=str(listed_twice))) == 24
