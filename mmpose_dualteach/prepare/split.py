# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Labelled and unlabelled parts of an annotation file."""

import hashlib
import json
import os.path as osp
from contextlib import suppress
from itertools import compress
from typing import Any, Dict, List, NamedTuple, Set, Tuple

import numpy as np

from mmpose_dualteach.datasets.checks import check_entries, is_coco, read_json
from mmpose_dualteach.prepare.identity import first_of_each
from mmpose_dualteach.utils.file_io import refuse_to_overwrite, write_new

UNITS = ('instances', 'images')
SIDES = ('labeled', 'unlabeled')
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
        ValueError: If it is of another format, has fewer labelled instances than asked for, or would replace another
            split; names the file.
    """
    if not 0 < labeled < float('inf'):
        raise ValueError(f'labeled={labeled}: give a number of {unit}, or a share below 1')
    if unit not in UNITS:
        raise ValueError(f'unit={unit!r}; choose one of {", ".join(UNITS)}')
    if share_images and unit == 'images':
        raise ValueError(
            'share_images splits images between the sides, so that they cannot be counted; count instances'
        )
    files = {name: osp.join(folder, f'{name}.json') for name in (*SIDES, 'manifest')}
    refuse_to_overwrite(list(files.values()), [ann_file])
    source = _Source.read(ann_file)
    count, taken = _taken(source, source.ids if share_images else source.images, labeled, seed, unit)
    sides = {side: source.part([here == (side == 'labeled') for here in taken]) for side in SIDES}
    sides['unlabeled'].images.update(source.images_alone - sides['labeled'].images)
    manifest = dict(
        source=osp.basename(ann_file),
        source_sha256=source.checksum,
        seed=seed,
        unit=unit,
        share_images=share_images,
        asked_for=count,
        **{side: part.counts() for side, part in sides.items()},
        checksum=hashlib.sha256(json.dumps([sorted(part.ids) for part in sides.values()]).encode()).hexdigest(),
    )
    contents = dict(labeled=source.with_labels(sides['labeled']), unlabeled=source.without_labels(sides['unlabeled']))
    texts = dict({side: json.dumps(each) for side, each in contents.items()}, manifest=json.dumps(manifest, indent=1))
    write_new({files[name]: text for name, text in texts.items()})
    return manifest


class _Part(NamedTuple):
    """Some of a file's instances, what tells them from others, and names of their images."""

    instances: List[dict]
    ids: List[str]
    images: Set[str]

    def counts(self) -> Dict[str, int]:
        return dict(
            images=len(self.images),
            instances=len(self.instances),
            instances_with_labels=sum(map(_has_label, self.instances)),
        )


class _Source(NamedTuple):
    """An annotation file: its path, content and checksum, its instances with what tells each and its image from others,
    and the first entry's id of each image that is listed, since one that is listed twice is one."""

    path: str
    content: Any
    checksum: str
    instances: List[dict]
    ids: List[str]
    images: List[str]
    same: Dict[Any, Any]

    @classmethod
    def read(cls, path: str) -> '_Source':
        content = read_json(path)
        instances = _instances(content, path)
        same = first_of_each(content['images']) if isinstance(content, dict) else {}
        named = [each['image_id' if isinstance(content, dict) else 'image'] for each in instances]
        images = [_identity(same.get(name, name) if same else name) for name in named]
        with open(path, 'rb') as file:
            checksum = hashlib.sha256(file.read()).hexdigest()
        return cls(path, content, checksum, instances, _identities(instances), images, same)

    @property
    def images_alone(self) -> Set[str]:
        """All images that are listed, those without an instance too."""
        return {_identity(each) for each in self.same.values()}

    def part(self, taken: List[bool]) -> _Part:
        return _Part(
            list(compress(self.instances, taken)), list(compress(self.ids, taken)), set(compress(self.images, taken))
        )

    def with_labels(self, part: _Part) -> Any:
        if not isinstance(self.content, dict):
            return part.instances
        return dict(self.content, images=self._listed(part), annotations=part.instances)

    def without_labels(self, part: _Part) -> Any:
        instances = [boxes_only(each) for each in part.instances]
        if not isinstance(self.content, dict):
            return instances
        images = [_only(image, IMAGE_KEYS) for image in self._listed(part)]
        return dict(_only(self.content, FILE_KEYS), images=images, annotations=instances)

    def _listed(self, part: _Part) -> List[dict]:
        return [image for image in self.content['images'] if _identity(self.same[image['id']]) in part.images]


def _taken(source: _Source, names: List[str], labeled: float, seed: int, unit: str) -> Tuple[int, List[bool]]:
    """How many were asked for, and which instances are on the labelled side; those of one name stay together."""
    weights: Dict[str, int] = {}
    for instance, name in zip(source.instances, names):
        weights[name] = weights.get(name, 0) + _has_label(instance)
    if unit == 'images':
        weights = {name: int(weight > 0) for name, weight in weights.items()}
    total = sum(weights.values())
    count = round(labeled * total) if labeled < 1 else int(labeled)
    if not 1 <= count <= total:
        raise ValueError(f'{source.path} has {total} {unit} with labels; {count} were asked for')
    chosen = choose(weights, count, seed)
    if not chosen:
        raise ValueError(
            f'{source.path}: no image has so few instances with labels as {count}; ask for more, or '
            'allow instances of one image on either side (share_images)'
        )
    return count, [name in chosen for name in names]


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
