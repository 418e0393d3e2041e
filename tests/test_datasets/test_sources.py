# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Unlabelled instances as users have them: folders, boxes, videos, storage backends, and everything dirty."""

import json
import os
import pickle
import shutil
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import cv2
import numpy as np
import pytest
from mmcv import VideoReader
from mmengine.fileio import LocalBackend, register_backend
from mmpose.datasets.transforms import LoadImage
from PIL import Image
from torch.utils.data import DataLoader

from mmpose_dualteach.datasets import LabeledUnlabeledSampler, UnlabeledPoseDataset
from mmpose_dualteach.datasets.sources.images import ImageReader, UnusableImage
from mmpose_dualteach.datasets.sources.load_report import LoadReport
from mmpose_dualteach.datasets.sources.videos import FrameReader, FrameSelection, list_frames

LOAD = [dict(type='LoadImage')]


def folder_set(folder, **options):
    return UnlabeledPoseDataset(**dict(dict(data_prefix=dict(img=str(folder)), pipeline=LOAD), **options))


def picture(path, value=100, size=(40, 30)):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.full((size[1], size[0], 3), value, np.uint8)
    image[:5, :5] = 255
    cv2.imencode('.png' if path.suffix.lower() == '.png' else '.jpg', image)[1].tofile(str(path))
    return path


def write(path, content):
    path.write_text(json.dumps(content))
    return str(path)


def names(dataset, folder):
    return [os.path.relpath(dataset.get_data_info(i)['img_path'], folder) for i in range(len(dataset))]


def paths(dataset):
    return [dataset.get_data_info(index)['img_path'] for index in range(len(dataset))]


# ------------------------------------------------------------------ folders


def test_a_folder_is_listed_recursively_once_and_without_leaving_it(tmp_path):
    folder, other = tmp_path / 'mine', tmp_path / 'other'
    for name in ('b.jpg', 'a/deep/er/c.PNG', 'Ünïcødé 日本 😀.jpeg', 'x' * 240 + '.jpg'):
        picture(folder / name)
    picture(folder / os.fsdecode(b'latin-\xe9.jpg'))
    picture(other / 'secret.jpg')
    (folder / 'notes.txt').write_text('no picture')
    os.symlink(folder, folder / 'a' / 'loop')
    os.symlink(other, folder / 'elsewhere')
    dataset = folder_set(folder)
    assert sorted(names(dataset, folder)) == sorted(
        ['b.jpg', 'a/deep/er/c.PNG', 'Ünïcødé 日本 😀.jpeg', 'x' * 240 + '.jpg', os.fsdecode(b'latin-\xe9.jpg')]
    )
    assert all(dataset[index]['img'].shape == (30, 40, 3) for index in range(5))
    assert dataset.load_report.left_out == {'links to folders': 2, "files with suffix '.txt'": 1}


def test_a_link_out_of_the_folder_is_not_opened(tmp_path):
    picture(tmp_path / 'other' / 'secret.jpg', 7)
    picture(tmp_path / 'mine' / 'b.jpg', 200)
    os.symlink(tmp_path / 'other' / 'secret.jpg', tmp_path / 'mine' / 'a.jpg')
    reader = folder_set(tmp_path / 'mine').image_reader()
    with pytest.raises(UnusableImage, match='a link to .*secret.jpg, outside of .*allow_outside=True'):
        reader.read(str(tmp_path / 'mine' / 'a.jpg'))
    allowed = folder_set(tmp_path / 'mine', allow_outside=True)
    assert allowed[0]['img'].mean() < 50 < allowed[1]['img'].mean()
    os.symlink(tmp_path / 'mine', tmp_path / 'named')
    assert folder_set(tmp_path / 'named')[1]['img'].mean() > 150, 'the source itself may be a link'


def test_folders_that_cannot_be_read_are_told(tmp_path, monkeypatch):
    for name in ('a/1.jpg', 'locked/2.jpg', *(f'b/{n}.jpg' for n in range(20))):
        picture(tmp_path / name)
    scandir = os.scandir

    def locked(path):
        if str(path).endswith('locked'):
            raise PermissionError(13, 'Permission denied', str(path))
        return scandir(path)

    monkeypatch.setattr(os, 'scandir', locked)
    dataset = folder_set(tmp_path)
    assert len(dataset) == 21
    assert list(dataset.load_report.broken) == [f'folder {tmp_path}/locked cannot be read (Permission denied)']


@pytest.mark.parametrize('ids', [['day 1/a.jpg', 'b.png'], [7, 139]])
def test_boxes_for_a_folder_go_by_name_or_number(tmp_path, ids):
    files = ids if isinstance(ids[0], str) else ['day 1/007.jpg', '000000000139.png']
    for name in (*files, 'nobody.jpg'):
        picture(tmp_path / 'images' / name)
    boxes = write(
        tmp_path / 'boxes.json',
        [
            dict(image_id=ids[1], category_id=1, bbox=[1, 2, 10, 20], score=0.9),
            dict(image_id=ids[1], category_id=1, bbox=[5, 2, 10, 20], score=0.8),
            dict(image_id=ids[0], category_id=1, bbox=[1, 2, 5, 5], score=0.7),
        ],
    )
    dataset = folder_set(tmp_path / 'images', bbox_file=boxes)
    assert names(dataset, tmp_path / 'images') == [files[1], files[1], files[0]]
    assert dataset.get_data_info(1)['bbox'].tolist() == [[5, 2, 15, 22]]


# ------------------------------------------------------------------ boxes


def boxes_on_one_image(tmp_path, boxes, **options):
    content = dict(images=[dict(id=1, file_name='a.jpg', width=100, height=100)])
    return UnlabeledPoseDataset(
        ann_file=write(tmp_path / 'list.json', content),
        pipeline=[],
        bbox_file=write(tmp_path / 'boxes.json', boxes),
        **options,
    )


def box(category=1, score=0.9, size=10, left=0, **more):
    return dict(image_id=1, category_id=category, bbox=[left, 0, size, size], score=score, **more)


