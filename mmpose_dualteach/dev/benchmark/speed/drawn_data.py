# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""People to measure with: COCO-sized JPEGs of coloured clouds, and annotation files of any length."""

import json
import os.path as osp

import cv2
import numpy as np

SIZE = (640, 480)
PEOPLE_PER_IMAGE = 10


def draw_images(folder: str, count: int) -> str:
    """Write JPEGs with one labelled instance each, in COCO's format.

    Args:
        folder (str): Where to.
        count (int): How many.

    Returns:
        str: The annotation file; images are beside it.
    """
    random = np.random.default_rng(0)
    content = dict(images=[], annotations=[], categories=[dict(id=1, name='person')])
    for number in range(count):
        clouds = random.integers(0, 256, (30, 40, 3), dtype=np.uint8)
        picture = cv2.resize(clouds, SIZE, interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(osp.join(folder, f'{number}.jpg'), picture)
        left, top, width, height = 200.0, 60.0, 150.0, 350.0
        points = random.uniform([left, top, 2], [left + width, top + height, 2], (17, 3))
        content['images'].append(dict(id=number, file_name=f'{number}.jpg', width=SIZE[0], height=SIZE[1]))
        content['annotations'].append(
            dict(
                id=number,
                image_id=number,
                category_id=1,
                iscrowd=0,
                bbox=[left, top, width, height],
                area=width * height,
                num_keypoints=17,
                keypoints=points.ravel().tolist(),
            )
        )
    return _write(content, osp.join(folder, 'instances.json'))


def write_index(folder: str, count: int) -> str:
    """Write an annotation file of boxes, as a detector leaves it, several instances an image; there are no images.

    Args:
        folder (str): Where to.
        count (int): How many instances.

    Returns:
        str: The annotation file.
    """
    images = -(-count // PEOPLE_PER_IMAGE)
    boxes = np.random.default_rng(0).uniform([0, 0, 20, 20], [400, 200, 240, 280], (count, 4)).round(2).tolist()
    content = dict(
        images=[dict(id=n, file_name=f'{n:012d}.jpg', width=SIZE[0], height=SIZE[1]) for n in range(images)],
        annotations=[
            dict(id=n, image_id=n // PEOPLE_PER_IMAGE, category_id=1, bbox=box, score=0.9)
            for n, box in enumerate(boxes)
        ],
    )
    return _write(content, osp.join(folder, f'{count}.json'))


def _write(content: dict, path: str) -> str:
    with open(path, 'w', encoding='utf-8') as file:
        json.dump(content, file)
    return path
