# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Corrected labels become part of the labelled set."""

import os
import os.path as osp
from collections import defaultdict
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from mmpose_dualteach.datasets.checks import listed_side, read_json
from mmpose_dualteach.label_loop.formats.label_studio_export import coco_of_tasks, is_label_studio
from mmpose_dualteach.label_loop.label_files import (
    category_with_keypoints,
    free_numbers,
    places_of_keypoints,
    read_labels,
)
from mmpose_dualteach.label_loop.same_instance import alike, own_box, pairs
from mmpose_dualteach.prepare.identity import image_name, known_names
from mmpose_dualteach.prepare.split import boxes_only
from mmpose_dualteach.utils.file_io import dump_json, refuse_to_overwrite
from mmpose_dualteach.utils.joint_boxes import box_of_joints


def merge_labels(
    labeled: str,
    corrected: str,
    folder: str,
    unlabeled: Optional[str] = None,
    share_images: bool = False,
    roots: Optional[Tuple[str, str]] = None,
) -> Dict[str, int]:
    """Write a labelled file that has the corrections, and what is still unlabelled.

    An image is the same by its name, whatever number a labelling tool has given it, and by the end of its path where
    that has fewer folders or more; an instance by its box, each one once. A correction takes the place of the same
    instance's labels; all others stay. Where a tool has put boxes around keypoints (CVAT does), the instance keeps the
    box that the unlabelled or labelled file has.

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
        Dict[str, int]: Counts: ``replaced`` and ``new`` labelled instances, ``labeled`` ones in all, ``unlabeled`` ones
        that are left, and ``renamed`` images that the corrected file names with more folders, or with fewer.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a file is of another format, its keypoints are not the labelled set's, or it is not clear which
            images are the corrected ones; names it.
    """
    refuse_to_overwrite(
        [osp.join(folder, f'{name}.json') for name in ('labeled', 'unlabeled')], [labeled, corrected, unlabeled]
    )
    old = read_labels(labeled)
    category = category_with_keypoints(old, labeled)
    content = read_json(corrected)
    new = coco_of_tasks(content, category, corrected) if is_label_studio(content) else read_labels(corrected)
    rest = read_labels(unlabeled) if unlabeled else dict(images=[], annotations=[])
    order = places_of_keypoints(category, category_with_keypoints(new, corrected), corrected)
    if roots:
        old, new, rest = _named_from_root(roots, old, new, rest, corrected, unlabeled)
        renamed = 0
    else:
        new, renamed = _named_as_known(old, new, rest, corrected, unlabeled)

    labels, unlabelled = _by_name(old), _by_name(rest)
    images = {**_images(new), **_images(rest), **_images(old)}
    sizes = {name: size for each in (new, rest, old) for name, size in _sizes(each).items()}
    ids = {name: image['id'] for name, image in _images(old).items()}
    free_image = free_numbers(image['id'] for image in old['images'])
    free = free_numbers(each.get('id') for each in old['annotations'])
    counts = dict(replaced=0, new=0, renamed=renamed)
    for name, corrections in _by_name(new).items():
        corrections = [_in_order(each, order) for each in corrections if _has_labels(each)]
        there = labels[name]
        if corrections and name not in ids:
            ids[name] = next(free_image)
        instances = [*there, *(each for each in unlabelled[name] if not _is_in(each, there))]
        same, labelled = pairs(corrections, instances), len(there)
        for number, each in enumerate(corrections):
            place = same.get(number)
            known = None if place is None else instances[place]
            each = _with_box(each, known, sizes.get(name), f'{corrected}: image {name}')
            each.update(image_id=ids[name], category_id=category['id'])
            if place is not None and place < labelled:
                there[place] = dict(there[place], **dict(each, id=there[place].get('id')))
                counts['replaced'] += 1
            else:
                there.append(dict(each, id=next(free)))
                counts['new'] += 1
    # Of an image that the labelled file lists twice one stays, with the instances of both.
    annotations = [dict(each, image_id=number) for name, number in ids.items() for each in labels[name]]
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


def _named_from_root(
    roots: Tuple[str, str], old: dict, new: dict, rest: dict, corrected: str, unlabeled: Optional[str]
) -> Tuple[dict, dict, dict]:
    """Three COCO-style files, images of which are named from the folder that holds both of two."""
    root = common_root(roots)
    # Corrected and unlabelled images are named from one folder, but for what an address has before it.
    new = _renamed(new, known_names(_corrected_names(new), _images(rest), corrected, lacking=False))
    old, new, rest = (_named_from(root, each, folder) for each, folder in zip((old, new, rest), (*roots, roots[1])))
    if rest['images'] and not _images(new).keys() & _images(rest).keys():
        raise ValueError(
            f'{corrected} and {unlabeled} have no image of the same name; the second folder of --images is that '
            'from which both name theirs'
        )
    return old, new, rest


