# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""One person or a crowd, drawn, and sets of them in files."""

import json
import zlib
from pathlib import Path
from typing import Dict, List, NamedTuple, Tuple, Union

import cv2
import numpy as np

from mmpose_dualteach.dev.quickstart.drawn_people.camera import SUPERSAMPLE, random_camera, random_place, turned
from mmpose_dualteach.dev.quickstart.drawn_people.colours import coloured, photographed, smooth_noise
from mmpose_dualteach.dev.quickstart.drawn_people.labels import KEYPOINTS, SKELETON, keypoints_of
from mmpose_dualteach.dev.quickstart.drawn_people.painting import draw_clutter, draw_person
from mmpose_dualteach.dev.quickstart.drawn_people.person import make_person

JPEG_QUALITY = 92


class Sample(NamedTuple):
    """One drawn image.

    ``image``: (H, W, 3) uint8 RGB; ``keypoints``: (17, 3) float of x, y in pixels (pixel centres at integers) and
    COCO visibility; ``positions``: (17, 2) the same x, y for every joint, also those outside the image or not
    labelled; ``body``: (H, W) in [0, 1], share of each pixel the body covers, things in front of it ignored.
    """

    image: np.ndarray
    keypoints: np.ndarray
    positions: np.ndarray
    body: np.ndarray


def draw_people(
    out_dir: Union[str, Path],
    splits: Dict[str, int],
    seed: int = 0,
    image_size: Tuple[int, int] = (96, 128),
    crowd: int = 1,
) -> None:
    """Draw people, one per image or a crowd, and write them as COCO keypoint data.

    Writes ``out_dir/images/<split>_<5 digits>.jpg`` and ``out_dir/<split>.json``. An image depends only on the seed,
    the split's name, its index, ``image_size`` and ``crowd``, so a smaller split is a prefix of a larger one.

    Args:
        out_dir (str | Path): Folder to write to; made if missing.
        splits (Dict[str, int]): Number of images of each split, such as ``{'train': 1200, 'val': 100}``.
        seed (int): Non-negative seed. Defaults to 0.
        image_size (Tuple[int, int]): Typical (width, height) in pixels; sizes vary a little around it. Defaults to
            (96, 128).
        crowd (int): Most people on an image; each image has one to so many. Defaults to 1.

    Raises:
        ValueError: If there is no split, one has no image, or a side of ``image_size`` is less than 32.
    """
    if not splits or any(count < 1 for count in splits.values()) or min(image_size) < 32:
        raise ValueError(
            'need at least one split, each with a positive number of images, and an image_size of '
            f'at least 32 x 32, got splits={splits} and image_size={image_size}'
        )
    out_dir = Path(out_dir)
    (out_dir / 'images').mkdir(parents=True, exist_ok=True)
    for split, count in splits.items():
        images, annotations = [], []
        for index in range(count):
            rng = np.random.default_rng([seed, zlib.crc32(split.encode()), index])
            samples = draw_crowd(rng, image_size, crowd) if crowd > 1 else [draw_sample(rng, image_size)]
            sample = samples[0]
            name = f'{split}_{index:05d}.jpg'
            cv2.imwrite(
                str(out_dir / 'images' / name),
                cv2.cvtColor(sample.image, cv2.COLOR_RGB2BGR),
                [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY],
            )
            height, width = sample.image.shape[:2]
            images.append(dict(id=index + 1, file_name=name, width=width, height=height))
            annotations += [_annotation_of(rng, each, index + 1) for each in samples if each.body.max() > 0.5]
        for number, annotation in enumerate(annotations):
            annotation['id'] = number + 1
        category = dict(id=1, name='person', supercategory='person', keypoints=KEYPOINTS, skeleton=SKELETON)
        content = dict(images=images, annotations=annotations, categories=[category])
        (out_dir / f'{split}.json').write_text(json.dumps(content))


