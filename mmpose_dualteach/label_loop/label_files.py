# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Files of labels in COCO's format, and what must hold of them before they are put together."""

from collections import defaultdict
from itertools import count
from typing import Any, Dict, Iterable, Iterator, List, Sequence, Tuple

import numpy as np

from mmpose_dualteach.datasets.box_arrays import as_numbers
from mmpose_dualteach.datasets.checks import listed_side, read_coco_json, short
from mmpose_dualteach.prepare.identity import image_name


def read_labels(path: str) -> dict:
    """Read a COCO-style file.

    Args:
        path (str): The file.

    Returns:
        dict: Its content; images have names, and boxes four finite numbers.

    Raises:
        ValueError: If it is of another format; names it.
    """
    content = read_coco_json(path)
    _check_numbers(content['annotations'], 'bbox', 4, path)
    return content


def category_with_keypoints(content: dict, path: str) -> dict:
    """The category with keypoints.

    Args:
        content (dict): A COCO-style file.
        path (str): The file, for errors.

    Returns:
        dict: The category; keypoints of all annotations are three finite numbers for each of its.

    Raises:
        ValueError: If there is none, or several, or an annotation has other keypoints; names the file.
    """
    found = [each for each in content.get('categories') or () if isinstance(each, dict) and each.get('keypoints')]
    if len(found) != 1:
        raise ValueError(f'{path} must have one category with the names of its keypoints; it has {len(found)}')
    if found[0].get('id') is None:
        raise ValueError(f'{path}: its category with keypoints has no id; give it one')
    _check_numbers(content['annotations'], 'keypoints', 3 * len(found[0]['keypoints']), path)
    return found[0]


def refuse_unlisted_images(content: dict, path: str) -> None:
    """Check that labels are on images that their file lists: they would be lost.

    Raises:
        ValueError: If some are not; names the file, the annotation and the image.
    """
    listed = {image['id'] for image in content['images']}
    for each in content['annotations']:
        if each['image_id'] not in listed and has_labels(each):
            raise ValueError(
                f'{path}: annotation {short(each.get("id"))} names image {short(each["image_id"])}, which the file '
                'does not list; add the image or remove the annotation'
            )


def places_of_keypoints(category: dict, other: dict, path: str) -> List[int]:
    """Where each keypoint of a category stands in another one.

    Args:
        category (dict): With K keypoints.
        other (dict): The other one.
        path (str): The file that the other one is of, for errors.

    Returns:
        List[int]: K places.

    Raises:
        ValueError: If it is not there; names the file and the keypoint.
    """
    places = {name: place for place, name in enumerate(other['keypoints'])}
    missing = [name for name in category['keypoints'] if name not in places]
    if missing:
        raise ValueError(f'{path} has no keypoint {missing[0]!r}, which the labelled set has; name keypoints alike')
    return [places[name] for name in category['keypoints']]


def free_numbers(taken: Iterable[Any]) -> Iterator[int]:
    """Numbers behind the last one that is taken, from 1 on."""
    return count(max((each for each in taken if isinstance(each, int)), default=0) + 1)


def images_by_name(content: dict) -> Dict[str, dict]:
    """Images by their names, the first of each."""
    found: Dict[str, dict] = {}
    for image in content['images']:
        found.setdefault(image_name(image), image)
    return found


def annotations_by_name(content: dict) -> Dict[str, List[dict]]:
    """Annotations by the names of their images."""
    found: Dict[str, List[dict]] = defaultdict(list)
    names = {image['id']: image_name(image) for image in content['images']}
    for each in content['annotations']:
        if each.get('image_id') in names:
            found[names[each['image_id']]].append(dict(each))
    return found


def sizes_by_name(content: dict) -> Dict[str, Tuple[float, float]]:
    """Width and height in pixels of images by their names, where the file has both."""
    found = {
        name: (listed_side(image.get('width')), listed_side(image.get('height')))
        for name, image in images_by_name(content).items()
    }
    return {name: size for name, size in found.items() if np.isfinite(size).all()}


def has_labels(annotation: dict) -> bool:
    """Whether any keypoint of an annotation is labelled; crowds have none."""
    return bool(np.any((annotation.get('keypoints') or ())[2::3])) and not annotation.get('iscrowd')


def corrected_names(content: dict) -> List[str]:
    """The names of images with labels."""
    return [name for name, annotations in annotations_by_name(content).items() if any(map(has_labels, annotations))]


def refuse_other_sizes(new: dict, corrected: str, others: Iterable[Tuple[str, dict]]) -> None:
    """Check that images with labels are of the size that other files list, where both list one: labels of an enlarged
    image lie elsewhere.

    Args:
        new (dict): The corrected file, images of which are named as in the others.
        corrected (str): Where it was read, for errors.
        others (Iterable[Tuple[str, dict]]): Files, and their content.

    Raises:
        ValueError: If one is of another size; names it and both sizes.
    """
    names, sizes = corrected_names(new), sizes_by_name(new)
    for path, content in others:
        listed = sizes_by_name(content)
        for name in names:
            own, known = sizes.get(name), listed.get(name)
            if own and known and np.abs(np.subtract(own, known)).max() >= 1:
                raise ValueError(
                    f'{corrected} has labels of {name} with {own[0]:g}x{own[1]:g} pixels, but {path} lists it with '
                    f'{known[0]:g}x{known[1]:g}; label the image of that size, or correct the size that is wrong'
                )


def _check_numbers(annotations: Sequence[dict], key: str, count: int, path: str) -> None:
    there = [each for each in annotations if each.get(key)]
    finite = np.isfinite(as_numbers([each[key] for each in there], count)).all(axis=1)
    for row in np.flatnonzero(~finite)[:1]:
        each = there[row]
        raise ValueError(
            f'{path}: annotation {short(each.get("id"))}: {key} must be {count} finite numbers, not '
            f'{short(each[key])}; correct or remove it'
        )