def _named_from(root: str, content: dict, folder: str) -> dict:
    """A COCO-style file of a folder's images, named by their paths from one that holds it."""
    way = osp.relpath(osp.abspath(folder), root)
    named = [dict(image, file_name=osp.join(way, image['file_name'])) for image in content['images']]
    return dict(content, images=named)


def _named_as_known(old: dict, new: dict, rest: dict, corrected: str, unlabeled: Optional[str]) -> Tuple[dict, int]:
    """The corrected file, images of which are named as the others name them, and of how many the name is another."""
    names = _corrected_names(new)
    found = known_names(names, {**_images(rest), **_images(old)}, corrected)
    strange = [name for name in names if name not in found]
    if unlabeled and strange:
        raise ValueError(
            f'{corrected}: {len(strange)} corrected images are neither in the labelled file nor in {unlabeled} '
            f'({", ".join(strange[:3])}); name them as these do, or give --images if the labelled ones are in another '
            'folder'
        )
    return _renamed(new, found), sum(name != other for name, other in found.items())


def _renamed(content: dict, names: Mapping[str, str]) -> dict:
    """A COCO-style file with other names of some images; Windows' are written as every system reads them."""
    named = [
        dict(image, file_name=names.get(image_name(image), image['file_name'].replace('\\', '/')))
        for image in content['images']
    ]
    return dict(content, images=named)


def _images(content: dict) -> Dict[str, dict]:
    """Images by their names, the first of each."""
    found: Dict[str, dict] = {}
    for image in content['images']:
        found.setdefault(image_name(image), image)
    return found


def _sizes(content: dict) -> Dict[str, Tuple[float, float]]:
    """Width and height in pixels of images by their names, where the file has both."""
    found = {
        name: (listed_side(image.get('width')), listed_side(image.get('height')))
        for name, image in _images(content).items()
    }
    return {name: size for name, size in found.items() if np.isfinite(size).all()}


def _by_name(content: dict) -> Dict[str, List[dict]]:
    """Annotations by the names of their images."""
    found: Dict[str, List[dict]] = defaultdict(list)
    names = {image['id']: image_name(image) for image in content['images']}
    for each in content['annotations']:
        if each.get('image_id') in names:
            found[names[each['image_id']]].append(dict(each))
    return found


def _corrected_names(content: dict) -> List[str]:
    """The names of images with labels."""
    return [name for name, annotations in _by_name(content).items() if any(map(_has_labels, annotations))]


def _in_order(annotation: dict, order: Sequence[int]) -> dict:
    """The labels of an annotation, keypoints in another order."""
    rows = np.array(annotation['keypoints']).reshape(-1, 3)[list(order)]
    labels = dict(keypoints=rows.reshape(-1).tolist(), num_keypoints=int((rows[:, 2] > 0).sum()))
    return dict(boxes_only(annotation), **labels)


def _has_labels(annotation: dict) -> bool:
    return bool(np.any((annotation.get('keypoints') or ())[2::3])) and not annotation.get('iscrowd')


def _with_box(annotation: dict, known: Optional[dict], size: Optional[Tuple[float, float]], where: str) -> dict:
    """An annotation in its own box, or else in that by which another file knows its instance, or around its keypoints.

    Raises:
        ValueError: If there is no box and no size of the image; says where.
    """
    box = own_box(annotation)
    if box:
        return dict(annotation, area=annotation.get('area', box[2] * box[3]))
    if known:
        return dict(annotation, **{key: value for key, value in boxes_only(known).items() if key != 'score'})
    if size is None:
        raise ValueError(f'{where} has no width and height, which a box around its keypoints needs; add them')
    points = np.reshape(annotation['keypoints'], (-1, 3))
    left, top, right, bottom = box_of_joints(points[points[:, 2] > 0, :2], *size)
    box = [round(value, 2) for value in (left, top, right - left, bottom - top)]
    return dict(annotation, bbox=box, area=round(box[2] * box[3], 2))


def _is_in(instance: dict, others: Sequence[dict]) -> bool:
    """Whether an instance is among others, by its box."""
    box = instance.get('bbox')
    return any(box and each.get('bbox') and alike(box, each['bbox']) for each in others)


def _left(rest: dict, labels: Mapping[str, Sequence[dict]], share_images: bool) -> dict:
    """What is still unlabelled: without the images that have labels, or without the instances that have."""
    images, annotations = [], []
    own = _by_name(rest)
    for name, image in _images(rest).items():
        instances = [boxes_only(each) for each in own[name]]
        labelled = [each for each in labels.get(name, ()) if _has_labels(each)]
        if labelled and share_images:
            taken = pairs(instances, labelled)
            instances = [each for number, each in enumerate(instances) if number not in taken]
            if not instances:
                continue
        elif labelled:
            continue
        images.append(image)
        annotations += [dict(each, image_id=image['id']) for each in instances]
    return dict(rest, images=images, annotations=annotations)
