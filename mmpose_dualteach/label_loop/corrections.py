# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Corrected labels become part of the labelled set."""

import os
import os.path as osp
from collections import defaultdict
from itertools import count
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from mmpose_dualteach.datasets.checks import read_coco_json, read_json
from mmpose_dualteach.label_loop.formats.label_studio_export import coco_of_tasks, is_label_studio
from mmpose_dualteach.prepare.identity import image_name
from mmpose_dualteach.prepare.split import boxes_only
from mmpose_dualteach.utils.file_io import dump_json

BESIDE = 0.1  # Beside keypoints that no box is known around, of the longer side of theirs.
SAME = 0.5  # Least intersection over union of two boxes of one instance.
HULL = 2.0  # Pixels by which a box differs at most from one that a tool has drawn around keypoints.
INSIDE = 0.8  # Least share of a box around keypoints that lies in the box of their instance.


def merge_labels(
    labeled: str,
    corrected: str,
    folder: str,
    unlabeled: Optional[str] = None,
    share_images: bool = False,
    roots: Optional[Tuple[str, str]] = None,
) -> Dict[str, int]:
    """Write a labelled file that has the corrections, and what is still unlabelled.

    An image is the same by its name, whatever number a labelling tool has given it; an instance by its box. A
    correction takes the place of the same instance's labels; all others stay. Where a tool has put boxes around
    keypoints (CVAT does), the instance keeps the box that the unlabelled or labelled file has.

    Args:
        labeled (str): The labelled annotation file, COCO-style; its categories, keypoints and numbers of images hold.
        corrected (str): A COCO-style file, or an export of Label Studio's own JSON.
        folder (str): Where ``labeled.json`` and ``unlabeled.json`` go.
        unlabeled (str, optional): The unlabelled annotation file, COCO-style. Defaults to None: labels alone are
            written.
        share_images (bool): Whether instances of a labelled image may stay unlabelled. Defaults to False: an image with
            labels is taken out of the unlabelled file with all its instances.
        roots (Tuple[str, str], optional): The folder of the labelled images, and that of the corrected and unlabelled
            ones. What is written names all images by their paths below :func:`common_root` of both. Defaults to None:
            there is but one folder.

    Returns:
        Dict[str, int]: Counts: ``replaced`` and ``new`` labelled instances, ``labeled`` ones in all, and ``unlabeled``
        ones that are left.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a file is of another format, or its keypoints are not the labelled set's; names it.
    """
    old = read_coco_json(labeled)
    category = _category(old, labeled)
    content = read_json(corrected)
    new = coco_of_tasks(content, category, corrected) if is_label_studio(content) else read_coco_json(corrected)
    rest = read_coco_json(unlabeled) if unlabeled else dict(images=[], annotations=[])
    if roots:
        root = common_root(roots)
        old = _named_from(root, old, roots[0])
        new, rest = (_named_from(root, each, roots[1]) for each in (new, rest))
        named = [{image_name(image) for image in each['images']} for each in (new, rest)]
        if named[1] and not named[0] & named[1]:
            raise ValueError(
                f'{corrected} and {unlabeled} have no image of the same name; the second folder of --images is that '
                'from which both name theirs'
            )
    order = _order(category, _category(new, corrected), corrected)

    known = _by_name(old, rest)
    labels = _by_name(old)
    images = {image_name(image): image for source in (new, rest, old) for image in source['images']}
    ids = {image_name(image): image['id'] for image in old['images']}
    free_image, free = _free(ids.values()), _free(each.get('id') for each in old['annotations'])
    counts = dict(replaced=0, new=0)
    for name, corrections in _by_name(new).items():
        corrections = [_with_own_box(_in_order(each, order), known[name]) for each in corrections if _has_labels(each)]
        there = labels[name]
        if corrections and name not in ids:
            ids[name] = next(free_image)
        pairs = _pairs(corrections, there)
        for number, each in enumerate(corrections):
            each.update(image_id=ids[name], category_id=category['id'])
            if number in pairs:
                place = pairs[number]
                there[place] = dict(there[place], **dict(each, id=there[place].get('id')))
                counts['replaced'] += 1
            else:
                there.append(dict(each, id=next(free)))
                counts['new'] += 1
    annotations = [each for name in ids for each in labels[name]]
    os.makedirs(folder, exist_ok=True)
    listed = [dict(images[name], id=number) for name, number in ids.items()]
    dump_json(dict(old, images=listed, annotations=annotations), osp.join(folder, 'labeled.json'))
    counts['labeled'] = len(annotations)
    if unlabeled:
        left = _left(rest, labels, share_images)
        dump_json(left, osp.join(folder, 'unlabeled.json'))
        counts['unlabeled'] = len(left['annotations'])
    return counts


def common_root(roots: Tuple[str, str]) -> str:
    """The folder that holds two folders of images.

    Raises:
        ValueError: If there is none but the file system's root.
    """
    root = osp.commonpath([osp.abspath(each) for each in roots])
    if root == osp.dirname(root):
        raise ValueError(f'{roots[0]} and {roots[1]} are in no folder together; move one, or link both into a folder')
    return root


def _named_from(root: str, content: dict, folder: str) -> dict:
    """A COCO-style file of a folder's images, named by their paths from one that holds it."""
    way = osp.relpath(osp.abspath(folder), root)
    named = [dict(image, file_name=osp.join(way, str(image['file_name']))) for image in content['images']]
    return dict(content, images=named)


