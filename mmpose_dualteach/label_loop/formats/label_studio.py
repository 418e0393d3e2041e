# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Pseudo-labels for Label Studio: tasks with predictions, which it shows as pre-annotations.

A region's ``parentID`` is the box of its instance, as Label Studio's own exports of poses have it. Sources: the pages
"Import pre-annotated data", "KeyPointLabels" and "RectangleLabels" of its documentation.
"""

from collections import defaultdict
from typing import Dict, List
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import numpy as np

LOCAL_FILES = '/data/local-files/?d='  # Where Label Studio serves files of its own machine.
IMAGE, JOINTS, BOXES = 'image', 'keypoints', 'instances'  # Names of the interface's parts.
POINT = 0.5  # A point's size, in percent of the image's width.


def label_studio_tasks(coco: dict, address: str = LOCAL_FILES) -> List[dict]:
    """A task an image, with a prediction.

    Args:
        coco (dict): A file's content in COCO's format.
        address (str): What stands before the names of images. Defaults to where Label Studio serves
            files of its own machine.

    Returns:
        List[dict]: The tasks; ``data`` has the image's id and name beside its address, so that what comes back can be
        told to be of the same image.
    """
    of_image: Dict[int, List[dict]] = defaultdict(list)
    for each in coco['annotations']:
        of_image[each['image_id']].append(each)
    categories = {category['id']: category for category in coco['categories']}
    tasks = []
    for image in coco['images']:
        regions: List[dict] = []
        for each in of_image[image['id']]:
            regions += _regions(each, image, categories[each['category_id']])
        scores = [each['score'] for each in of_image[image['id']]]
        prediction = dict(
            model_version=coco['info']['description'],
            score=round(float(np.mean(scores)), 4) if scores else 0.0,
            result=regions,
        )
        data = {IMAGE: address + quote(image['file_name']), 'image_id': image['id'], 'file_name': image['file_name']}
        tasks.append(dict(data=data, predictions=[prediction]))
    return tasks


def label_studio_config(coco: dict) -> str:
    """The labelling interface for the categories' keypoints.

    Args:
        coco (dict): A file's content in COCO's format.

    Returns:
        str: XML.
    """
    joints = list(dict.fromkeys(name for category in coco['categories'] for name in category['keypoints']))
    lines = [
        '<View>',
        f'  <Image name="{IMAGE}" value="${IMAGE}" zoom="true" zoomControl="true"/>',
        f'  <RectangleLabels name="{BOXES}" toName="{IMAGE}">',
        *(f'    <Label value={quoteattr(category["name"])}/>' for category in coco['categories']),
        '  </RectangleLabels>',
        f'  <KeyPointLabels name="{JOINTS}" toName="{IMAGE}">',
        *(f'    <Label value={quoteattr(name)}/>' for name in joints),
        '  </KeyPointLabels>',
        '</View>',
    ]
    return '\n'.join(lines) + '\n'


def _regions(instance: dict, image: dict, category: dict) -> List[dict]:
    """The box of an instance and its joints."""
    width, height = image['width'], image['height']
    left, top, across, down = instance['bbox']
    box = f'instance-{instance["id"]}'
    shared = dict(to_name=IMAGE, original_width=width, original_height=height, image_rotation=0)
    value = dict(
        x=100 * left / width,
        y=100 * top / height,
        width=100 * across / width,
        height=100 * down / height,
        rotation=0,
        rectanglelabels=[category['name']],
    )
    regions = [dict(shared, id=box, type='rectanglelabels', from_name=BOXES, value=value, score=instance['score'])]
    rows = np.array(instance['keypoints'], dtype=float).reshape(-1, 3).tolist()
    for name, (x, y, visible), score in zip(category['keypoints'], rows, instance['keypoint_scores']):
        if visible:
            # Label Studio's points are of the image's edge, COCO's of the middle of its first pixel.
            value = dict(x=100 * (x + 0.5) / width, y=100 * (y + 0.5) / height, width=POINT, keypointlabels=[name])
            regions.append(
                dict(
                    shared,
                    id=f'{box}-{name}',
                    type='keypointlabels',
                    from_name=JOINTS,
                    parentID=box,
                    value=value,
                    score=score,
                )
            )
    return regions
