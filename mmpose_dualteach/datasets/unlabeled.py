# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import gc
import json
import os.path as osp
import tempfile
from collections import Counter
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Optional, Tuple, Union

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.fileio import exists, list_dir_or_file
from mmengine.logging import print_log
from mmpose.datasets.datasets.base import BaseCocoStyleDataset
from mmpose.registry import DATASETS
from mmpose.structures.bbox import bbox_xyxy2cs

from .checks import box_problem, boxes_are_usable, image_problem, read_json
from .people_index import PeopleIndex, as_boxes, corners

SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff')
MOST_ATTEMPTS = 20
# Stock classes of which one annotation gives several people, each in a box of its own.
PARTS = dict(CocoWholeBodyHandDataset=('lefthand', 'righthand'))


@DATASETS.register_module()
class UnlabeledPoseDataset(BaseDataset):
    """People without labels: an image path and a box each, never a keypoint.

    Where the people come from:

    - ``ann_file``: a COCO-format file, or a file in MPII's own format where ``dataset_type`` is MPII's, used for its
      images and boxes only;
    - ``ann_file`` with ``bbox_file``: its images, with the boxes of a detection file in COCO's result format
      (``[{image_id, category_id, bbox, score}]``);
    - neither: every image below ``data_root``/``data_prefix['img']``, each whole image one person.

    Boxes are read as ``dataset_type``, the labelled dataset's class, reads them: some stock datasets take them from
    ``center`` and ``scale``. Boxes that cannot be used are skipped, counted and named; images that do not load while
    training are replaced by another person and reported through the sample's ``skipped`` metainfo.

    Args:
        dataset_type (str): The labelled dataset's class. Defaults to ``'CocoDataset'``.
        subset (str, optional): Which of the class's definitions of keypoints, where it has several
            (``DeepFashionDataset``). Defaults to None.
        bbox_file (str, optional): Detection file. Defaults to None.
        bbox_thr (float): Least score of a detection. Defaults to 0.
        max_broken (float): Largest share of boxes or images that may be unusable. Defaults to 0.1.
        **base: Arguments of :class:`mmengine.dataset.BaseDataset`.

    Raises:
        FileNotFoundError: If the annotation file, box file or folder is missing.
        ValueError: If no one is left, or more than ``max_broken`` cannot be used.
    """

    def __init__(self,
                 dataset_type: str = 'CocoDataset',
                 subset: Optional[str] = None,
                 bbox_file: Optional[str] = None,
                 bbox_thr: float = 0.,
                 max_broken: float = 0.1,
                 metainfo: Optional[dict] = None,
                 **base) -> None:
        # Never loads anything itself: it knows the keypoints' definition and how this class reads a box.
        base.setdefault('data_prefix', dict(img=''))
        base['serialize_data'] = False  # Its index is in columns.
        stock = dict(type=dataset_type, lazy_init=True, data_prefix=base['data_prefix'])
        stock.update({key: value for key, value in (('metainfo', metainfo), ('subset', subset)) if value is not None})
        self._reader = DATASETS.build(stock)
        self.bbox_file = bbox_file
        self.bbox_thr = bbox_thr
        self.max_broken = max_broken
        super().__init__(metainfo=self._reader.metainfo, **base)

    # ------------------------------------------------------------------ loading the list

    def load_data_list(self) -> PeopleIndex:
        """List the people. See the class for the sources and errors."""
        with no_garbage_collection():
            return self._list_people()

    def _list_people(self) -> PeopleIndex:
        if not self.ann_file:
            people, skipped = self._from_folder(), Counter()
        else:
            _must_exist(self.ann_file, 'annotation file')
            content = read_json(self.ann_file)
            if self.bbox_file:
                _must_exist(self.bbox_file, 'box file')
            if _is_mpii(content) and not self.bbox_file:
                people, skipped = self._from_mpii(content)
            elif isinstance(content, dict) and 'images' in content:
                annotations = read_json(self.bbox_file) if self.bbox_file else content.get('annotations', [])
                people, skipped = self._from_coco(content['images'], self._parts(annotations))
            else:
                raise ValueError(f"{self.ann_file} is no COCO-format annotation file, it has no 'images'; detections "
                                 'belong in bbox_file')
        source = self.bbox_file or self.ann_file or self.data_prefix['img']
        self._report(source, len(people), skipped)
        return people

    def _from_folder(self) -> PeopleIndex:
        folder = self.data_prefix['img']
        _must_exist(folder, 'image folder')
        suffixes = SUFFIXES + tuple(suffix.upper() for suffix in SUFFIXES)
        names = sorted(list_dir_or_file(folder, list_dir=False, suffix=suffixes, recursive=True))
        # A whole image's box is known once it is decoded: WholeImageBox adds it.
        return PeopleIndex([osp.join(folder, name) for name in names], range(len(names)))

    def _from_coco(self, images: List[dict], annotations: List[dict]) -> Tuple[PeopleIndex, Counter]:
        places = {image['id']: place for place, image in enumerate(images)}
        chosen = [(number, annotation) for number, annotation in enumerate(annotations)
                  if not annotation.get('iscrowd') and annotation.get('score', 1.) >= self.bbox_thr]
        ids = [annotation.get('id', number) for number, annotation in chosen]
        chosen = [annotation for _, annotation in chosen]
        place = np.array([places.get(annotation.get('image_id'), -1) for annotation in chosen], dtype=np.int64)
        boxes = as_boxes([annotation.get('bbox') for annotation in chosen])
        sizes = [(image.get('width') or np.inf, image.get('height') or np.inf) for image in images]
        sizes = np.array([*sizes, (np.inf, np.inf)], dtype=np.float64)[place]  # The last one is of images not listed.

        usable, skipped = (place >= 0) & boxes_are_usable(boxes, sizes), Counter()
        for number in np.flatnonzero(~usable):
            if place[number] < 0:
                skipped['names an image that the annotation file does not list'] += 1
                continue
            image = images[place[number]]
            problem = box_problem(chosen[number].get('bbox'), image.get('width'), image.get('height'))
            skipped[f'image {image["file_name"]}: {problem}'] += 1

        if type(self._reader).parse_data_info is BaseCocoStyleDataset.parse_data_info:
            columns = dict(bbox=corners(boxes, sizes))
        else:
            read = [self._read(chosen[number], images[place[number]]) if usable[number] else None
                    for number in range(len(chosen))]
            usable &= np.array([box is not None for box in read], dtype=bool)
            columns = _columns([box or dict(bbox=np.zeros((1, 4))) for box in read])
        paths = [osp.join(self.data_prefix['img'], image['file_name']) for image in images]
        return PeopleIndex(paths, [image['id'] for image in images], place[usable],
                           [ids[number] for number in np.flatnonzero(usable)],
                           {key: values[usable] for key, values in columns.items()}), skipped

    def _from_mpii(self, content: Union[list, dict]) -> Tuple[PeopleIndex, Counter]:
        if type(self._reader)._load_annotations is BaseCocoStyleDataset._load_annotations:
            raise ValueError(f"{self.ann_file} is in MPII's format, which {type(self._reader).__name__} does not read; "
                             "set unlabeled.dataset_type='MpiiDataset'")
        listed = content if isinstance(content, list) else content['annotations']
        skipped: Counter = Counter()
        usable = []
        # Ones in place of labels, which are not read.
        count = self._metainfo['num_keypoints']
        labels = dict(joints=[[1., 1.]] * count, joints_vis=[1.] * count, keypoints=[1.] * (3 * count), num_joints=1)
        for number, person in enumerate(listed):
            problem = _circle_problem(person['center'], person['scale'])
            if problem:
                skipped[f'person {number}: {problem}'] += 1
            else:
                usable.append(dict(dict(id=number, iscrowd=0), **dict(person, **labels)))
        if not usable:
            return PeopleIndex([], []), skipped
        with tempfile.NamedTemporaryFile('w', suffix='.json', encoding='utf-8') as file:
            json.dump(usable if isinstance(content, list) else dict(content, annotations=usable), file)
            file.flush()
            self._reader.ann_file, self._reader.data_prefix = file.name, self.data_prefix
            try:
                people = self._reader._load_annotations()[0]
            except (KeyError, ValueError) as error:
                raise ValueError(f'{self.ann_file}: {type(self._reader).__name__} cannot read it ({error}); it must be '
                                 "as MPII's own files are") from error
        return PeopleIndex([person['img_path'] for person in people], [person['img_id'] for person in people],
                           ids=[person['id'] for person in people], boxes=_columns(people)), skipped

    def _parts(self, annotations: List[dict]) -> List[dict]:
        parts = PARTS.get(type(self._reader).__name__)
        if not parts or not any(f'{part}_box' in annotation for annotation in annotations for part in parts):
            return annotations
        return [dict(annotation, bbox=annotation[f'{part}_box'])
                for annotation in annotations for part in parts if annotation.get(f'{part}_valid')]

    def _read(self, annotation: dict, image: dict) -> Optional[Dict[str, np.ndarray]]:
        """One person's box as the labelled dataset's class reads it, or None if it is none of its people."""
        image = dict(image, img_path=osp.join(self.data_prefix['img'], image['file_name']))
        # Labels are not read. Ones in their place keep this person from counting as one without any joint.
        blank = dict(annotation, id=annotation.get('id', 0), iscrowd=0, num_keypoints=1)
        blank['keypoints'] = [1.] * (3 * self._metainfo['num_keypoints'])
        blank.update({key: [1.] * len(value) for key, value in annotation.items() if key.endswith('_kpts')})
        try:
            info = self._reader.parse_data_info(dict(raw_ann_info=blank, raw_img_info=image))
        except KeyError:  # A detector's box lacks what this class reads, a centre and a scale for instance.
            size = np.array([[image.get('width') or np.inf, image.get('height') or np.inf]])
            return dict(bbox=corners(as_boxes([annotation['bbox']]), size))
        return info and {key: info[key] for key in ('bbox', 'bbox_center', 'bbox_scale') if key in info}

    def _report(self, source: str, usable: int, skipped: Counter) -> None:
        count = sum(skipped.values())
        examples = '; '.join(reason for reason, _ in skipped.most_common(3))
        if usable == 0:
            raise ValueError(f'unlabelled set is empty: {source} gives no usable person'
                             + (f' ({count} skipped: {examples})' if count else ''))
        if count > self.max_broken * (usable + count):
            raise ValueError(f'{source}: {count} of {usable + count} boxes cannot be used ({examples}), more than '
                             f'max_broken={self.max_broken}; correct the file or raise unlabeled.max_broken')
        if count:
            print_log(f'{source}: skipped {count} of {usable + count} boxes: {examples}', logger='current', level=30)

    # ------------------------------------------------------------------ loading one person

    @classmethod
    def _load_metainfo(cls, metainfo: Optional[dict] = None) -> dict:
        return dict(metainfo or {})  # Parsed by the labelled dataset's class already.

    def get_data_info(self, idx: int) -> dict:
        """One person's path and box, and the joints' mirror images. See :class:`mmengine.dataset.BaseDataset`."""
        return dict(super().get_data_info(idx), flip_indices=self._metainfo['flip_indices'])

    def __getitem__(self, idx: int) -> Any:
        if not self._fully_initialized:
            self.full_init()
        skipped: List[Tuple[str, str]] = []
        for attempt in range(MOST_ATTEMPTS):
            info = self.get_data_info(idx)
            path = info['img_path']
            try:
                sample = self.pipeline(info)
            except Exception:
                problem = image_problem(path)
                if problem is None:  # The image is sound, so the fault is in the pipeline.
                    raise
                skipped.append((path, problem))
                # Far away, since neighbours often share the image; the same in every run.
                idx = int(np.random.default_rng((idx, attempt)).integers(len(self)))
                continue
            if skipped:
                sample['data_samples']['easy'].set_metainfo(dict(skipped=skipped))
            return sample
        raise ValueError(f'{MOST_ATTEMPTS} unlabelled images in a row cannot be used, the first: {skipped[0][0]} '
                         f'{skipped[0][1]}; is the folder {osp.dirname(skipped[0][0])} still there?')


