# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Labelled and unlabelled parts of an annotation file."""
import hashlib
import json
import os
import os.path as osp
from typing import Any, Dict, List, Tuple

import numpy as np

from mmpose_dualteach.datasets.checks import check_entries, is_coco, read_json
from mmpose_dualteach.whole_files import write_json

UNITS = ('people', 'images')
# What of an annotation is no label. Everything else stays out of the unlabelled file.
BOX_KEYS = ('id', 'image_id', 'category_id', 'iscrowd', 'bbox', 'area', 'score', 'center', 'scale', 'image', 'face_box',
            'lefthand_box', 'righthand_box', 'face_valid', 'lefthand_valid', 'righthand_valid', 'track_id')
IMAGE_KEYS = ('id', 'file_name', 'width', 'height', 'license', 'coco_url', 'flickr_url', 'date_captured', 'vid_id',
              'frame_id', 'nframes')
FILE_KEYS = ('info', 'licenses', 'categories')


def split_labels(ann_file: str, labeled: float, folder: str, seed: int = 0, unit: str = 'people',
                 share_images: bool = False) -> dict:
    """Write a labelled and an unlabelled file.

    Images are put in an order that depends on the seed and their ids alone, and join the labelled side one after the
    other, those that would bring too many people left out: the same split on every machine, whatever the order of the
    file, and the split of fewer labels is about the beginning of that of more. Where the last images are too full,
    there are a few labelled people less than asked for, which the manifest says.

    Args:
        ann_file (str): A COCO-format file, or one in MPII's own format, a list of people.
        labeled (float): How many labelled people, or images that have some, to take; a share where it is below 1.
        folder (str): Where ``labeled.json``, ``unlabeled.json`` and ``manifest.json`` go.
        seed (int): Defaults to 0.
        unit (str): What ``labeled`` counts, ``'people'`` as the paper does, or ``'images'``. Defaults to ``'people'``.
        share_images (bool): Whether people of one image may be on either side. Defaults to False.

    Returns:
        dict: The manifest: source, counts, seed, and a checksum of who is on which side.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is of another format, or has fewer labelled people than asked for; names it.
    """
    if not 0 < labeled < float('inf'):
        raise ValueError(f'labeled={labeled}: give a number of {unit}, or a share below 1')
    if unit not in UNITS:
        raise ValueError(f'unit={unit!r}; choose one of {", ".join(UNITS)}')
    if share_images and unit == 'images':
        raise ValueError('share_images splits images between the sides, so that they cannot be counted; count people')
    content = read_json(ann_file)
    people = _people(content, ann_file)
    image_of = 'image' if isinstance(content, list) else 'image_id'
    # MPII's people have no id; their places are theirs.
    own = [_identity(person['id'] if 'id' in person else [person.get(key) for key in ('image', 'center', 'scale')])
           for person in people]
    names = own if share_images else [_identity(person[image_of]) for person in people]
    groups: Dict[str, List[int]] = {}
    for number, name in enumerate(names):
        groups.setdefault(name, []).append(number)
    weights = {name: sum(_has_label(people[number]) for number in group) for name, group in groups.items()}
    if unit == 'images':
        weights = {name: int(weight > 0) for name, weight in weights.items()}
    total = sum(weights.values())
    count = round(labeled * total) if labeled < 1 else int(labeled)
    if not 1 <= count <= total:
        raise ValueError(f'{ann_file} has {total} {unit} with labels; {count} were asked for')

    chosen = _choose(weights, count, seed)
    if not chosen:
        raise ValueError(f'{ann_file}: no image has so few people with labels as {count}; ask for more, or allow '
                         'people of one image on either side (share_images)')
    taken = [name in chosen for name in names]
    sides = dict(labeled=[person for person, here in zip(people, taken) if here],
                 unlabeled=[boxes_only(person) for person, here in zip(people, taken) if not here])
    ids = {side: sorted(name for name, here in zip(own, taken) if here == (side == 'labeled')) for side in sides}
    images = {side: {_identity(person[image_of]) for person in sides[side]} for side in sides}
    alone = [_identity(image['id']) for image in content['images']] if isinstance(content, dict) else []
    images['unlabeled'].update(name for name in alone if name not in images['labeled'])
    with open(ann_file, 'rb') as file:
        source_sum = hashlib.sha256(file.read()).hexdigest()
    manifest = dict(
        source=osp.basename(ann_file), source_sha256=source_sum, seed=seed, unit=unit, share_images=share_images,
        asked_for=count,
        **{side: dict(images=len(images[side]), people=len(sides[side]),
                      people_with_labels=sum(_has_label(person) for person, here in zip(people, taken)
                                             if here == (side == 'labeled'))) for side in sides},
        checksum=hashlib.sha256(json.dumps([ids['labeled'], ids['unlabeled']]).encode()).hexdigest())
    os.makedirs(folder, exist_ok=True)
    for side in sides:
        whole = sides[side]
        if isinstance(content, dict):
            listed = [image for image in content['images'] if _identity(image['id']) in images[side]]
            if side == 'unlabeled':
                listed = [_only(image, IMAGE_KEYS) for image in listed]
            rest = _only(content, FILE_KEYS) if side == 'unlabeled' else content
            whole = dict(rest, images=listed, annotations=sides[side])
        write_json(whole, osp.join(folder, f'{side}.json'))
    write_json(manifest, osp.join(folder, 'manifest.json'), indent=1)
    return manifest


def boxes_only(person: dict) -> dict:
    """A person without labels."""
    return _only(person, BOX_KEYS)


def _only(entry: dict, keys: Tuple[str, ...]) -> dict:
    return {key: value for key, value in entry.items() if key in keys}


def _people(content: Any, ann_file: str) -> List[dict]:
    if is_coco(content):
        check_entries(content, ann_file)
        return content['annotations']
    if isinstance(content, list) and all(isinstance(person, dict) and 'image' in person for person in content):
        return content
    raise ValueError(f"{ann_file} is neither in COCO's format, a dict with 'images' and 'annotations', nor in MPII's, "
                     "a list of people with 'image'")


def _identity(value: Any) -> str:
    return json.dumps(value)


def _has_label(person: dict) -> bool:
    if person.get('iscrowd'):
        return False
    key = next((key for key in ('joints_vis', 'num_keypoints') if key in person), 'keypoints')
    try:
        return bool(np.any(person.get(key, 0)))
    except (TypeError, ValueError):  # No numbers, or not as many in each; training says so.
        return True


def _choose(weights: Dict[str, int], count: int, seed: int) -> set:
    """Groups one after the other, in the seed's order, those left out that would bring the weight above ``count``."""
    chosen, weight = set(), 0
    for name in sorted(weights, key=lambda name: hashlib.sha256(f'{seed}/{name}'.encode()).digest()):
        if weights[name] and weight + weights[name] <= count:
            chosen.add(name)
            weight += weights[name]
    return chosen


def in_words(manifest: dict) -> List[str]:
    """A manifest, for a terminal."""
    lines = [f'{side}: {counts["people_with_labels"]} people with labels, {counts["people"]} people in all, on '
             f'{counts["images"]} images' for side, counts in manifest.items() if isinstance(counts, dict)]
    if manifest['unit'] == 'people' and manifest['labeled']['people_with_labels'] < manifest['asked_for']:
        lines.append(f'asked for {manifest["asked_for"]}: each image left has too many people with labels')
    return [*lines, f'checksum {manifest["checksum"]} (seed {manifest["seed"]}, counted in {manifest["unit"]})']
