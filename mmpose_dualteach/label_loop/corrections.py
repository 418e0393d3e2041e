# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Corrected labels become part of the labelled set."""

import json
import os.path as osp
from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from mmpose_dualteach.datasets.checks import read_json
from mmpose_dualteach.label_loop.formats.label_studio_export import coco_of_tasks, is_label_studio
from mmpose_dualteach.label_loop.image_names import named_as_known, named_from_root
from mmpose_dualteach.label_loop.label_files import (
    annotations_by_name,
    category_with_keypoints,
    corrected_names,
    free_numbers,
    has_labels,
    images_by_name,
    places_of_keypoints,
    read_labels,
    refuse_other_sizes,
    refuse_unlisted_images,
    sizes_by_name,
)
from mmpose_dualteach.label_loop.same_instance import alike, own_box, pairs
from mmpose_dualteach.prepare.split import boxes_only
from mmpose_dualteach.utils.file_io import refuse_to_overwrite, write_new
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
            ones. What is written names all images by their paths below the folder that holds both. Defaults to None:
            there is but one folder.

    Returns:
        Dict[str, int]: Counts: ``replaced`` and ``new`` labelled instances, ``labeled`` ones in all, ``unlabeled`` ones
        that are left, and ``renamed`` images that the corrected file names with more folders, or with fewer.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a file is of another format, its keypoints are not the labelled set's, none is corrected, it is
            not clear which images are the corrected ones, labels are of an image of another size, or a file would be
            written over that is read or has other labels; names it.
    """
    refuse_to_overwrite(
        [osp.join(folder, f'{name}.json') for name in ('labeled', 'unlabeled')], [labeled, corrected, unlabeled]
    )
    old = read_labels(labeled)
    category = category_with_keypoints(old, labeled)
    content = read_json(corrected)
    new = coco_of_tasks(content, category, corrected) if is_label_studio(content) else read_labels(corrected)
    rest = read_labels(unlabeled) if unlabeled else dict(images=[], annotations=[])
    if not corrected_names(new):
        raise ValueError(
            f'{corrected} has no labelled keypoints; submit annotations in the labelling tool, where predictions are '
            'none, and export again'
        )
    order = places_of_keypoints(category, category_with_keypoints(new, corrected), corrected)
    refuse_unlisted_images(new, corrected)
    if roots:
        old, new, rest, renamed = named_from_root(roots, old, new, rest, corrected, unlabeled)
    else:
        new, renamed = named_as_known(old, new, rest, corrected, unlabeled)
    refuse_other_sizes(new, corrected, [(labeled, old), (unlabeled or '', rest)])

    labels, unlabelled = annotations_by_name(old), annotations_by_name(rest)
    images = {**images_by_name(new), **images_by_name(rest), **images_by_name(old)}
    sizes = {name: size for each in (new, rest, old) for name, size in sizes_by_name(each).items()}
    ids = {name: image['id'] for name, image in images_by_name(old).items()}
    free_image = free_numbers(image['id'] for image in old['images'])
    free = free_numbers(each.get('id') for each in old['annotations'])
    counts = dict(replaced=0, new=0, renamed=renamed)
    for name, corrections in annotations_by_name(new).items():
        corrections = [_in_order(each, order, category) for each in corrections if has_labels(each)]
        if not corrections:
            continue
        if name not in ids:
            ids[name] = next(free_image)
        before, where = labels[name], f'{corrected}: image {name}'
        labels[name] = _with_corrections(before, unlabelled[name], corrections, free, sizes.get(name), where)
        added = len(labels[name]) - len(before)
        counts['new'] += added
        counts['replaced'] += len(corrections) - added
    # Of an image that the labelled file lists twice one stays, with the instances of both.
    annotations = [dict(each, image_id=number) for name, number in ids.items() for each in labels[name]]
    listed = [dict(images[name], id=number) for name, number in ids.items()]
    sides = dict(labeled=dict(old, images=listed, annotations=annotations))
    if unlabeled:
        sides['unlabeled'] = _left(rest, labels, share_images)
    write_new({osp.join(folder, f'{side}.json'): json.dumps(content) for side, content in sides.items()})
    return dict(counts, **{side: len(content['annotations']) for side, content in sides.items()})


def _in_order(annotation: dict, order: Sequence[int], category: dict) -> dict:
    """The labels of an annotation as those of another category, whose keypoints have another order."""
    rows = np.array(annotation['keypoints']).reshape(-1, 3)[list(order)]
    labels = dict(keypoints=rows.reshape(-1).tolist(), num_keypoints=int((rows[:, 2] > 0).sum()))
    return dict(boxes_only(annotation), **labels, category_id=category['id'])


def _with_corrections(
    labels: Sequence[dict],
    boxes: Sequence[dict],
    corrections: Sequence[dict],
    free: Iterator[int],
    size: Optional[Tuple[float, float]],
    where: str,
) -> List[dict]:
    """The labels of an image, corrections in place of the same instances', or else behind them with free numbers.

    Args:
        labels, boxes (Sequence[dict]): Its annotations in the labelled and in the unlabelled file.
        corrections (Sequence[dict]): Those of the corrected file.
        free (Iterator[int]): Numbers of new annotations.
        size (Tuple[float, float], optional): Its width and height in pixels, None where no file tells.
        where (str): File and image, for errors.
    """
    instances = [*labels, *(each for each in boxes if not _is_in(each, labels))]
    same = pairs(corrections, instances)
    found = list(labels)
    for number, each in enumerate(corrections):
        place = same.get(number, len(instances))
        each = _with_box(each, instances[place] if place < len(instances) else None, size, where)
        if place < len(labels):
            # Scores of a pseudo-label say nothing of what took its place.
            kept = {key: value for key, value in labels[place].items() if key not in ('score', 'keypoint_scores')}
            found[place] = dict(kept, **dict(each, id=labels[place].get('id')))
        else:
            found.append(dict(each, id=next(free)))
    return found


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
    own = annotations_by_name(rest)
    for name, image in images_by_name(rest).items():
        instances = [boxes_only(each) for each in own[name]]
        labelled = [each for each in labels.get(name, ()) if has_labels(each)]
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