def test_detections_are_chosen_by_score_category_and_area(tmp_path):
    boxes = [
        box(left=n, category=c, score=s, size=size)
        for n, (c, s, size) in enumerate([(1, 0.9, 10), (1, 0.4, 10), (2, 0.9, 10), (1, 0.9, 4), (3, 0.5, 30)])
    ]
    dataset = boxes_on_one_image(tmp_path, boxes, bbox_thr=0.5, min_area=20)
    assert [dataset.get_data_info(i)['id'] for i in range(len(dataset))] == [0]
    assert dataset.load_report.left_out == {
        'of other categories': 2,
        'with a score below 0.5': 1,
        'smaller than 20 square pixels': 1,
    }
    assert len(boxes_on_one_image(tmp_path, boxes)) == 3, 'category 1, as stock MMPose'
    assert len(boxes_on_one_image(tmp_path, boxes, category=[2, 3])) == 2
    assert len(boxes_on_one_image(tmp_path, boxes, category='person')) == 3
    assert len(boxes_on_one_image(tmp_path, [box(7), box(7, left=9)])) == 2, 'the only one there is'
    with pytest.raises(ValueError, match='set is empty: .*boxes.json.*left out: 5 of other categories'):
        boxes_on_one_image(tmp_path, boxes, category=99)
    with pytest.raises(ValueError, match="category='dog' is unknown to .*boxes.json; it has no names"):
        boxes_on_one_image(tmp_path, boxes, category='dog')


def annotated(tmp_path, categories, **options):
    content = dict(
        images=[dict(id=1, file_name='a.jpg')],
        categories=categories,
        annotations=[dict(id=n, image_id=1, category_id=n, bbox=[n, 0, 10, 10]) for n in (1, 2, 3)],
    )
    return UnlabeledPoseDataset(ann_file=write(tmp_path / 'all.json', content), pipeline=[], **options)


def test_of_several_categories_those_with_keypoints_are_instances(tmp_path):
    plain = [dict(id=n, name=name) for n, name in ((1, 'person'), (2, 'dog'), (3, 'cat'))]
    with pytest.raises(ValueError, match="3 categories .person, dog, cat, .*unlabeled.category='person'"):
        annotated(tmp_path, plain)
    assert len(annotated(tmp_path, plain, category='person')) == 1
    assert len(annotated(tmp_path, plain, category=['dog', 3])) == 2
    jointed = [dict(each, keypoints=['nose']) if each['id'] > 1 else each for each in plain]
    assert [annotated(tmp_path, jointed).get_data_info(i)['id'] for i in (0, 1)] == [2, 3]
    with pytest.raises(ValueError, match="category='horse' is unknown to .*all.json; it has person, dog, cat"):
        annotated(tmp_path, plain, category='horse')


def test_the_same_box_again_counts_once(tmp_path):
    dataset = boxes_on_one_image(tmp_path, [box(), box(left=3), box(), box(score=0.1)])
    assert [dataset.get_data_info(i)['id'] for i in range(len(dataset))] == [0, 1]
    assert dataset.load_report.left_out == {'the same box of the same image again': 2}
    assert not dataset.load_report.broken


@pytest.mark.parametrize(
    'name, reason',
    [
        ('../../etc/passwd', 'leads out of the folder'),
        ('a/../../b.jpg', 'leads out of the folder'),
        ('/etc/passwd', 'is absolute; set unlabeled.allow_outside=True'),
        ('http://example.com/a.jpg', 'an address; nothing is ever downloaded'),
        ('s3://bucket/a.jpg', 'an address'),
        ('a\0.jpg', 'is no name'),
        ('', 'is no name'),
        (None, 'is no name'),
        (['a.jpg'], 'is no name'),
    ],
)
def test_names_in_a_file_do_not_lead_out_of_the_folder(tmp_path, name, reason):
    images = [dict(id=n, file_name=f'{n}.jpg') for n in range(20)] + [dict(id=99, file_name=name)]
    content = dict(
        images=images, annotations=[dict(id=image['id'], image_id=image['id'], bbox=[1, 1, 5, 5]) for image in images]
    )
    dataset = UnlabeledPoseDataset(
        ann_file=write(tmp_path / 'a.json', content), data_prefix=dict(img=str(tmp_path)), pipeline=[]
    )
    assert len(dataset) == 20 and all(path.startswith(str(tmp_path)) for path in paths(dataset))
    (broken,) = dataset.load_report.broken
    assert reason in broken


def test_absolute_names_are_opened_if_the_user_allows_it(tmp_path):
    image = picture(tmp_path / 'elsewhere' / 'a.jpg')
    content = dict(images=[dict(id=1, file_name=str(image))], annotations=[dict(id=1, image_id=1, bbox=[1, 1, 5, 5])])
    options = dict(
        ann_file=write(tmp_path / 'a.json', content), data_prefix=dict(img=str(tmp_path / 'images')), pipeline=LOAD
    )
    with pytest.raises(ValueError, match='set is empty.*is absolute'):
        UnlabeledPoseDataset(**options)
    assert UnlabeledPoseDataset(allow_outside=True, **options)[0]['img'].shape == (30, 40, 3)


@pytest.mark.parametrize('key', ['ann_file', 'bbox_file', 'folder'])
def test_nothing_is_downloaded(tmp_path, key):
    options = dict(ann_file=write(tmp_path / 'a.json', dict(images=[])))
    options.update(
        dict(folder=dict(ann_file='', data_prefix=dict(img='http://example.com/images'))).get(
            key, {key: 'https://example.com/a.json'}
        )
    )
    with pytest.raises(ValueError, match='is an address; nothing is ever downloaded'):
        UnlabeledPoseDataset(pipeline=[], **options)


def test_a_file_that_is_no_source_is_named(tmp_path):
    (tmp_path / 'labels.csv').write_text('a,b')
    with pytest.raises(ValueError, match='labels.csv is neither a folder of images, nor a video, nor a JSON file'):
        UnlabeledPoseDataset(ann_file='', data_prefix=dict(img=str(tmp_path / 'labels.csv')), pipeline=[])


