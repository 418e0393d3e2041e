# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What is wrong with the labels of an annotation file in COCO's format."""

from collections.abc import Hashable
from typing import Any, Dict, Iterator, List, Optional, Tuple

import numpy as np
from mmengine.dataset import BaseDataset

from mmpose_dualteach.datasets.box_arrays import as_numbers
from mmpose_dualteach.datasets.checks.annotation_files import (
    check_entries,
    is_coco,
    listed_categories,
    read_json,
    short,
)
from mmpose_dualteach.datasets.checks.boxes import (
    box_problem,
    boxes_are_usable,
    layout_problem,
    listed_side,
    stock_class_of,
)
from mmpose_dualteach.datasets.checks.keypoints import names_problem


def label_problems(dataset: BaseDataset) -> Iterator[str]:
    """Say what is wrong in a labelled dataset's annotation file, if it is in COCO's format; other formats are their
    dataset's to check.

    Stock datasets take it as it is, or drop such instances without a word.

    Args:
        dataset (BaseDataset): A dataset that reads a file. The file need not have been read.

    Yields:
        str: The first problem of each kind, naming the file: boxes or names of keypoints that are not as they will be
            read, a category that is not listed, an instance whose image, box or keypoints are not there.

    Raises:
        ValueError: If the file is no valid JSON or an entry is none; names it.
    """
    ann_file = dataset.ann_file
    if not ann_file or not ann_file.endswith('.json'):
        return
    content = read_json(ann_file)
    if not is_coco(content):
        return
    check_entries(content, ann_file)
    labels = _Labels(content)
    for problem in (
        labels.layout_problem() if stock_class_of(dataset) else None,
        names_problem(content.get('categories'), dataset),
        labels.category_problem(content.get('categories')),
        labels.first_problem(),
    ):
        if problem:
            yield f'{ann_file}: {problem}'


class _Labels:
    """The labelled instances of a file in COCO's format, in columns.

    Args:
        content (dict): The file. Crowds, and instances none of whose keypoints is labelled, are left out.
    """

    def __init__(self, content: dict) -> None:
        annotations = [each for each in content['annotations'] if each.get('keypoints') and not each.get('iscrowd')]
        labeled, self.finite, self.around = read_keypoints([each['keypoints'] for each in annotations])
        self.annotations = [annotations[row] for row in np.flatnonzero(labeled)]
        self.finite, self.around = self.finite[labeled], self.around[labeled]
        self.images = {image['id']: image for image in content['images']}
        sides = {
            key: (listed_side(image.get('width')), listed_side(image.get('height')))
            for key, image in self.images.items()
        }
        self.sizes = np.array(
            [sides.get(each['image_id'], (np.inf, np.inf)) for each in self.annotations], dtype=np.float64
        ).reshape(-1, 2)
        self.boxes = as_numbers([each.get('bbox') for each in self.annotations], 4)

    def layout_problem(self) -> Optional[str]:
        """Say if boxes are not (left, top, width, height) in pixels."""
        return layout_problem(self.boxes, self.sizes, self.around)

    def category_problem(self, categories: Any) -> Optional[str]:
        """Say if an instance has a category that the file does not list, where it lists some."""
        listed = listed_categories(categories)
        for each in self.annotations if listed else ():
            category = each.get('category_id')
            if 'category_id' in each and not (isinstance(category, Hashable) and category in listed):
                some = ', '.join(short(one) for one in list(listed)[:5]) + (', ...' if len(listed) > 5 else '')
                return (
                    f'annotation {short(each.get("id"))} has category_id {short(category)}, the categories of the '
                    f'file are {some}; correct it or list it'
                )
        return None

    def first_problem(self) -> Optional[str]:
        """Say what is wrong with the first instance whose image, box or keypoints are not there."""
        named = np.array([each['image_id'] in self.images for each in self.annotations], dtype=bool)
        boxed = np.array(['bbox' in each for each in self.annotations], dtype=bool)
        usable = ~boxed | boxes_are_usable(self.boxes, self.sizes)
        for number in np.flatnonzero(~(named & self.finite & usable))[:1]:
            annotation = self.annotations[number]
            where = f'annotation {short(annotation.get("id"))}'
            if not named[number]:
                return (
                    f'{where} names image {short(annotation["image_id"])}, which the file does not list; add the '
                    'image or remove the annotation'
                )
            image = self.images[annotation['image_id']]
            problem = (
                'its keypoints are not finite'
                if not self.finite[number]
                else box_problem(annotation['bbox'], image.get('width'), image.get('height'))
            )
            return f'{where}: {problem}; correct or remove it'
        return None


def read_keypoints(values: List[Any]) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Read keypoints, (x, y, visibility) after each other.

    Args:
        values (List[Any]): What a file has for each of N instances.

    Returns:
        tuple: Whether any is labelled and whether all numbers are finite, in shape (N,), bool; (left, top, right,
            bottom) around those labelled in shape (N, 4), NaN where there are none.
    """
    labeled = np.zeros(len(values), dtype=bool)
    finite = np.ones(len(values), dtype=bool)
    around = np.full((len(values), 4), np.nan)
    for rows, numbers in _alike(values):
        if numbers.shape[1] % 3 or not numbers.size:
            continue  # The dataset's class tells.
        labeled[rows], finite[rows] = numbers.any(axis=1), np.isfinite(numbers).all(axis=1)
        points = numbers.reshape(len(rows), -1, 3)
        seen = (points[..., 2:] > 0) & np.isfinite(points).all(axis=2, keepdims=True)
        first = np.where(seen, points[..., :2], np.inf).min(axis=1)
        last = np.where(seen, points[..., :2], -np.inf).max(axis=1)
        around[rows] = np.where(seen.any(axis=1), np.concatenate([first, last], axis=1), np.nan)
    return labeled, finite, around


def _alike(values: List[Any]) -> Iterator[Tuple[np.ndarray, np.ndarray]]:
    """Values of as many numbers together: their places, and the numbers in shape (places, numbers)."""
    lengths = np.array([len(each) if hasattr(each, '__len__') else 0 for each in values], dtype=np.int64)
    odd: Dict[int, Tuple[list, list]] = {}
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        group = [values[row] for row in rows]
        try:
            yield rows, np.array(group, dtype=np.float64).reshape(len(group), -1)
        except (TypeError, ValueError, OverflowError):  # One by one, to know which.
            for row, each in zip(rows, group):
                try:
                    numbers = np.array(each, dtype=np.float64).ravel()
                except (TypeError, ValueError, OverflowError):
                    numbers = np.full(3, np.nan)
                places, arrays = odd.setdefault(len(numbers), ([], []))
                places.append(row)
                arrays.append(numbers)
    for places, arrays in odd.values():
        yield np.array(places), np.stack(arrays)
