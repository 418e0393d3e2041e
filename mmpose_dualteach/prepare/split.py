# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Labelled and unlabelled parts of an annotation file."""

import hashlib
import json
import os
import os.path as osp
from contextlib import suppress
from typing import Any, Dict, List, Tuple, Union

import numpy as np

from mmpose_dualteach.datasets.checks import check_entries, is_coco, read_json
from mmpose_dualteach.prepare.identity import first_of_each
from mmpose_dualteach.utils.file_io import dump_json, refuse_to_overwrite

UNITS = ('instances', 'images')
# What of an annotation is no label. Everything else stays out of the unlabelled file.
BOX_KEYS = (
    'id',
    'image_id',
    'category_id',
    'iscrowd',
    'bbox',
    'area',
    'score',
    'center',
    'scale',
    'image',
    'face_box',
    'lefthand_box',
    'righthand_box',
    'face_valid',
    'lefthand_valid',
    'righthand_valid',
    'track_id',
)
IMAGE_KEYS = (
    'id',
    'file_name',
    'width',
    'height',
    'license',
    'coco_url',
    'flickr_url',
    'date_captured',
    'vid_id',
    'frame_id',
    'nframes',
)
FILE_KEYS = ('info', 'licenses', 'categories')


def split_labels(
    ann_file: str, labeled: float, folder: str, seed: int = 0, unit: str = 'instances', share_images: bool = False
) -> dict:
    """Write a labelled and an unlabelled file.

    Images are put in an order that depends on the seed and their ids alone, and join the labelled side one after the
    other, those that would bring too many instances left out: the same split on every machine, whatever the order of
    the file, and the split of fewer labels is about the beginning of that of more. Where the last images are too full,
    there are a few labelled instances less than asked for, which the manifest says.

    Args:
        ann_file (str): A COCO-format file, or one in MPII's own format, a list of instances.
        labeled (float): How many labelled instances, or images that have some, to take; a share where it is below 1.
        folder (str): Where ``labeled.json``, ``unlabeled.json`` and ``manifest.json`` go.
        seed (int): Defaults to 0.
        unit (str): What ``labeled`` counts, ``'instances'`` as the paper does, or ``'images'``. Defaults to
            ``'instances'``.
        share_images (bool): Whether instances of one image may be on either side. Defaults to False.

    Returns:
        dict: The manifest: source, counts, seed, and a checksum of which instances are on which side.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is of another format, or has fewer labelled instances than asked for; names it.
    """
    if not 0 < labeled < float('inf'):
        raise ValueError(f'labeled={labeled}: give a number of {unit}, or a share below 1')
    if unit not in UNITS:
        raise ValueError(f'unit={unit!r}; choose one of {", ".join(UNITS)}')
    if share_images and unit == 'images':
        raise ValueError(
            'share_images splits images between the sides, so that they cannot be counted; count instances'
        )
    outputs = [osp.join(folder, f'{name}.json') for name in ('labeled', 'unlabeled', 'manifest')]
    refuse_to_overwrite(outputs, [ann_file])
    content = read_json(ann_file)
    instances = _instances(content, ann_file)
    image_of = 'image' if isinstance(content, list) else 'image_id'
    own = _identities(instances)
    # One image that the file lists twice is one.
    same = first_of_each(content['images']) if isinstance(content, dict) else {}
    image_of_each = [
        _identity(same.get(each[image_of], each[image_of]) if same else each[image_of]) for each in instances
    ]
    names = own if share_images else image_of_each
    groups: Dict[str, List[int]] = {}
    for number, name in enumerate(names):
        groups.setdefault(name, []).append(number)
    weights = {name: sum(_has_label(instances[number]) for number in group) for name, group in groups.items()}
    if unit == 'images':
        weights = {name: int(weight > 0) for name, weight in weights.items()}
    total = sum(weights.values())
    count = round(labeled * total) if labeled < 1 else int(labeled)
    if not 1 <= count <= total:
        raise ValueError(f'{ann_file} has {total} {unit} with labels; {count} were asked for')

    chosen = choose(weights, count, seed)
    if not chosen:
        raise ValueError(
            f'{ann_file}: no image has so few instances with labels as {count}; ask for more, or '
            'allow instances of one image on either side (share_images)'
        )
    taken = [name in chosen for name in names]
    sides = dict(
        labeled=[each for each, here in zip(instances, taken) if here],
        unlabeled=[boxes_only(each) for each, here in zip(instances, taken) if not here],
    )
    ids = {side: sorted(name for name, here in zip(own, taken) if here == (side == 'labeled')) for side in sides}
    images = {
        side: {image for image, here in zip(image_of_each, taken) if here == (side == 'labeled')} for side in sides
    }
    alone = [_identity(each) for each in same.values()]
    images['unlabeled'].update(name for name in alone if name not in images['labeled'])
    with open(ann_file, 'rb') as file:
        source_sum = hashlib.sha256(file.read()).hexdigest()
    manifest = dict(
        source=osp.basename(ann_file),
        source_sha256=source_sum,
        seed=seed,
        unit=unit,
        share_images=share_images,
        asked_for=count,
        **{
            side: dict(
                images=len(images[side]),
                instances=len(sides[side]),
                instances_with_labels=sum(
                    _has_label(each) for each, here in zip(instances, taken) if here == (side == 'labeled')
                ),
            )
            for side in sides
        },
        checksum=hashlib.sha256(json.dumps([ids['labeled'], ids['unlabeled']]).encode()).hexdigest(),
    )
    os.makedirs(folder, exist_ok=True)
    for side in sides:
        whole: Union[List[dict], Dict[str, Any]] = sides[side]
        if isinstance(content, dict):
            listed = [image for image in content['images'] if _identity(same[image['id']]) in images[side]]
            if side == 'unlabeled':
                listed = [_only(image, IMAGE_KEYS) for image in listed]
            rest = _only(content, FILE_KEYS) if side == 'unlabeled' else content
            whole = dict(rest, images=listed, annotations=sides[side])
        dump_json(whole, osp.join(folder, f'{side}.json'))
    dump_json(manifest, osp.join(folder, 'manifest.json'), indent=1)
    return manifest