# ------------------------------------------------------------------ pixels


def saved(path, image, **options):
    image.save(path, **options)
    return str(path)


def test_images_of_every_kind_are_read_as_three_channels_of_8_bits(tmp_path):
    ramp = np.linspace(0, 255, 40 * 30).reshape(30, 40)
    colour = Image.fromarray(np.stack([ramp, ramp[::-1], ramp], -1).astype(np.uint8))
    grey = Image.fromarray(ramp.astype(np.uint8))
    kinds = dict(
        grey=saved(tmp_path / 'grey.jpg', grey),
        cmyk=saved(tmp_path / 'cmyk.jpg', colour.convert('CMYK'), quality=95),
        alpha=saved(tmp_path / 'alpha.png', colour.convert('RGBA')),
        tiff=saved(tmp_path / 'a.tif', colour),
        palette=saved(tmp_path / 'few.png', colour.quantize()),
        webp=saved(tmp_path / 'a.webp', colour, lossless=True),
        deep=saved(tmp_path / 'deep.png', Image.fromarray((ramp * 257).astype(np.uint16))),
        suffix=saved(tmp_path / 'really_a_png.jpg', colour, format='PNG'),
    )
    reader = ImageReader(LoadImage(), [str(tmp_path)])
    for kind, path in kinds.items():
        image = reader.read(path)
        assert image.shape == (30, 40, 3) and image.dtype == np.uint8, kind
        assert np.abs(image[..., 2].astype(float) - ramp).mean() < 6, kind


def test_boxes_are_of_the_same_turn_as_pixels(tmp_path):
    upright = np.zeros((60, 40, 3), np.uint8)
    upright[10:20, 5:15] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # Stored lying; to be turned clockwise.
    lying = np.ascontiguousarray(np.rot90(upright))
    path = saved(tmp_path / 'a.jpg', Image.fromarray(lying), exif=exif, quality=95)
    cases = dict(turned=((40, 60), [5, 10, 10, 10]), stored=((60, 40), [10, 25, 10, 10]), unknown=((), [5, 10, 10, 10]))
    for name, (size, place) in cases.items():
        image = dict(id=1, file_name='a.jpg', **dict(zip(('width', 'height'), size)))
        content = dict(images=[image], annotations=[dict(id=1, image_id=1, bbox=place)])
        person = UnlabeledPoseDataset(
            ann_file=write(tmp_path / f'{name}.json', content), data_prefix=dict(img=str(tmp_path)), pipeline=LOAD
        )[0]
        left, top, right, bottom = person['bbox'][0].astype(int)
        inside = person['img'][top:bottom, left:right]
        assert inside.mean() > 240 and person['img'].sum() < 1.2 * 255 * 300, name
    assert ImageReader(LoadImage(), [str(tmp_path)]).read(path).shape == (60, 40, 3)


