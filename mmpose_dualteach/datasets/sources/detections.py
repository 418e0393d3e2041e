# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Which boxes of a file are people to learn from."""
from dataclasses import dataclass
from typing import List, Optional, Sequence, Set, Union

from mmpose_dualteach.whole_files import printable

from .account import Account

Category = Union[int, str]
PERSON = 1  # In COCO, and the one that stock MMPose takes from a detection file.


@dataclass(frozen=True)
class BoxChoice:
    """A choice by score, area and category.

    Args:
        score (float): Least score of a box that has one.
        area (float): Least area of a box in square pixels.
        category (int | str | Sequence, optional): Ids or names of the categories to take. By default those that have
            keypoints, of an annotation file that has several, and category 1 of a detection file that has several, as
            stock MMPose does.
    """
    score: float = 0.
    area: float = 0.
    category: Union[Category, Sequence[Category], None] = None

    def choose(self, boxes: List[dict], categories: Sequence[dict], detections: bool, source: str,
               account: Account) -> List[dict]:
        """Choose.

        Args:
            boxes (List[dict]): Annotations or detections.
            categories (Sequence[dict]): What the annotation file says of categories.
            detections (bool): Whether the boxes are a detector's.
            source (str): The file, for errors.
            account (Account): Is told what is left out.

        Returns:
            List[dict]: Those taken; each has an ``id``, by default its place in the file.

        Raises:
            ValueError: If it is not clear which category is meant; names the file and the key.
        """
        there = {_category(box) for box in boxes}
        wanted = self._ids(there, categories, detections, source)
        taken, left_out = [], account.left_out
        for number, box in enumerate(boxes):
            if box.get('iscrowd'):
                left_out['crowds'] += 1
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
                raise ValueError(f'{source} has boxes of {len(listed)} categories ({names}, ...); say which to learn '
                                 "from by unlabeled.category='person', for instance")
            return with_joints or None
        several = isinstance(self.category, (list, tuple))
        return {_id(each, categories, source) for each in (self.category if several else [self.category])}


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


def _area(box: object) -> float:
    try:
        return _number(box[2]) * _number(box[3])
    except (TypeError, IndexError, KeyError):
        return float('inf')  # Unusable, and reported as such.
