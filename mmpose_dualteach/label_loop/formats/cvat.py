# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Pseudo-labels for CVAT, which imports COCO keypoints as skeletons.

Sources: CVAT's "COCO Keypoints" page, and what Datumaro, by which CVAT reads them, does with annotations.
"""

import json
from html import escape
from typing import List, Tuple

import numpy as np

KEYS = ('id', 'image_id', 'category_id', 'bbox', 'area', 'iscrowd', 'keypoints', 'num_keypoints')
IMAGE_KEYS = ('id', 'file_name', 'width', 'height')
SIDE, MARGIN = 100.0, 10.0  # Of the template's drawing.


def cvat_annotations(coco: dict) -> dict:
    """Annotations that CVAT imports as "COCO Keypoints 1.0".

    Args:
        coco (dict): A file's content in COCO's format.

    Returns:
        dict: The same with what CVAT knows alone, and scores among the attributes.
    """
    return dict(
        licenses=[dict(name='', id=0, url='')],
        info=dict(coco['info'], contributor='', date_created='', url='', version='', year=''),
        categories=[dict(dict(supercategory=''), **category) for category in coco['categories']],
        images=[{key: image[key] for key in IMAGE_KEYS} for image in coco['images']],
        annotations=[
            dict(
                {key: each[key] for key in KEYS}, segmentation=[], attributes=dict(occluded=False, score=each['score'])
            )
            for each in coco['annotations']
        ],
    )


def cvat_labels(coco: dict) -> str:
    """The label, for the "Raw" tab of CVAT's constructor: a skeleton with the category's keypoints.

    Args:
        coco (dict): A file's content in COCO's format.

    Returns:
        str: JSON.
    """
    label = []
    for category in coco['categories']:
        names, places = category['keypoints'], _template(coco, category)
        drawing = [_edge(one, other, places) for one, other in category['skeleton']]
        drawing += [_node(number, name, places) for number, name in enumerate(names, 1)]
        sublabels = [dict(name=name, type='points', attributes=[]) for name in names]
        label.append(
            dict(name=category['name'], type='skeleton', attributes=[], svg=''.join(drawing), sublabels=sublabels)
        )
    return json.dumps(label, indent=1)


def _template(coco: dict, category: dict) -> List[Tuple[float, float]]:
    """Where each keypoint lies in the drawing: as in the instance with most labels, those without in a row below."""
    count = len(category['keypoints'])
    best = max(coco['annotations'], key=lambda each: (each['num_keypoints'], each['score']), default=None)
    places = np.array([[SIDE * (number + 1) / (count + 1), SIDE - MARGIN / 2] for number in range(count)])
    if best is not None:
        rows = np.array(best['keypoints'], dtype=float).reshape(-1, 3)
        there = rows[:, 2] > 0
        low, high = rows[there, :2].min(axis=0), rows[there, :2].max(axis=0)
        places[there] = MARGIN + (rows[there, :2] - low) / max((high - low).max(), 1e-6) * (SIDE - 2 * MARGIN)
    return [(round(x, 2), round(y, 2)) for x, y in places.tolist()]


def _edge(one: int, other: int, places: List[Tuple[float, float]]) -> str:
    (x1, y1), (x2, y2) = places[one - 1], places[other - 1]
    return (
        f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="black" stroke-width="0.5" data-type="edge" '
        f'data-node-from="{one}" data-node-to="{other}"></line>'
    )


def _node(number: int, name: str, places: List[Tuple[float, float]]) -> str:
    x, y = places[number - 1]
    return (
        f'<circle r="0.75" cx="{x}" cy="{y}" stroke="black" stroke-width="0.1" fill="#b3b3b3" data-type="element node" '
        f'data-element-id="{number}" data-node-id="{number}" data-label-name="{escape(name)}"></circle>'
    )