@pytest.mark.parametrize(
    'spoil, reason',
    [
        (lambda content: b'', 'is empty'),
        (lambda content: content[: len(content) // 2], 'is truncated'),
        (lambda content: b'GIF87a, or so', 'does not decode'),
        (None, 'is missing'),
    ],
)
@pytest.mark.parametrize('suffix', ['.jpg', '.png'])
def test_what_is_no_whole_image_is_not_used(tmp_path, spoil, reason, suffix):
    path = picture(tmp_path / f'a{suffix}', size=(200, 150))
    if spoil is None:
        path.unlink()
    else:
        path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(UnusableImage, match=reason):
        ImageReader(LoadImage(), [str(tmp_path)]).read(str(path))


def test_trailing_bytes_and_thumbnails_are_no_truncation(tmp_path):
    thumbnail = picture(tmp_path / 'thumb.jpg').read_bytes()
    whole = picture(tmp_path / 'a.jpg', size=(200, 150)).read_bytes()
    with_exif = whole[:2] + b'\xff\xe1' + (len(thumbnail) + 2).to_bytes(2, 'big') + thumbnail + whole[2:]
    for name, content, usable in (
        ('trail', whole + b'\0' * 50 + b'maker note', True),
        ('exif', with_exif, True),
        ('cut', with_exif[:-200], False),
    ):
        path = tmp_path / f'{name}.jpg'
        path.write_bytes(content)
        if usable:
            assert ImageReader(LoadImage(), [str(tmp_path)]).read(str(path)).shape == (150, 200, 3)
        else:
            with pytest.raises(UnusableImage, match='is truncated'):
                ImageReader(LoadImage(), [str(tmp_path)]).read(str(path))


# ------------------------------------------------------------------ several instances of one image


def crowd(tmp_path, images=6, people=4):
    for number in range(images):
        picture(tmp_path / f'{number}.png', 10 * number + 10)
    content = dict(
        images=[dict(id=n, file_name=f'{n}.png') for n in range(images)],
        annotations=[dict(id=n, image_id=n % images, bbox=[n % 20, 1, 5, 5 + n]) for n in range(images * people)],
    )
    return UnlabeledPoseDataset(
        ann_file=write(tmp_path / 'a.json', content), data_prefix=dict(img=str(tmp_path)), pipeline=LOAD
    )


def test_instances_of_one_image_in_a_batch_have_it_decoded_once(tmp_path, monkeypatch):
    dataset = crowd(tmp_path)

    class Joined:
        num_labeled, num_unlabeled = 5, len(dataset)
        image_of_each = dataset.data_list.image_of_each

    class Alone(Joined):
        shared_images = None

    together, alone = [list(LabeledUnlabeledSampler(kind, 2, 8, seed=3)) for kind in (Joined, Alone)]
    for start in range(0, len(alone), 10):
        assert sorted(together[start : start + 10]) == sorted(alone[start : start + 10]), (
            'the same instances in each batch'
        )
    decoded = []
    original = ImageReader._decode
    monkeypatch.setattr(
        ImageReader, '_decode', lambda self, path, size: decoded.append(path) or original(self, path, size)
    )
    batch = [index - 5 for index in together[:10] if index >= 5]
    for index in batch:
        dataset[index]
    images = {dataset.get_data_info(index)['img_path'] for index in batch}
    assert len(decoded) == len(images) < len(batch)


def test_some_instances_of_a_set_keep_their_columns(tmp_path):
    dataset = crowd(tmp_path)
    some = crowd(tmp_path, people=4)
    some.get_subset_([5, 2, 11])
    assert [some.get_data_info(i)['id'] for i in range(3)] == [5, 2, 11] and some[1]['img'].mean() > 0
    assert dataset.get_subset(3)[2]['id'] == 2


# ------------------------------------------------------------------ storage backends


class Shelf(LocalBackend):
    """A store that is no file system of this machine: names only make sense to it."""

    def __init__(self, root):
        self.root = root

    def _inside(self, path):
        return os.path.join(self.root, str(path).replace('shelf://', ''))

    def get(self, path):
        return super().get(self._inside(path))

    def get_text(self, path, encoding='utf-8'):
        return super().get_text(self._inside(path), encoding)

    def exists(self, path):
        return super().exists(self._inside(path))

    def list_dir_or_file(self, path, **options):
        return super().list_dir_or_file(self._inside(path), **options)


class RemoteShelf:
    """The same without being a local backend."""

    def __new__(cls, root):
        shelf = Shelf(root)
        return type(
            'RemoteShelf',
            (),
            {name: staticmethod(getattr(shelf, name)) for name in ('get', 'get_text', 'exists', 'list_dir_or_file')},
        )()


def test_everything_is_read_through_the_storage_backend(tmp_path, monkeypatch):
    from mmengine.fileio import io
    from mmengine.fileio.backends import registry_utils

    monkeypatch.setattr(registry_utils, 'backends', dict(registry_utils.backends))
    monkeypatch.setattr(io, 'backends', registry_utils.backends)
    backend = type('ShelfBackend', (Shelf,), {})
    register_backend('shelf', backend, force=True)
    monkeypatch.setattr('mmpose_dualteach.datasets.sources.files.is_local', lambda *_: False)
    monkeypatch.setattr('mmpose_dualteach.datasets.sources.images.is_local', lambda *_: False)
    for name in ('a.jpg', 'deep/b.jpg'):
        picture(tmp_path / 'store' / 'images' / name)
    args = dict(backend='shelf', root=str(tmp_path / 'store'))
    dataset = UnlabeledPoseDataset(data_prefix=dict(img='shelf://images'), pipeline=LOAD, backend_args=args)
    assert paths(dataset) == ['shelf://images/a.jpg', 'shelf://images/deep/b.jpg']
    assert dataset[1]['img'].shape == (30, 40, 3)
    content = dict(images=[dict(id=4, file_name='deep/b.jpg')])
    (tmp_path / 'store' / 'list.json').write_text(json.dumps(content))
    (tmp_path / 'store' / 'boxes.json').write_text(json.dumps([dict(image_id=4, category_id=1, bbox=[1, 1, 9, 9])]))
    dataset = UnlabeledPoseDataset(
        ann_file='shelf://list.json',
        bbox_file='shelf://boxes.json',
        backend_args=args,
        data_prefix=dict(img='shelf://images'),
        pipeline=LOAD,
    )
    assert dataset[0]['img'].shape == (30, 40, 3) and dataset[0]['bbox'].tolist() == [[1, 1, 10, 10]]
    with pytest.raises(FileNotFoundError, match='image folder shelf://gone is missing'):
        UnlabeledPoseDataset(data_prefix=dict(img='shelf://gone'), pipeline=LOAD, backend_args=args)


# ------------------------------------------------------------------ videos


def video(path, values, fps=10, size=(64, 48)):
    """A clip of which each frame is a grey of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    codec = 'mp4v' if path.suffix == '.mp4' else 'MJPG'
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), fps, size)
    assert writer.isOpened()
    for value in values:
        writer.write(np.full((size[1], size[0], 3), value, np.uint8))
    writer.release()
    return path


def frames(dataset):
    return [int(path.rpartition('=')[2]) for path in paths(dataset)]


@pytest.mark.parametrize('name', ['clip.avi', 'clip.mp4'])
def test_every_nth_frame_of_a_video_is_decoded_when_it_is_asked_for(tmp_path, name):
    clip = video(tmp_path / name, range(10, 250, 8))
    capture = cv2.VideoCapture(str(clip))
    in_order = [capture.read()[1] for _ in range(30)]
    for source in (tmp_path, clip):
        dataset = folder_set(source, video=dict(every=7))
        assert frames(dataset) == [0, 7, 14, 21, 28]
        for index in (3, 0, 4, 1):
            assert np.array_equal(dataset[index]['img'], in_order[7 * index])
    assert sorted(path.name for path in tmp_path.iterdir()) == [name], 'nothing is written'


def test_frames_at_a_rate(tmp_path):
    video(tmp_path / 'clip.avi', range(10, 250, 8), fps=10)
    assert frames(folder_set(tmp_path)) == list(range(0, 30, 5)), 'two a second'
    assert frames(folder_set(tmp_path, video=dict(rate=4))) == [0, 2, 5, 8, 10, 12, 15, 18, 20, 22, 25, 28]
    assert len(folder_set(tmp_path, video=dict(rate=1000))) == 30


def test_near_duplicate_frames_are_dropped(tmp_path):
    values = [50] * 5 + [51] * 5 + [120] * 3 + [50] * 2
    video(tmp_path / 'clip.avi', values)
    dataset = folder_set(tmp_path, video=dict(every=1))
    assert frames(dataset) == [0, 10, 13] and dataset.load_report.left_out == {'near-duplicate frames': 12}
    assert len(folder_set(tmp_path, video=dict(every=1, min_change=0))) == 15
    slow = video(tmp_path / 'slow' / 'slow.avi', range(50, 90))
    assert len(folder_set(slow, video=dict(every=1))) == 20, 'a slow change is one against the last frame taken'


def test_frames_are_written_once_where_that_is_asked_for(tmp_path):
    video(tmp_path / 'videos' / 'day 1' / 'clip.avi', range(10, 250, 8))
    options = dict(every=10, folder=str(tmp_path / 'frames'))
    dataset = folder_set(tmp_path / 'videos', video=options)
    written = sorted((tmp_path / 'frames').rglob('*.jpg'))
    assert [path.name for path in written] == ['00000000.jpg', '00000010.jpg', '00000020.jpg']
    assert paths(dataset) == [str(path) for path in written]
    assert [dataset[i]['img'].mean() for i in range(3)] == pytest.approx([10, 90, 170], abs=2)
    assert dataset.get_data_info(1)['img_id'] == 'day 1/clip.avi#frame=10'
    before = [path.stat().st_mtime_ns for path in written]
    folder_set(tmp_path / 'videos', video=options)
    assert [path.stat().st_mtime_ns for path in written] == before


def written_by(folder, target, ready):
    ready.wait()  # All at once.
    return list(list_frames(str(folder), 'clip.avi', FrameSelection(every=1, folder=target), LoadReport()).values())


def test_several_processes_write_the_frames_of_one_video(tmp_path):
    video(tmp_path / 'videos' / 'clip.avi', range(10, 130))
    context = get_context('fork')
    with context.Manager() as manager, ProcessPoolExecutor(3, context) as pool:
        ready = manager.Barrier(3)
        jobs = [pool.submit(written_by, tmp_path / 'videos', str(tmp_path / 'frames'), ready) for _ in range(3)]
        found = [job.result(timeout=120) for job in jobs]
    assert found[0] == found[1] == found[2] and len(found[0]) == 60
    assert all(cv2.imread(path) is not None for path in found[0])
    assert [path.name for path in (tmp_path / 'frames').iterdir()] == ['clip.avi'], 'nothing unfinished stays'


def test_workers_read_a_video_that_the_main_process_has_open(tmp_path):
    clip = video(tmp_path / 'clip.mp4', range(10, 250, 8), size=(320, 240))
    dataset = folder_set(tmp_path, video=dict(every=3), pipeline=[dict(type='LoadImage'), dict(type='PackPoseInputs')])
    first = dataset[2]['inputs'].float().mean()  # Decoder threads of the capture do not outlive a fork.
    loader = DataLoader(
        dataset, num_workers=2, timeout=60, collate_fn=lambda batch: batch[0], multiprocessing_context='fork'
    )
    means = [sample['inputs'].float().mean() for sample in loader]
    assert len(means) == 10 and means[2] == first and clip.exists()


def test_boxes_name_the_frames_of_videos(tmp_path):
    video(tmp_path / 'images' / 'clip.avi', range(10, 250, 8))
    boxes = write(
        tmp_path / 'boxes.json',
        [
            dict(image_id='clip.avi#frame=13', category_id=1, bbox=[1, 1, 9, 9]),
            dict(image_id='clip.avi#frame=2', category_id=1, bbox=[1, 1, 9, 9]),
        ],
    )
    dataset = folder_set(tmp_path / 'images', bbox_file=boxes)
    assert frames(dataset) == [13, 2] and dataset[0]['img'].mean() == pytest.approx(10 + 8 * 13, abs=2)


def test_a_broken_video_is_told_and_the_others_serve(tmp_path):
    video(tmp_path / 'good.avi', range(10, 250, 8))
    (tmp_path / 'bad.mp4').write_bytes(b'no video')
    dataset = folder_set(tmp_path, video=dict(every=3), max_broken=0.2)
    assert len(dataset) == 10 and list(dataset.load_report.broken) == [f'video {tmp_path}/bad.mp4 does not open']
    os.remove(tmp_path / 'good.avi')
    with pytest.raises(UnusableImage, match='is missing'):
        dataset.image_reader().read(f'{tmp_path}/good.avi#frame=3')
    with pytest.raises(ValueError, match='every must be at least 1'):
        folder_set(tmp_path, video=dict(every=0))


def test_videos_stay_open_in_one_process_and_go_to_no_other(tmp_path):
    reader = FrameReader()
    for number in range(12):
        clip = video(tmp_path / f'{number}.avi', [20 * number] * 3)
        assert reader.read(f'{clip}#frame=1').mean() == pytest.approx(20 * number, abs=2)
    assert len(reader._open) == 8 and not pickle.loads(pickle.dumps(reader))._open


def test_a_missing_or_shrinking_video_is_replaced_like_an_image(tmp_path):
    clip = video(tmp_path / 'clip.avi', range(10, 250, 8))
    picture(tmp_path / 'a.png')
    dataset = folder_set(tmp_path, video=dict(every=10))
    shutil.copy(video(tmp_path / 'short' / 'clip.avi', [10, 20]), clip)
    with pytest.raises(UnusableImage, match='does not decode'):
        dataset.image_reader().read(f'{clip}#frame=20')


def boxes_of_frames(path, named):
    return write(path, [dict(image_id=name, category_id=1, bbox=[1, 1, 9, 9], score=0.9) for name in named])


@pytest.fixture
def log(monkeypatch):
    """What is logged while an unlabelled set is listed."""
    from mmpose_dualteach.datasets.datasets import unlabeled_pose_dataset

    lines = []
    monkeypatch.setattr(unlabeled_pose_dataset, 'print_log', lambda line, **_: lines.append(line))
    return lines


@pytest.mark.parametrize('options', [dict(), dict(rate=1), dict(every=7, min_change=50.0)])
def test_the_frames_that_boxes_name_are_written_whatever_else_would_be_chosen(tmp_path, options, log):
    clip = video(tmp_path / 'videos' / 'day 1' / 'clip.avi', [50] * 10 + list(range(10, 170, 8)))
    video(tmp_path / 'videos' / 'nobody.avi', range(10, 90, 8))
    named = [f'day 1/clip.avi#frame={number}' for number in (13, 2, 3, 4, 29)]
    boxes = boxes_of_frames(tmp_path / 'boxes.json', named)
    options = dict(bbox_file=boxes, video=dict(options, folder=str(tmp_path / 'frames')))
    dataset = folder_set(tmp_path / 'videos', **options)
    written = sorted((tmp_path / 'frames').rglob('*.jpg'))
    assert [path.name for path in written] == [f'{number:08d}.jpg' for number in (2, 3, 4, 13, 29)]
    assert [dataset.get_data_info(number)['img_id'] for number in range(5)] == named
    capture = cv2.VideoCapture(str(clip))
    in_order = [capture.read()[1] for _ in range(30)]
    for number, frame in enumerate((13, 2, 3, 4, 29)):
        assert np.abs(dataset[number]['img'].astype(int) - in_order[frame]).mean() < 2
    assert not dataset.load_report.broken and not dataset.load_report.left_out
    before = [path.stat().st_mtime_ns for path in written]
    folder_set(tmp_path / 'videos', **options)
    assert [path.stat().st_mtime_ns for path in written] == before, 'once'


def test_frames_that_a_detector_has_read_and_written_serve_for_its_boxes(tmp_path):
    video(tmp_path / 'videos' / 'clip.avi', range(10, 250, 8))
    choice = dict(every=5, min_change=0, folder=str(tmp_path / 'frames'))
    folder_set(tmp_path / 'videos', video=choice)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / 'frames').rglob('*.jpg')}
    boxes = boxes_of_frames(tmp_path / 'boxes.json', ['clip.avi#frame=10', 'clip.avi#frame=25'])
    dataset = folder_set(tmp_path / 'videos', bbox_file=boxes, video=dict(folder=str(tmp_path / 'frames')))
    assert [os.path.basename(path) for path in paths(dataset)] == ['00000010.jpg', '00000025.jpg']
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / 'frames').rglob('*.jpg')} == before
    boxes = boxes_of_frames(tmp_path / 'boxes.json', ['clip.avi#frame=11'])
    dataset = folder_set(tmp_path / 'videos', bbox_file=boxes, video=dict(folder=str(tmp_path / 'frames')))
    assert dataset[0]['img'].mean() == pytest.approx(10 + 8 * 11, abs=2)


@pytest.mark.parametrize('folder', [None, 'frames'])
def test_a_frame_that_the_video_does_not_have_is_told_and_the_others_serve(tmp_path, folder):
    video(tmp_path / 'videos' / 'clip.avi', range(10, 250, 8))
    names = [f'clip.avi#frame={number}' for number in (*range(20), 30, 3000)]
    options = dict(
        bbox_file=boxes_of_frames(tmp_path / 'boxes.json', names),
        max_broken=0.2,
        video=dict(folder=folder and str(tmp_path / folder)),
    )
    dataset = folder_set(tmp_path / 'videos', **options)
    if folder:
        assert len(dataset) == 20 and dataset.load_report.broken == {'names an image that the source does not list': 2}
        before = [path.stat().st_mtime_ns for path in sorted((tmp_path / folder).rglob('*.jpg'))]
        folder_set(tmp_path / 'videos', **options)
        assert [path.stat().st_mtime_ns for path in sorted((tmp_path / folder).rglob('*.jpg'))] == before
    else:
        with pytest.raises(UnusableImage, match='does not decode'):
            dataset.image_reader().read(paths(dataset)[20])


def test_a_choice_of_frames_that_boxes_overrule_is_told(tmp_path, log):
    video(tmp_path / 'clip.avi', range(10, 250, 8))
    options = dict(bbox_file=boxes_of_frames(tmp_path / 'boxes.json', ['clip.avi#frame=10', 'clip.avi#frame=11']))
    folder_set(tmp_path, **options)
    folder_set(tmp_path, video=dict(folder=str(tmp_path.parent / 'frames of another')), **options)
    told = [line for line in log if 'left out' not in line]
    assert (
        told == [f'{tmp_path}/boxes.json: took 2 of 30 frames of 1 video: clip.avi 2 of 30; those that boxes name'] * 2
    )
    assert not any('ignored' in line for line in log)
    folder_set(tmp_path, video=dict(rate=9, min_change=0), **options)
    assert [line for line in log if 'ignored' in line] == [
        f'{tmp_path}/boxes.json: its boxes name 2 frames of videos, which are used; ignored: video.rate (--frame-rate)'
        ', video.min_change (--frame-change)'
    ]


def test_a_folder_is_no_video_whatever_its_name(tmp_path):
    video(tmp_path / 'videos' / 'clip.mp4', range(10, 250, 8))
    folder_set(tmp_path / 'videos', video=dict(every=10, folder=str(tmp_path / 'frames')))
    dataset = folder_set(tmp_path / 'frames' / 'clip.mp4')
    assert [os.path.basename(path) for path in paths(dataset)] == ['00000000.jpg', '00000010.jpg', '00000020.jpg']
    assert dataset[1]['img'].mean() == pytest.approx(90, abs=3)
    assert len(folder_set(tmp_path / 'frames')) == 3


def test_how_many_frames_are_taken_of_how_many_is_told(tmp_path, log):
    video(tmp_path / 'slow.avi', range(0, 250), fps=250)
    video(tmp_path / 'clip.avi', range(10, 250, 8), fps=10)
    options = dict(min_change=0)
    for extra in (dict(), dict(folder=str(tmp_path.parent / f'{tmp_path.name}_frames'))):
        for _ in range(2):
            log.clear()
            folder_set(tmp_path, video=dict(options, **extra))
            assert log == [
                f'{tmp_path}: took 8 of 280 frames of 2 videos: slow.avi 2 of 250 (slow motion, 250 a second'
                '), clip.avi 6 of 30; video.rate (--frame-rate) or video.every (--frame-every) takes more '
                'or fewer'
            ]
    for number in range(6):
        shutil.copy(tmp_path / 'clip.avi', tmp_path / f'{number}.avi')
    log.clear()
    folder_set(tmp_path, video=options)
    assert 'took 44 of 460 frames of 8 videos: slow.avi 2 of 250' in log[0] and ', and 3 more videos;' in log[0]
    picture(tmp_path / 'images' / 'a.jpg')
    log.clear()
    folder_set(tmp_path / 'images')
    assert not log


def test_a_missing_video_is_called_one(tmp_path):
    with pytest.raises(FileNotFoundError, match='unlabelled set: video .*gone.MP4 is missing'):
        folder_set(tmp_path / 'gone.MP4')
    with pytest.raises(FileNotFoundError, match='unlabelled set: image folder .*gone is missing'):
        folder_set(tmp_path / 'gone')


# ------------------------------------------------------------------ found in review


def count_frames(monkeypatch, factor):
    """Let containers count so many times their frames."""
    own = VideoReader.__init__

    def counting(self, *args, **options):
        own(self, *args, **options)
        self._frame_cnt *= factor

    monkeypatch.setattr(VideoReader, '__init__', counting)


def test_a_container_that_counts_no_frames_is_told_with_the_option_that_helps(tmp_path, monkeypatch):
    video(tmp_path / 'clip.avi', range(10, 250, 8))
    count_frames(monkeypatch, 0)
    with pytest.raises(ValueError, match='does not say how many frames it has; set unlabeled.video.folder .--frames.'):
        folder_set(tmp_path)


def test_a_container_that_counts_too_many_frames_is_not_believed(tmp_path, monkeypatch):
    video(tmp_path / 'clip.avi', range(10, 250, 8))
    count_frames(monkeypatch, 2)
    dataset = folder_set(tmp_path, video=dict(every=10, min_change=0))
    assert frames(dataset) == [0, 10, 20] and not dataset.load_report.broken


def test_hidden_files_are_no_images(tmp_path):
    for name in ('a.jpg', '._a.jpg', '.thumbnails/a.jpg'):
        picture(tmp_path / 'images' / name)
    dataset = folder_set(tmp_path / 'images')
    assert len(dataset) == 1 and dataset.load_report.left_out == {'hidden files': 2}


def test_frames_never_replace_what_others_made_nor_lie_among_the_images(tmp_path):
    video(tmp_path / 'videos' / 'clip.avi', range(10, 250, 8))
    precious = tmp_path / 'frames' / 'clip.avi' / 'thesis.txt'
    precious.parent.mkdir(parents=True)
    precious.write_text('years of work')
    with pytest.raises(ValueError, match='frames/clip.avi is there and not made from the video clip.avi'):
        folder_set(tmp_path / 'videos', video=dict(folder=str(tmp_path / 'frames')))
    assert precious.read_text() == 'years of work'
    for inside in ('videos', 'videos/frames'):
        with pytest.raises(ValueError, match='inside of .*videos.*name another folder'):
            folder_set(tmp_path / 'videos', video=dict(folder=str(tmp_path / inside)))
    assert [path.name for path in (tmp_path / 'videos').iterdir()] == ['clip.avi']


def test_frames_that_got_lost_are_written_again(tmp_path):
    video(tmp_path / 'videos' / 'clip.avi', range(10, 250, 8))
    options = dict(every=10, folder=str(tmp_path / 'frames'))
    folder_set(tmp_path / 'videos', video=options)
    (tmp_path / 'frames' / 'clip.avi' / '00000010.jpg').unlink()
    dataset = folder_set(tmp_path / 'videos', video=options)
    assert dataset[1]['img'].mean() == pytest.approx(90, abs=2)
    assert [path.name for path in (tmp_path / 'frames').iterdir()] == ['clip.avi']
    (tmp_path / 'frames' / 'clip.avi' / 'frames.json').write_text('{"made_')
    with pytest.raises(ValueError, match='frames/clip.avi is there and not made from the video clip.avi'):
        folder_set(tmp_path / 'videos', video=options)


def test_another_choice_of_frames_removes_none_that_labels_may_name(tmp_path):
    video(tmp_path / 'videos' / 'clip.avi', range(10, 250, 8))
    folder = tmp_path / 'frames' / 'clip.avi'

    def listed(**choice):
        dataset = folder_set(tmp_path / 'videos', video=dict(choice, min_change=0, folder=str(tmp_path / 'frames')))
        return [int(os.path.basename(path)[:8]) for path in paths(dataset)]

    assert listed(every=10) == [0, 10, 20]
    (folder / 'mine.json').write_text('{}')
    before = {path: path.stat().st_mtime_ns for path in folder.glob('*.jpg')}
    assert listed(every=15) == [0, 15]
    os.utime(tmp_path / 'videos' / 'clip.avi')  # A copy is as good.
    assert listed(every=10) == [0, 10, 20]
    assert {path: path.stat().st_mtime_ns for path in before} == before
    there = {'mine.json', 'frames.json', *(f'{number:08d}.jpg' for number in (0, 10, 15, 20))}
    assert {path.name for path in folder.iterdir()} == there
    video(tmp_path / 'videos' / 'clip.avi', range(250, 10, -8))
    with pytest.raises(ValueError, match='frames/clip.avi is there and not made from the video clip.avi'):
        listed(every=10)
    assert {path.name for path in folder.iterdir()} == there


def test_odd_videos_are_told_and_the_others_serve(tmp_path):
    video(tmp_path / 'videos' / 'good.avi', range(10, 250, 8))
    secret = video(tmp_path / 'other' / 'secret.avi', range(0, 250, 8))
    os.symlink(secret, tmp_path / 'videos' / 'link.avi')
    os.symlink(tmp_path / 'gone.avi', tmp_path / 'videos' / 'dangling.avi')
    shutil.copy(secret, tmp_path / 'videos' / os.fsdecode(b'latin-\xe9.avi'))
    for options in (dict(every=10), dict(every=10, folder=str(tmp_path / 'frames'))):
        dataset = folder_set(tmp_path / 'videos', video=options, max_broken=0.6)
        told = ' '.join(sorted(dataset.load_report.broken))
        assert len(dataset) == 3 and len(dataset.load_report.broken) == 3
        assert 'dangling.avi is a link to' in told and 'link.avi is a link to' in told and 'no UTF-8' in told
    assert len(folder_set(tmp_path / 'videos', video=dict(every=10), allow_outside=True, max_broken=0.6)) == 3 + 4


def test_a_pickle_is_not_run_whatever_its_name(tmp_path):
    class Payload:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / 'owned'),)

    for name in ('boxes.pkl', 'boxes.json', 'boxes'):
        (tmp_path / name).write_bytes(pickle.dumps(Payload()))
        with pytest.raises(ValueError, match=f'{name} is no valid JSON'):
            folder_set(tmp_path, bbox_file=str(tmp_path / name))
    assert not (tmp_path / 'owned').exists()
    with pytest.raises(ValueError, match='is a folder; name a .json file'):
        folder_set(tmp_path, bbox_file=str(tmp_path))


def test_paths_in_a_file_are_not_taken_for_ours(tmp_path):
    picture(tmp_path / 'mine' / 'a.jpg')
    image = dict(id=1, file_name='a.jpg', path='http://127.0.0.1:9/a.jpg')
    content = dict(images=[image], annotations=[dict(id=1, image_id=1, bbox=[1, 1, 5, 5])])
    dataset = UnlabeledPoseDataset(
        ann_file=write(tmp_path / 'a.json', content), pipeline=LOAD, data_prefix=dict(img=str(tmp_path / 'mine'))
    )
    assert paths(dataset) == [str(tmp_path / 'mine' / 'a.jpg')] and dataset[0]['img'].shape == (30, 40, 3)
    with pytest.raises(ValueError, match='is an address; nothing is ever downloaded'):
        UnlabeledPoseDataset(
            ann_file=str(tmp_path / 'a.json'), data_prefix=dict(img='http://127.0.0.1:9'), pipeline=LOAD
        )
    with pytest.raises(UnusableImage, match='nothing is ever downloaded'):
        ImageReader(LoadImage()).read('http://127.0.0.1:9/a.jpg')


def test_a_box_outside_of_the_decoded_image_teaches_nothing(tmp_path, switched):
    for name in 'ab':
        picture(tmp_path / f'{name}.jpg')
    boxes = [
        dict(image_id='a.jpg', category_id=1, bbox=[4000, 4000, 50, 50], score=1.0),
        dict(image_id='b.jpg', category_id=1, bbox=[1, 1, 20, 20], score=1.0),
    ]
    dataset = folder_set(
        tmp_path,
        bbox_file=write(tmp_path / 'boxes.json', boxes),
        pipeline=switched.train_dataloader.dataset.unlabeled.pipeline,
    )
    meta = dataset[0]['data_samples']['easy'].metainfo
    assert meta['img_path'].endswith('b.jpg')
    ((path, problem),) = set(meta['skipped'])
    assert path.endswith('a.jpg') and 'has 40x30 pixels, and a box' in problem


@pytest.mark.parametrize(
    'content, reason',
    [
        (dict(images=[dict(file_name='x.jpg')]), 'image 0 is no entry with id'),
        (dict(images=['x.jpg']), 'image 0 is no entry'),
        (dict(images=[dict(id=[1], file_name='x.jpg')]), 'image 0 is no'),
        (dict(annotations=[None]), 'annotation 0 is no entry'),
        (dict(annotations=[[1, 2]]), 'annotation 0 is no entry'),
        (dict(annotations=[dict(id=9, image_id=[1], bbox=[1, 1, 5, 5])]), 'an image that the source does not list'),
        (dict(annotations=[dict(id=9, image_id=1, bbox=[1, 1, '5', None])]), 'is not finite'),
        (dict(annotations=[dict(id=9, image_id=1, category_id=[1], bbox=[1, 1, 5, 0])]), 'has no area'),
    ],
)
def test_bad_entries_are_told_and_the_others_serve(tmp_path, content, reason):
    images = content.get('images', []) + [dict(id=n, file_name=f'{n}.jpg', width='wide') for n in range(1, 4)]
    boxes = content.get('annotations', []) + [dict(id=n, image_id=n, bbox=[1, 1, 5, 5]) for n in range(1, 4)]
    dataset = UnlabeledPoseDataset(
        ann_file=write(tmp_path / 'a.json', dict(images=images, annotations=boxes)), pipeline=[], max_broken=0.5
    )
    assert len(dataset) == 3 and reason in ' '.join(dataset.load_report.broken)


def test_scores_that_are_no_numbers_are_below_any_threshold(tmp_path):
    boxes = [box(left=n, score=score) for n, score in enumerate([0.9, float('nan'), None, 'high', 0.1])]
    assert len(boxes_on_one_image(tmp_path, boxes, bbox_thr=0.5)) == 1
    with pytest.raises(ValueError, match="unlabeled.video has no 'fps'; it has every, rate, min_change, folder"):
        folder_set(tmp_path, video=dict(fps=3))


def test_a_video_behind_a_photo_is_no_truncation(tmp_path):
    whole = picture(tmp_path / 'a.jpg', size=(200, 150)).read_bytes()
    random = np.random.default_rng(0)
    for _ in range(10):
        (tmp_path / 'motion.jpg').write_bytes(whole + random.bytes(200000))
        assert ImageReader(LoadImage()).read(str(tmp_path / 'motion.jpg')).shape == (150, 200, 3)
    progressive = saved(
        tmp_path / 'p.jpg', Image.fromarray(random.integers(0, 255, (90, 80, 3), np.uint8)), progressive=True
    )
    assert ImageReader(LoadImage()).read(progressive).shape == (90, 80, 3)
    content = (tmp_path / 'p.jpg').read_bytes()
    (tmp_path / 'p.jpg').write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(UnusableImage, match='is truncated'):
        ImageReader(LoadImage()).read(progressive)
