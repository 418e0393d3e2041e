# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import json

import numpy as np
import pytest
from conftest import tool
from mmpose.registry import DATASETS

from mmpose_dualteach.datasets import UnlabeledPoseDataset
from mmpose_dualteach.prepare.split import split_labels as split

split_labels = tool('split_labels')


def people(images=40, seed=0):
    """A COCO-format file: 1 to 4 people an image, some of them without labels, a crowd, an image with nobody."""
    random = np.random.default_rng(seed)
    content = dict(
        info=dict(of='this test'), images=[], annotations=[], categories=[dict(id=1, name='person', keypoints=['nose'])]
    )
    for image in range(images):
        content['images'].append(dict(id=1000 + image, file_name=f'{image}.jpg', width=100, height=100))
        for _ in range(random.integers(1, 5) if image else 0):
            labels = int(random.random() < 0.8)
            content['annotations'].append(
                dict(
                    id=len(content['annotations']),
                    image_id=1000 + image,
                    category_id=1,
                    iscrowd=0,
                    bbox=[1, 2, 30, 40],
                    area=600.0,
                    keypoints=[5, 6, 2 * labels] * 17,
                    num_keypoints=17 * labels,
                    face_kpts=[1.0, 2.0, 2.0],
                    face_box=[1, 1, 2, 2],
                    face_valid=True,
                    segmentation=[[1, 2, 3, 4]],
                )
            )
    content['annotations'][0].update(iscrowd=1)
    return content


def write(path, content):
    path.write_text(json.dumps(content))
    return str(path)


def read(folder):
    return [json.loads((folder / f'{name}.json').read_text()) for name in ('labeled', 'unlabeled', 'manifest')]


def has_label(person):
    return not person['iscrowd'] and person['num_keypoints'] > 0


@pytest.mark.parametrize('seed', [0, 1])
def test_a_split_has_as_many_labelled_instances_as_asked_for_and_shares_no_image(tmp_path, seed):
    content = people()
    manifest = split(write(tmp_path / 'all.json', content), 31, str(tmp_path), seed)
    labeled, unlabeled, written = read(tmp_path)
    assert manifest == written and written['seed'] == seed
    assert sum(has_label(person) for person in labeled['annotations']) == 31
    assert written['labeled']['instances_with_labels'] == 31
    sides = [{image['id'] for image in part['images']} for part in (labeled, unlabeled)]
    assert not sides[0] & sides[1] and sides[0] | sides[1] == {image['id'] for image in content['images']}
    for part, side in zip((labeled, unlabeled), sides):
        assert {person['image_id'] for person in part['annotations']} <= side
        assert part['categories'] == content['categories'] and part['info'] == content['info']
    assert len(labeled['annotations']) + len(unlabeled['annotations']) == len(content['annotations'])
    assert [person for person in content['annotations'] if person['image_id'] in sides[0]] == labeled['annotations']


def test_the_unlabelled_side_has_boxes_and_no_label(tmp_path):
    split(write(tmp_path / 'all.json', people()), 20, str(tmp_path))
    _, unlabeled, _ = read(tmp_path)
    for person in unlabeled['annotations']:
        assert set(person) == {'id', 'image_id', 'category_id', 'iscrowd', 'bbox', 'area', 'face_box', 'face_valid'}
    assert len(UnlabeledPoseDataset(ann_file=str(tmp_path / 'unlabeled.json'), pipeline=[])) > 20


def test_no_label_hides_in_images_or_other_keys(tmp_path):
    content = people()
    for image in content['images']:
        image.update(keypoints=[1, 2, 2], extra='label')
    for person in content['annotations']:
        person.update(joint_valid=[1] * 42, keypoints_valid=True, joints=[[1, 2]], caption='a man at (3, 4)')
    content['more_keypoints'] = [[1, 2, 2]]
    split(write(tmp_path / 'all.json', content), 20, str(tmp_path))
    labeled, unlabeled, _ = read(tmp_path)
    assert set(unlabeled) == {'info', 'images', 'annotations', 'categories'}
    assert all(set(image) == {'id', 'file_name', 'width', 'height'} for image in unlabeled['images'])
    assert not any({'joint_valid', 'keypoints_valid', 'joints', 'caption'} & set(p) for p in unlabeled['annotations'])
    assert labeled['more_keypoints'] and all('joints' in person for person in labeled['annotations'])


