# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Boxes as the labelled dataset's class reads them, its labels left unread.

Most stock classes read their instances in one of two ways, which are done here for all instances at once; a million one
by one would take most of a minute. All other classes, and users' own, are asked instance by instance.
"""

import os.path as osp
from typing import Any, Dict, List, Optional, Tuple

import numpy as np
from mmengine.dataset import BaseDataset
from mmpose.structures.bbox import bbox_cs2xyxy, bbox_xyxy2cs

from mmpose_dualteach.datasets.box_arrays import as_numbers, corners
from mmpose_dualteach.datasets.checks import short, stock_class_of
from mmpose_dualteach.datasets.sources.load_report import LoadReport

# Stock classes of which one annotation gives several instances, each in a box of its own.
PARTS = dict(CocoWholeBodyHandDataset=('lefthand', 'righthand'))
# Stock classes whose parse_data_info reads the box as it is, or as a centre and a scale in units of 200 pixels.
BOXES = ('BaseCocoStyleDataset', 'CocoWholeBodyDataset', 'HumanArt21Dataset')
CIRCLES = ('AFLWDataset', 'Face300VWDataset', 'Face300WDataset', 'WFLWDataset')
PIXEL_STD = 200.0


def parts_of(boxes: List[dict], reader: BaseDataset) -> List[dict]:
    """Annotations of one instance each.

    Args:
        boxes (List[dict]): Annotations or detections.
        reader (BaseDataset): Of the labelled dataset's class.

    Returns:
        List[dict]: The same, or the parts that the class takes out of them (two hands, for instance).
    """
    parts = PARTS.get(type(reader).__name__)
    if not parts or not any(f'{part}_box' in box for box in boxes for part in parts):
        return boxes
    return [dict(box, bbox=box[f'{part}_box']) for box in boxes for part in parts if box.get(f'{part}_valid')]


def read_boxes(
    boxes: List[dict],
    extents: np.ndarray,
    sizes: np.ndarray,
    images: List[Optional[dict]],
    reader: BaseDataset,
    folder: str,
    load_report: LoadReport,
) -> Tuple[Dict[str, np.ndarray], np.ndarray]:
    """Read boxes as the labelled dataset's class does.

    Args:
        boxes (List[dict]): Annotations or detections, N of them.
        extents (np.ndarray): Their (left, top, width, height) in pixels in shape (N, 4).
        sizes (np.ndarray): (width, height) in pixels of each one's image in shape (N, 2); infinite where unknown.
        images (List[Optional[dict]]): Each one's image; None for a box that cannot be used.
        reader (BaseDataset): Of the labelled dataset's class.
        folder (str): The folder of images.
        load_report (LoadReport): Is told what the class cannot read.

    Returns:
        tuple: Columns as :class:`InstanceIndex` takes them, and whether each is an instance of that class, in shape
            (N,).
    """
    kind = stock_class_of(reader)
    usable = np.array([image is not None for image in images], dtype=bool)
    columns = dict(bbox=corners(extents, sizes))
    if kind in CIRCLES:
        columns = _circles(boxes, columns['bbox'])
    elif kind not in BOXES:
        joints = reader.metainfo['num_keypoints']
        read = [image and _read(box, image, reader, folder, joints, load_report) for box, image in zip(boxes, images)]
        usable = np.array([bool(box) for box in read], dtype=bool)
        # A detector's box lacks what some classes read, a centre and a scale for instance: it counts as it is.
        columns = columns_of(
            [box if box and 'bbox' in box else dict(bbox=own[None]) for box, own in zip(read, columns['bbox'])]
        )
    return columns, usable


def columns_of(boxes: List[Dict[str, np.ndarray]]) -> Dict[str, np.ndarray]:
    """Boxes as columns; where only some instances have a centre and a scale, the others' are those of their boxes.

    Args:
        boxes (List[Dict[str, np.ndarray]]): Each one's ``bbox`` in shape (1, 4), and ``bbox_center`` and ``bbox_scale``
            in shape (1, 2) if it has them, in pixels.

    Returns:
        Dict[str, np.ndarray]: The same of all, in shapes (N, 4) and (N, 2), float32.
    """
    if not boxes:
        return dict(bbox=np.zeros((0, 4), dtype=np.float32))
    keys = [key for key in ('bbox', 'bbox_center', 'bbox_scale') if any(key in box for box in boxes)]
    if len(keys) > 1:
        boxes = [
            box if 'bbox_center' in box else dict(zip(keys, (box['bbox'], *bbox_xyxy2cs(box['bbox'])))) for box in boxes
        ]
    return {key: np.concatenate([box[key] for box in boxes]).astype(np.float32) for key in keys}


def _circles(boxes: List[dict], plain: np.ndarray) -> Dict[str, np.ndarray]:
    """Places by centre and scale; those that have none, a detector's, are in their boxes."""
    center = as_numbers([box.get('center') for box in boxes], 2).astype(np.float32)
    scale = as_numbers([box.get('scale') for box in boxes], 1).astype(np.float32) * np.float32(PIXEL_STD)
    there = np.isfinite(center).all(axis=1) & np.isfinite(scale[:, 0]) & (scale[:, 0] > 0)
    columns = dict(bbox=plain)
    if there.any():
        size = np.repeat(scale, 2, axis=1)
        own = dict(zip(('bbox_center', 'bbox_scale'), bbox_xyxy2cs(plain)))
        circle = dict(bbox=bbox_cs2xyxy(center, size), bbox_center=center, bbox_scale=size)
        columns = {key: np.where(there[:, None], circle[key], own.get(key, plain)) for key in circle}
    return columns


def _read(
    box: dict, image: dict, reader: BaseDataset, folder: str, joints: int, load_report: LoadReport
) -> Optional[Dict[str, Any]]:
    """One instance as a class reads it, None if it is none of its own, without a ``bbox`` if it cannot be read."""
    image = dict(image, img_path=osp.join(folder, image['file_name']))
    # Labels are not read. Ones in their place keep this instance from counting as one without any joint.
    blank = dict(box, id=box.get('id', 0), iscrowd=0, num_keypoints=1)
    blank['keypoints'] = [1.0] * (3 * joints)
    blank.update({key: [1.0] * len(value) for key, value in box.items() if key.endswith('_kpts')})
    try:
        info = reader.parse_data_info(dict(raw_ann_info=blank, raw_img_info=image))
    except KeyError:
        return dict(plain=True)
    except Exception as error:  # Whatever a stock class, or a user's, stumbles over.
        reason = short(f'{type(error).__name__}: {error}')
        load_report.broken[f'image {image["file_name"]}: {type(reader).__name__} cannot read a box ({reason})'] += 1
        return None
    return info and {key: info[key] for key in ('bbox', 'bbox_center', 'bbox_scale') if key in info}
