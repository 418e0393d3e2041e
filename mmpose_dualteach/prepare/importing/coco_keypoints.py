# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Labels of COCO files of other tools: SLEAP's (sleap-io's ``save_coco``), CVAT's, Label Studio's converter's."""

import os.path as osp
from typing import Dict, Optional

import numpy as np

from mmpose_dualteach.datasets.checks import read_json
from mmpose_dualteach.prepare.importing.labels import LabeledImage, Labels


def read_coco(path: str, root: Optional[str] = None) -> Labels:
    """Read a COCO file; its category with keypoints says what joints are called.

    Args:
        path (str): The file.
        root (str, optional): The folder that its images are named from. Defaults to that of the file, or ``images`` in
            it where the first image is there.

    Raises:
        FileNotFoundError: If the file or its images are missing.
        ValueError: If it has no category with keypoints, or several; names it.
    """
    if not osp.isfile(path):
        raise FileNotFoundError(f'{path} does not exist; name a COCO file')
    content = read_json(path)
    named = content.get('categories', []) if isinstance(content, dict) else []
    categories = [each for each in named if each.get('keypoints')]
    if len(categories) != 1:
        raise ValueError(f'{path} has {len(categories)} categories with keypoints; export one skeleton at a time')
    category = categories[0]
    joints = [str(name) for name in category['keypoints']]
    images: Dict[object, LabeledImage] = {
        image['id']: LabeledImage(image['file_name'].replace('\\', '/')) for image in content['images']
    }
    for each in content['annotations']:
        if each.get('category_id') != category['id'] or not any(each.get('keypoints', [])[2::3]):
            continue
        points = np.array(each['keypoints'], dtype=float).reshape(-1, 3)
        if len(points) != len(joints):
            raise ValueError(f'{path}: annotation {each.get("id")} has {len(points)} keypoints, not {len(joints)}')
        points[points[:, 2] == 0] = 0
        images[each['image_id']].instances.append(points)
    if not images:
        raise ValueError(f'{path} has no images')
    skeleton = [(joints[a - 1], joints[b - 1]) for a, b in category.get('skeleton') or []]
    return Labels(joints, list(images.values()), root if root is not None else _root_of(path, images), skeleton)


def _root_of(path: str, images: Dict[object, LabeledImage]) -> str:
    first = next(iter(images.values())).name
    for folder in (osp.dirname(osp.abspath(path)), osp.join(osp.dirname(osp.abspath(path)), 'images')):
        if osp.isfile(osp.join(folder, first)):
            return folder
    raise FileNotFoundError(
        f'{path} names image {first}, which is not beside it; name the folder of images by --images'
    )