def test_a_split_depends_on_seed_and_ids_alone(tmp_path):
    content = people()
    shuffled = json.loads(json.dumps(content))
    np.random.default_rng(5).shuffle(shuffled['annotations'])
    np.random.default_rng(6).shuffle(shuffled['images'])
    sums = []
    for number, (source, seed) in enumerate([(content, 0), (shuffled, 0), (content, 1)]):
        manifest = split(write(tmp_path / f'{number}.json', source), 25, str(tmp_path / str(number)), seed)
        sums.append(manifest['checksum'])
    assert sums[0] == sums[1] != sums[2]
    few, many = [
        {person['id'] for person in read(tmp_path / name)[0]['annotations']}
        for name in ('0', 'more')
        if split(write(tmp_path / 'a.json', content), 50, str(tmp_path / 'more'))
    ]
    assert len(few & many) > 0.9 * len(few), 'fewer labels are about the beginning of more'


def test_images_shares_and_shared_images(tmp_path):
    content = people()
    path = write(tmp_path / 'all.json', content)
    with_labels = {person['image_id'] for person in content['annotations'] if has_label(person)}
    total = sum(has_label(person) for person in content['annotations'])
    split(path, 10, str(tmp_path), unit='images')
    labeled, _, manifest = read(tmp_path)
    assert len({image['id'] for image in labeled['images']}) == 10 == manifest['labeled']['images']
    assert {image['id'] for image in labeled['images']} <= with_labels
    assert split(path, 0.25, str(tmp_path / 'share'))['labeled']['instances_with_labels'] == round(0.25 * total)
    split(path, 30, str(tmp_path / 'both'), share_images=True)
    labeled, unlabeled, _ = read(tmp_path / 'both')
    sides = [{image['id'] for image in part['images']} for part in (labeled, unlabeled)]
    assert len(labeled['annotations']) == 30 and sides[0] & sides[1]
    with pytest.raises(ValueError, match='cannot be counted; count instances'):
        split(path, 3, str(tmp_path), unit='images', share_images=True)


def test_mpiis_list_is_split_by_image_too(tmp_path):
    listed = [
        dict(
            image=f'{n // 3:06d}.jpg', center=[50.0, 60.0], scale=1.0 + n, joints=[[1.0, 2.0]] * 16, joints_vis=[1] * 16
        )
        for n in range(30)
    ]
    split(write(tmp_path / 'mpii.json', listed), 9, str(tmp_path))
    labeled, unlabeled, manifest = read(tmp_path)
    assert len(labeled) == 9 and len(unlabeled) == 21 and manifest['unlabeled']['images'] == 7
    assert not {person['image'] for person in labeled} & {person['image'] for person in unlabeled}
    assert all(set(person) == {'image', 'center', 'scale'} for person in unlabeled)
    turned = split(write(tmp_path / 'turned.json', listed[::-1]), 9, str(tmp_path / 'turned'))
    other = split(str(tmp_path / 'mpii.json'), 9, str(tmp_path / 'other'), seed=1)
    assert turned['checksum'] == manifest['checksum'] != other['checksum']
    options = dict(dataset_type='MpiiDataset', pipeline=[])
    assert len(UnlabeledPoseDataset(ann_file=str(tmp_path / 'unlabeled.json'), **options)) == 21
    assert len(DATASETS.build(dict(type='MpiiDataset', ann_file=str(tmp_path / 'labeled.json')))) == 9


