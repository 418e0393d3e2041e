# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import os.path as osp
from collections import Counter
from typing import Any, List, Optional, Tuple

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.fileio import exists, list_dir_or_file
from mmengine.logging import print_log
from mmpose.registry import DATASETS

from .checks import box_problem, image_problem, read_json

SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff')
MOST_ATTEMPTS = 20


@DATASETS.register_module()
class UnlabeledPoseDataset(BaseDataset):
    """People without labels: an image path and a box each, never a keypoint.

    Where the people come from:

    - ``ann_file``: a COCO-format file, used for its images and boxes only;
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
        stock = dict(type=dataset_type, lazy_init=True, data_prefix=base.get('data_prefix', dict(img='')))
        stock.update({key: value for key, value in (('metainfo', metainfo), ('subset', subset)) if value is not None})
        self._reader = DATASETS.build(stock)
        self.bbox_file = bbox_file
        self.bbox_thr = bbox_thr
        self.max_broken = max_broken
        super().__init__(metainfo=self._reader.metainfo, **base)

    # ------------------------------------------------------------------ loading the list

    def load_data_list(self) -> List[dict]:
        """List the people. See the class for the sources and errors."""
        if not self.ann_file:
            people, skipped = self._from_folder(), Counter()
        else:
            _must_exist(self.ann_file, 'annotation file')
            content = read_json(self.ann_file)
            if not isinstance(content, dict) or 'images' not in content:
                raise ValueError(f"{self.ann_file} is no COCO-format annotation file, it has no 'images'; detections "
                                 'belong in bbox_file')
            if self.bbox_file:
                _must_exist(self.bbox_file, 'box file')
            annotations = read_json(self.bbox_file) if self.bbox_file else content.get('annotations', [])
            people, skipped = self._from_coco(content['images'], annotations)
        source = self.bbox_file or self.ann_file or self.data_prefix['img']
        self._report(source, len(people), skipped)
        return people

    def _from_folder(self) -> List[dict]:
        folder = self.data_prefix['img']
        _must_exist(folder, 'image folder')
        suffixes = SUFFIXES + tuple(suffix.upper() for suffix in SUFFIXES)
        names = sorted(list_dir_or_file(folder, list_dir=False, suffix=suffixes, recursive=True))
        # A whole image's box is known once it is decoded: WholeImageBox adds it.
        return [dict(id=i, img_id=i, img_path=osp.join(folder, name)) for i, name in enumerate(names)]

    def _from_coco(self, images: List[dict], annotations: List[dict]) -> Tuple[List[dict], Counter]:
        by_id = {image['id']: image for image in images}
        people: List[dict] = []
        skipped: Counter = Counter()
        for number, annotation in enumerate(annotations):
            if annotation.get('iscrowd') or annotation.get('score', 1.) < self.bbox_thr:
                continue
            image = by_id.get(annotation.get('image_id'))
            if image is None:
                skipped['names an image that the annotation file does not list'] += 1
                continue
            problem = box_problem(annotation.get('bbox'), image.get('width'), image.get('height'))
            if problem:
                skipped[f'image {image["file_name"]}: {problem}'] += 1
                continue
            people.append(self._person(number, annotation, image))
        return people, skipped

    def _person(self, number: int, annotation: dict, image: dict) -> dict:
        """One person, read by the labelled dataset's class from an annotation without its labels."""
        image = dict(image, img_path=osp.join(self.data_prefix['img'], image['file_name']))
        blank = dict(annotation, id=annotation.get('id', number), iscrowd=0, num_keypoints=0)
        blank['keypoints'] = [0.] * (3 * self._metainfo['num_keypoints'])
        try:
            info = self._reader.parse_data_info(dict(raw_ann_info=blank, raw_img_info=image))
        except KeyError:  # A detector's box lacks what this class reads, a centre and a scale for instance.
            info = dict(bbox=_corners(annotation['bbox'], image))
        box = {key: info[key] for key in ('bbox', 'bbox_center', 'bbox_scale') if key in info}
        return dict(box, id=blank['id'], img_id=annotation['image_id'], img_path=image['img_path'])

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


def _must_exist(path: str, what: str) -> None:
    if not exists(path):
        raise FileNotFoundError(f'unlabelled set: {what} {path} is missing; correct train_dataloader.dataset.unlabeled')


def _corners(box: List[float], image: dict) -> np.ndarray:
    """(left, top, width, height) to clipped corners in shape (1, 4), as stock COCO datasets do it."""
    left, top, width, height = np.asarray(box, dtype=np.float64)
    x = np.clip([left, left + width], 0, image.get('width', np.inf) - 1)
    y = np.clip([top, top + height], 0, image.get('height', np.inf) - 1)
    return np.array([[x[0], y[0], x[1], y[1]]], dtype=np.float32)