def _category(content: dict, path: str) -> dict:
    """The category with keypoints.

    Raises:
        ValueError: If there is none, or several; names the file.
    """
    found = [each for each in content.get('categories') or () if isinstance(each, dict) and each.get('keypoints')]
    if len(found) != 1:
        raise ValueError(f'{path} must have one category with the names of its keypoints; it has {len(found)}')
    numbers = 3 * len(found[0]['keypoints'])
    for each in content['annotations']:
        if each.get('keypoints') and len(each['keypoints']) != numbers:
            raise ValueError(
                f'{path}: annotation {each.get("id")} has {len(each["keypoints"])} numbers in keypoints, not the '
                f'{numbers} of its category'
            )
    return found[0]


def _order(category: dict, other: dict, path: str) -> List[int]:
    """Where each keypoint of a category stands in another one.

    Raises:
        ValueError: If it is not there; names the file and the keypoint.
    """
    places = {name: place for place, name in enumerate(other['keypoints'])}
    missing = [name for name in category['keypoints'] if name not in places]
    if missing:
        raise ValueError(f'{path} has no keypoint {missing[0]!r}, which the labelled set has; name keypoints alike')
    return [places[name] for name in category['keypoints']]


def _by_name(*sources: dict) -> Dict[str, List[dict]]:
    """Annotations by the names of their images."""
    found: Dict[str, List[dict]] = defaultdict(list)
    for source in sources:
        names = {image['id']: image_name(image) for image in source['images']}
        for each in source['annotations']:
            if each.get('image_id') in names:
                found[names[each['image_id']]].append(dict(each))
    return found


def _in_order(annotation: dict, order: Sequence[int]) -> dict:
    """The labels of an annotation, keypoints in another order."""
    rows = np.array(annotation['keypoints']).reshape(-1, 3)[list(order)]
    labels = dict(keypoints=rows.reshape(-1).tolist(), num_keypoints=int((rows[:, 2] > 0).sum()))
    return dict(boxes_only(annotation), **labels)


def _has_labels(annotation: dict) -> bool:
    return bool(np.any((annotation.get('keypoints') or ())[2::3])) and not annotation.get('iscrowd')


def _with_own_box(annotation: dict, known: Sequence[dict]) -> dict:
    """An annotation in the box that its instance has in another file, where its own is but drawn around keypoints."""
    rows = np.array(annotation['keypoints'], dtype=float).reshape(-1, 3)
    points = rows[rows[:, 2] > 0, :2]
    hull = [*points.min(axis=0), *np.ptp(points, axis=0)]
    box = annotation.get('bbox')
    if box and np.abs(np.subtract(box, hull)).max() > HULL:
        return dict(annotation, area=annotation.get('area', box[2] * box[3]))
    around = [each for each in known if each.get('bbox') and _share_inside(hull, each['bbox']) >= INSIDE]
    if around:
        nearest = min(around, key=lambda each: each['bbox'][2] * each['bbox'][3])
        return dict(annotation, **{key: value for key, value in boxes_only(nearest).items() if key != 'score'})
    margin = BESIDE * max(hull[2:])
    wide = [hull[0] - margin, hull[1] - margin, hull[2] + 2 * margin, hull[3] + 2 * margin]
    return dict(annotation, bbox=[round(float(side), 2) for side in wide], area=round(float(wide[2] * wide[3]), 2))


def _pairs(some: Sequence[dict], others: Sequence[dict]) -> Dict[int, int]:
    """Which of some annotations are of the same instance as which others, by their boxes."""
    overlaps = np.array([[_overlap(one['bbox'], other.get('bbox')) for other in others] for one in some])
    if not overlaps.size:
        return {}
    rows, columns = linear_sum_assignment(-overlaps)
    return {int(row): int(column) for row, column in zip(rows, columns) if overlaps[row, column] >= SAME}


def _left(rest: dict, labels: Mapping[str, Sequence[dict]], share_images: bool) -> dict:
    """What is still unlabelled: without the images that have labels, or without the instances that have."""
    images, annotations = [], []
    own = _by_name(rest)
    for image in rest['images']:
        name = image_name(image)
        instances, labelled = own[name], [each for each in labels.get(name, ()) if _has_labels(each)]
        if labelled and share_images:
            taken = _pairs(instances, labelled)
            instances = [each for number, each in enumerate(instances) if number not in taken]
            if not instances:
                continue
        elif labelled:
            continue
        images.append(image)
        annotations += [boxes_only(each) for each in instances]
    return dict(rest, images=images, annotations=annotations)


def _area(box: Sequence[float]) -> float:
    return max(float(box[2]), 0.0) * max(float(box[3]), 0.0)


def _common(one: Sequence[float], other: Sequence[float]) -> float:
    """Area that two boxes (left, top, width, height) share."""
    low = np.maximum(one[:2], other[:2])
    high = np.minimum(np.add(one[:2], one[2:]), np.add(other[:2], other[2:]))
    return float(np.clip(high - low, 0, None).prod())


def _overlap(one: Sequence[float], other: Optional[Sequence[float]]) -> float:
    """Intersection over union."""
    if not other:
        return 0.0
    common = _common(one, other)
    return common / max(_area(one) + _area(other) - common, 1e-9)


def _share_inside(inner: Sequence[float], outer: Sequence[float]) -> float:
    """How much of a box, or of a line or point, lies in another one."""
    sides = np.maximum(inner[2:], 1e-6)
    return _common([*inner[:2], *sides], outer) / float(sides.prod())


def _free(taken: Any) -> Iterator[int]:
    """Numbers that are not taken."""
    numbers = {each for each in taken if isinstance(each, int)}
    return count(max(numbers, default=0) + 1)
