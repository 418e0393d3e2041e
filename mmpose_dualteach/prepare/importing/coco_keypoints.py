# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Labels of COCO files of other tools: SLEAP's (sleap-io's ``save_coco``), CVAT's, Label Studio's converter's."""

import os.path as osp
from collections.abc import Hashable
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from mmpose_dualteach.datasets.checks import listed_categories, listed_side, read_coco_json, short
from mmpose_dualteach.prepare.importing.labels import LabeledImage, Labels, listed_twice


def read_coco(path: str, root: Optional[str] = None) -> Labels:
    """Read a COCO file; its category with keypoints says what joints are called.

    Args:
        path (str): The file.
        root (str, optional): The folder that its images are named from. Defaults to that of the file, or ``images`` in
            it where the first image is there.

    Raises:
        FileNotFoundError: If the file or its images are missing.
        ValueError: If it is no such file, has no category with keypoints, or several, lists an image twice, or an
            annotation cannot be read; names it.
    """
    if not osp.isfile(path):
        raise FileNotFoundError(f'{path} does not exist; name a COCO file')
    content = read_coco_json(path)
    listed = listed_categories(content.get('categories'))
    categories = [each for each in listed.values() if isinstance(each.get('keypoints'), list) and each['keypoints']]
    if len(categories) != 1:
        raise ValueError(f'{path} has {len(categories)} categories with keypoints; export one skeleton at a time')
    category = categories[0]
    joints = [str(name) for name in category['keypoints']]
    images = _images(content['images'], path)
    for each in content['annotations']:
        where = f'{path}: annotation {short(each.get("id"))}'
        kind = each.get('category_id', category['id'])
        if kind not in list(listed):
            raise ValueError(f'{where} has category_id {short(kind)}, which the file does not list; correct or list it')
        if kind != category['id']:
            continue
        points = _points(each.get('keypoints'), len(joints), where)
        if not points[:, 2].any():
            continue
        if each['image_id'] not in images:
            raise ValueError(
                f'{where} names image {short(each["image_id"])}, which the file does not list; add the image or '
                'remove the annotation'
            )
        images[each['image_id']].instances.append(points)
    skeleton = _skeleton(category.get('skeleton') or [], joints, path)
    folder = root if root is not None else _root_of(path, images)
    return Labels(joints, list(images.values()), folder, skeleton, str(category.get('name') or Labels.kind))


def _images(entries: List[dict], path: str) -> Dict[Hashable, LabeledImage]:
    """Images by their ids, each of them once."""
    images: Dict[Hashable, LabeledImage] = {}
    for each in entries:
        name, sides = each['file_name'], (listed_side(each.get('width')), listed_side(each.get('height')))
        if each['id'] in images:
            raise ValueError(f'{path} lists several images with id {short(each["id"])}; number them anew')
        images[each['id']] = LabeledImage(name.replace('\\', '/'), size=sides if np.isfinite(sides).all() else None)
    if not images:
        raise ValueError(f'{path} has no images')
    twice = listed_twice(images.values())
    if twice is not None:
        # Frames of two videos may have come to one name, so labels under one id could be those of another image.
        raise ValueError(
            f'{path} lists image {twice} twice; list every image once, and give frames of different videos names of '
            "their own (image_filenames of sleap-io's save_coco)"
        )
    return images


def _points(listed: Any, count: int, where: str) -> np.ndarray:
    """Joints (x, y, visibility) in shape (K, 3), zeros where they are not labelled."""
    try:
        numbers = np.array(listed or np.zeros(3 * count), dtype=float).ravel()
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f'{where} has keypoints that are no numbers; correct or remove it') from None
    if len(numbers) != 3 * count:
        raise ValueError(
            f'{where} has {len(numbers)} numbers in keypoints, not x, y and visibility of the {count} of its '
            'category; correct or remove it'
        )
    points = numbers.reshape(count, 3)
    seen = points[:, 2] > 0
    if not np.isfinite(points[seen]).all():
        raise ValueError(f'{where} has keypoints that are not finite; correct or remove it')
    return np.where(seen[:, None], points, 0)


def _skeleton(links: Any, joints: List[str], path: str) -> List[Tuple[str, str]]:
    """Joints that are joined, which COCO counts from 1."""
    places = range(1, len(joints) + 1)
    for link in links if isinstance(links, list) else [links]:
        if not (isinstance(link, list) and len(link) == 2 and all(place in places for place in link)):
            raise ValueError(
                f'{path}: {short(link)} in its skeleton is no pair of numbers from 1 to {len(joints)}; correct or '
                'remove it'
            )
    return [(joints[int(one) - 1], joints[int(other) - 1]) for one, other in links]


def _root_of(path: str, images: Dict[Hashable, LabeledImage]) -> str:
    first = next(iter(images.values())).name
    for folder in (osp.dirname(osp.abspath(path)), osp.join(osp.dirname(osp.abspath(path)), 'images')):
        if osp.isfile(osp.join(folder, first)):
            return folder
    raise FileNotFoundError(
        f'{path} names image {first}, which is not beside it; name the folder of images by --images'
    )