def test_every_stock_sample_in_such_a_format_splits_and_is_read_again(shared_data, tmp_path):
    from mmpose_dualteach.dev.sweep.samples import SAMPLES

    done = []
    for kind, (ann_file, images) in sorted(SAMPLES.items()):
        path = shared_data / 'stock_samples' / ann_file
        if not path.exists() or kind in ('InterHand2DDoubleDataset', 'DeepFashionDataset'):
            continue
        try:
            manifest = split(str(path), 0.6, str(tmp_path / kind))
        except ValueError as error:
            assert 'has 0 instances with labels' in str(error) or 'no image has so few' in str(error), kind
            continue
        assert manifest['labeled']['instances_with_labels'] >= 1, kind
        prefix = dict(img=str(shared_data / 'stock_samples' / images))
        labeled = DATASETS.build(dict(type=kind, ann_file=str(tmp_path / kind / 'labeled.json'), data_prefix=prefix))
        assert len(labeled) >= 1, kind
        done.append(kind)
    assert len(done) > 15


def test_where_no_image_has_so_few_instances_it_says_so(tmp_path):
    content = people()
    for person in content['annotations']:
        person['image_id'] = 1003
    with pytest.raises(ValueError, match='no image has so few .*share_images'):
        split(write(tmp_path / 'a.json', content), 1, str(tmp_path / 'out'))


def test_the_tool_prints_what_to_compare_and_names_what_is_wrong(tmp_path, capsys):
    path = write(tmp_path / 'all.json', people())
    assert split_labels([path, '--labeled', '12', '-o', str(tmp_path / 'out')]) == 0
    printed = capsys.readouterr().out
    checksum = json.loads((tmp_path / 'out' / 'manifest.json').read_text())['checksum']
    assert 'labeled: 12 instances with labels' in printed
    assert f'checksum {checksum} (seed 0, counted in instances)' in printed
    for content, message in (
        (people(), 'has 86 instances with labels; 900 were asked for'),
        ([1, 2], "neither in COCO's format"),
        (dict(a=1), "neither in COCO's format"),
    ):
        assert split_labels([write(tmp_path / 'x.json', content), '--labeled', '900', '-o', str(tmp_path / 'no')]) == 1
        error = capsys.readouterr().err
        assert 'x.json' in error and error.count('\n') == 1
        assert message.split(' ', 2)[-1] in error or message in error
    assert not (tmp_path / 'no').exists()


def test_another_split_is_not_replaced(tmp_path, capsys):
    given = [write(tmp_path / 'all.json', people()), '--labeled', '12', '-o', str(tmp_path / 'out')]
    assert split_labels(given) == split_labels(given) == 0
    before = (tmp_path / 'out' / 'labeled.json').read_bytes()
    assert split_labels([*given, '--seed', '1']) == 1
    assert 'labeled.json is there with other content; name another output' in capsys.readouterr().err
    assert (tmp_path / 'out' / 'labeled.json').read_bytes() == before
    assert split_labels(['nothere.json', *given[1:]]) == 1
    assert capsys.readouterr().err == 'error: nothere.json does not exist; name one that does\n'


def test_a_source_is_never_written_over(tmp_path):
    source = write(tmp_path / 'labeled.json', people())
    with pytest.raises(ValueError, match='labeled.json is read and would be written over; name another output'):
        split(source, 5, str(tmp_path))
    assert len(json.loads((tmp_path / 'labeled.json').read_text())['annotations']) == len(people()['annotations'])


@pytest.mark.parametrize('ids', [[None] * 100, [7] * 100], ids=['without', 'shared'])
def test_instances_are_told_apart_whatever_their_ids(tmp_path, ids):
    content = people()
    for own, each in zip(ids, content['annotations']):
        each.pop('id')
        if own is not None:
            each['id'] = own
    source = write(tmp_path / 'source.json', content)
    manifests = [split(source, 9, str(tmp_path / f'{seed}'), seed=seed, share_images=True) for seed in (0, 1)]
    assert [each['labeled']['instances_with_labels'] for each in manifests] == [9, 9]
    assert manifests[0]['checksum'] != manifests[1]['checksum']