def draw_sample(rng: np.random.Generator, image_size: Tuple[int, int]) -> Sample:
    """Draw one person in an image of about ``image_size`` (width, height) pixels."""
    width, height = (round(side * rng.uniform(0.9, 1.1)) for side in image_size)
    person = turned(make_person(rng), random_camera(rng))
    scale, offset = random_place(rng, person, width, height)
    # Channels: part, material, shade (128 is neutral). Colours are looked up once all is drawn.
    canvas = np.zeros((height * SUPERSAMPLE, width * SUPERSAMPLE, 3), np.uint8)
    canvas[..., 2] = smooth_noise(rng, canvas.shape[:2], 128, rng.uniform(0, 25))
    draw_clutter(rng, canvas, rng.integers(0, 4), 0.4)
    light = rng.uniform(-1, 1, 2)
    draw_person(rng, canvas, person, scale, offset, light)
    covered = (cv2.extractChannel(canvas, 0) > 0).astype(np.float32)
    body = cv2.resize(covered, (width, height), interpolation=cv2.INTER_AREA)
    if rng.random() < 0.3:
        draw_clutter(rng, canvas, rng.integers(1, 3), 0.3)
    keypoints = keypoints_of(person, canvas, scale, offset)
    image = cv2.resize(coloured(rng, canvas), (width, height), interpolation=cv2.INTER_AREA)
    positions = keypoints[:, :2].copy()
    keypoints[keypoints[:, 2] == 0] = 0
    return Sample(photographed(rng, image), keypoints, positions, body)


def draw_crowd(rng: np.random.Generator, image_size: Tuple[int, int], most: int) -> List[Sample]:
    """Draw one to ``most`` people, side by side and partly in front of each other, in an image of about ``image_size``
    (width, height) pixels; a sample each, of the same image."""
    width, height = (round(side * rng.uniform(0.9, 1.1)) for side in image_size)
    canvas = np.zeros((height * SUPERSAMPLE, width * SUPERSAMPLE, 3), np.uint8)
    canvas[..., 2] = smooth_noise(rng, canvas.shape[:2], 128, rng.uniform(0, 25))
    draw_clutter(rng, canvas, rng.integers(0, 4), 0.4)
    light, count = rng.uniform(-1, 1, 2), rng.integers(1, most + 1)
    placed = []
    for column in rng.permutation(count):
        person = turned(make_person(rng), random_camera(rng))
        window = np.array((width / max(count, 1.5) * rng.uniform(0.9, 1.3), height * rng.uniform(0.6, 1.0)))
        corner = np.array((width / count * (column + 0.5) - window[0] / 2, rng.uniform(0, height - window[1])))
        scale, offset = random_place(rng, person, *window)
        offset = offset + corner * SUPERSAMPLE
        alone = np.zeros_like(canvas)
        alone[..., 2] = canvas[..., 2]
        draw_person(rng, alone, person, scale, offset, light)
        covered = cv2.extractChannel(alone, 0) > 0
        canvas[covered] = alone[covered]
        body = cv2.resize(covered.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
        placed.append((person, scale, offset, body))
    image = cv2.resize(coloured(rng, canvas), (width, height), interpolation=cv2.INTER_AREA)
    image = photographed(rng, image)
    samples = []
    for person, scale, offset, body in placed:
        keypoints = keypoints_of(person, canvas, scale, offset)
        positions = keypoints[:, :2].copy()
        keypoints[keypoints[:, 2] == 0] = 0
        samples.append(Sample(image, keypoints, positions, body))
    return samples


def _annotation_of(rng, sample: Sample, number: int) -> dict:
    """COCO annotation: the box is the body's, moved a little as by a real annotator, and kept in the image."""
    ys, xs = np.nonzero(sample.body > 0.5)
    height, width = sample.body.shape
    # COCO boxes span whole pixels, from the left edge of the first to the right edge of the last.
    box = np.array((xs.min(), ys.min(), xs.max() + 1, ys.max() + 1), float)
    box += rng.normal(0, 0.015, 4) * np.tile(box[2:] - box[:2], 2)
    box = np.clip(box, 0, (width, height, width, height))
    bbox = np.round((*box[:2], *(box[2:] - box[:2])), 2)
    return dict(
        id=number,
        image_id=number,
        category_id=1,
        iscrowd=0,
        bbox=bbox.tolist(),
        area=round(float(sample.body.sum()), 2),
        num_keypoints=int((sample.keypoints[:, 2] > 0).sum()),
        keypoints=np.round(sample.keypoints, 2).ravel().tolist(),
    )