def boxes_only(instance: dict) -> dict:
    """An instance without labels."""
    return _only(instance, BOX_KEYS)


def _only(entry: dict, keys: Tuple[str, ...]) -> dict:
    return {key: value for key, value in entry.items() if key in keys}


def _instances(content: Any, ann_file: str) -> List[dict]:
    if is_coco(content):
        check_entries(content, ann_file)
        return content['annotations']
    if isinstance(content, list) and all(isinstance(each, dict) and 'image' in each for each in content):
        return content
    raise ValueError(
        f"{ann_file} is neither in COCO's format, a dict with 'images' and 'annotations', nor in MPII's, "
        "a list of instances with 'image'"
    )


def _identities(instances: List[dict]) -> List[str]:
    """What tells instances apart: their ids; where some have none or share one, image, centre and scale, as MPII's own
    format has them; or else their places in the file."""
    for told in (lambda each: each['id'], lambda each: [each[key] for key in ('image', 'center', 'scale')]):
        with suppress(KeyError):
            names = [_identity(told(each)) for each in instances]
            if len(set(names)) == len(names):
                return names
    return [_identity([number]) for number in range(len(instances))]


def _identity(value: Any) -> str:
    return json.dumps(value)


def _has_label(instance: dict) -> bool:
    if instance.get('iscrowd'):
        return False
    key = next((key for key in ('joints_vis', 'num_keypoints') if key in instance), 'keypoints')
    try:
        return bool(np.any(instance.get(key, 0)))
    except (TypeError, ValueError):  # No numbers, or not as many in each; training says so.
        return True


def choose(weights: Dict[str, int], count: int, seed: int) -> set:
    """Groups one after the other, in an order that depends on the seed and each one's name alone, those left out that
    would bring the weight above ``count``.

    Args:
        weights (Dict[str, int]): Of each group, by its name; those of weight 0 are never chosen.
        count (int): The weight to reach.
        seed (int): Another one, another order.

    Returns:
        set: Names of the groups that are chosen.
    """
    chosen, weight = set(), 0
    for name in sorted(weights, key=lambda name: hashlib.sha256(f'{seed}/{name}'.encode()).digest()):
        if weights[name] and weight + weights[name] <= count:
            chosen.add(name)
            weight += weights[name]
    return chosen


def split_in_words(manifest: dict) -> List[str]:
    """A manifest, for a terminal."""
    lines = [
        f'{side}: {counts["instances_with_labels"]} instances with labels, {counts["instances"]} instances in '
        f'all, on {counts["images"]} images'
        for side, counts in manifest.items()
        if isinstance(counts, dict)
    ]
    if manifest['unit'] == 'instances' and manifest['labeled']['instances_with_labels'] < manifest['asked_for']:
        lines.append(f'asked for {manifest["asked_for"]}: each image left has too many instances with labels')
    return [*lines, f'checksum {manifest["checksum"]} (seed {manifest["seed"]}, counted in {manifest["unit"]})']