def _is_mpii(content: Any) -> bool:
    """Whether people have a centre and a scale and no box: MPII's list of them, or MPII-TRB's annotations."""
    if isinstance(content, list):
        people, keys = content, {'image', 'center', 'scale'}
    else:
        people, keys = content.get('annotations') if isinstance(content, dict) else None, {'center', 'scale'}
    return bool(people) and all(
        isinstance(person, dict) and keys <= set(person) and 'bbox' not in person for person in people)


def _circle_problem(center: Any, scale: Any) -> Optional[str]:
    try:
        numbers = np.asarray([*center, scale], dtype=np.float64)
    except (TypeError, ValueError):
        numbers = np.array([])
    if numbers.shape != (3, ) or not np.isfinite(numbers).all() or numbers[2] <= 0:
        return f'centre {center} and scale {scale} are no place of a size'
    return None


def _columns(boxes: List[dict]) -> Dict[str, np.ndarray]:
    """Boxes as columns; where only some people have a centre and a scale, the others' are those of their boxes."""
    keys = [key for key in ('bbox', 'bbox_center', 'bbox_scale') if any(key in box for box in boxes)]
    if len(keys) > 1:
        boxes = [box if 'bbox_center' in box else dict(zip(keys, (box['bbox'], *bbox_xyxy2cs(box['bbox']))))
                 for box in boxes]
    return {key: np.concatenate([box[key] for box in boxes]).astype(np.float32) for key in keys}


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Keep Python from looking for cycles, again and again, among the millions of small objects of a large file: half
    of the time of reading it."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _must_exist(path: str, what: str) -> None:
    if not exists(path):
        raise FileNotFoundError(f'unlabelled set: {what} {path} is missing; correct train_dataloader.dataset.unlabeled')
