# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Which boxes of a file are instances to learn from."""

from dataclasses import dataclass
from typing import Any, List, Optional, Sequence, Set, Tuple, Union

from mmpose_dualteach.datasets.checks import listed_categories, short
from mmpose_dualteach.datasets.sources.load_report import LoadReport
from mmpose_dualteach.utils.file_io import printable

Category = Union[int, str]
PERSON = 1  # In COCO, and the one that stock MMPose takes from a detection file.


@dataclass(frozen=True)
class BoxFilter:
    """A choice by score, area and category.

    Args:
        score (float): Least score of a box that has one.
        area (float): Least area of a box in square pixels.
        category (int | str | list | tuple, optional): Ids or names of the categories to take. By default those that
            have keypoints, of an annotation file that has several, and category 1 of a detection file that has several,
            as stock MMPose does.
    """

    score: float = 0.0
    area: float = 0.0
    category: Union[Category, List[Category], Tuple[Category, ...], None] = None

    def choose(
        self, boxes: List[dict], categories: Sequence[dict], detections: bool, source: str, load_report: LoadReport
    ) -> List[dict]:
        """Choose.

        Args:
            boxes (List[dict]): Annotations or detections.
            categories (Sequence[dict]): What the annotation file says of categories.
            detections (bool): Whether the boxes are a detector's.
            source (str): The file, for errors.
            load_report (LoadReport): Is told what is broken and left out.

        Returns:
            List[dict]: Those taken; each has an ``id``, by default its place in the file.

        Raises:
            ValueError: If it is not clear which category is meant; names the file and the key.
        """
        there = {_category(box) for box in boxes}
        wanted = self._ids(there, categories, detections, source)
        # A detector's numbers of categories need not be the list's.
        listed = listed_categories(categories) if self.category is None and not detections else {}
        taken, left_out = [], load_report.left_out
        for number, box in enumerate(boxes):
            if box.get('iscrowd'):
                left_out['crowds'] += 1
            elif listed and 'category_id' in box and _category(box) not in listed:
                load_report.broken[f'category_id {short(box["category_id"])} is none of those that the file lists'] += 1
            elif wanted is not None and _category(box) not in wanted:
                left_out['of other categories'] += 1
            elif self.score and not _number(box.get('score', self.score)) >= self.score:  # Nor is NaN.
                left_out[f'with a score below {self.score:g}'] += 1
            elif self.area and _area(box.get('bbox')) < self.area:
                left_out[f'smaller than {self.area:g} square pixels'] += 1
            else:
                taken.append(box if 'id' in box else dict(box, id=number))
        return taken

    def _ids(self, there: set, categories: Sequence[dict], detections: bool, source: str) -> Optional[Set[int]]:
        if self.category is None:
            if len(there) <= 1:
                return None
            if detections:
                return {PERSON}
            listed = [each for each in categories if each.get('id') in there]
            with_joints = {each['id'] for each in listed if each.get('keypoints')}
            if not with_joints and len(listed) > 1:
                names = _names(listed)
                raise ValueError(
                    f'{source} has boxes of {len(listed)} categories ({names}, ...); say which to learn '
                    "from by unlabeled.category='person', for instance"
                )
            return with_joints or None
        wanted = self.category if isinstance(self.category, (list, tuple)) else [self.category]
        return {_id(each, categories, source) for each in wanted}


def _id(category: Category, categories: Sequence[dict], source: str) -> int:
    if not isinstance(category, str):
        return category
    for each in categories:
        if each.get('name') == category:
            return each['id']
    if not categories and category == 'person':
        return PERSON
    names = _names(categories)
    known = f'it has {names}' if names else 'it has no names of categories; give the category_id'
    raise ValueError(f'unlabeled.category={category!r} is unknown to {source}; {known}')


def _names(categories: Sequence[dict]) -> str:
    return ', '.join(printable(str(each.get('name')), 40) for each in categories[:5])


def _category(box: dict) -> object:
    category = box.get('category_id')
    return category if isinstance(category, (int, str)) else None


def _number(value: object) -> float:
    return value if isinstance(value, (int, float)) else float('nan')


def _area(box: Any) -> float:
    try:
        return _number(box[2]) * _number(box[3])
    except (TypeError, IndexError, KeyError):
        return float('inf')  # Unusable, and reported as such.
