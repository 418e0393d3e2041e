# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What teachers say of the instances of an image, as labels of stock pipelines."""

from typing import Any, Dict, NamedTuple, Sequence

import cv2
import numpy as np

DISC = 0.1  # Radius around a joint in doubt, of the longer side of its instance.


class TaughtImage(NamedTuple):
    """What is taught of an image.

    Attributes:
        joints (np.ndarray): Joints (x, y) in input pixels in shape (M, K, 2); NaN where there is none.
        taught (np.ndarray): Which are taught in shape (M, K), bool.
        doubtful (np.ndarray): Of which nothing is said in shape (M, K), bool.
        boxes (np.ndarray): Corners of boxes, which may be turned, left top, left bottom, right top and right bottom (x,
            y) in input pixels in shape (M, 4, 2); NaN where there is none.
        areas (np.ndarray): Areas of the instances in square pixels in shape (M,).
        known (np.ndarray): Of which cells of the image something is known in shape (h, w), bool.
    """

    joints: np.ndarray
    taught: np.ndarray
    doubtful: np.ndarray
    boxes: np.ndarray
    areas: np.ndarray
    known: np.ndarray

    @property
    def some(self) -> np.ndarray:
        """Of which instances any joint is taught, in shape (M,), bool."""
        return self.taught.any(axis=1)


def in_stock_words(
    image: TaughtImage, size: Sequence[int], scale: np.ndarray, corners: bool, clip: bool
) -> Dict[str, Any]:
    """The instances of an image in the words of stock pipelines; where there is none, one of which nothing can be seen:
    labels are made of such an image too, and not all codecs know what to do without any.

    Args:
        image (TaughtImage): What is taught.
        size (Sequence[int]): Size of the input (width, height).
        scale (np.ndarray): Pixels of labels over pixels of the input in shape (2,).
        corners (bool): Whether boxes are four corners in place of upright around them, (left, top, right, bottom).
        clip (bool): Whether boxes are clipped to the input.

    Returns:
        Dict[str, Any]: ``keypoints``, ``bbox`` and what else a pipeline's last transforms read.
    """
    some = image.some
    if not some.any():
        joints, taught = np.zeros_like(image.joints[:1]), np.zeros_like(image.taught[:1])
        boxes, areas = np.array([[[-2, -2], [-2, -1], [-1, -2], [-1, -1]]], np.float32), np.ones(1, np.float32)
    else:
        joints, taught, boxes, areas = image.joints[some], image.taught[some], image.boxes[some], image.areas[some]
        if clip:
            boxes = np.clip(boxes, 0, size)
    boxes = (boxes * scale).astype(np.float32)
    upright = np.concatenate([boxes.min(axis=1), boxes.max(axis=1)], axis=1)
    number = len(boxes)
    return dict(
        keypoints=(np.nan_to_num(joints) * scale).astype(np.float32),
        keypoints_visible=taught.astype(np.float32),
        bbox=boxes if corners else upright,
        bbox_score=np.ones(number, np.float32),
        area=np.clip(areas * scale.prod(), 1.0, None).astype(np.float32),
        category_id=np.ones(number, np.int64),
        num_keypoints=taught.sum(axis=1).tolist(),
    )


def mask_of(image: TaughtImage, size: Sequence[int], shape: Sequence[int], joint_by_joint: bool) -> np.ndarray:
    """Which cells of labels count: what is known, but, where maps are told apart, for a disc around each joint in doubt
    of the instances that are taught, on its own map.

    Args:
        image (TaughtImage): What is taught.
        size (Sequence[int]): Size of the input (width, height).
        shape (Sequence[int]): Of the labels' maps (C, h, w).
        joint_by_joint (bool): Whether maps are told apart.

    Returns:
        np.ndarray: In shape (C, h, w), or (1, h, w) where maps are not told apart, bool.
    """
    maps, height, width = shape
    known = cv2.resize(image.known.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    mask = known.astype(bool)[None]
    if not joint_by_joint:
        return mask
    mask = np.repeat(mask, maps, axis=0)
    cells = image.joints * (np.array([width, height]) / size)
    sides = cells.max(axis=1) - cells.min(axis=1)  # NaN of those that are none, of which no joint is in doubt.
    y, x = np.mgrid[:height, :width]
    for instance, joint in zip(*np.nonzero(image.doubtful & image.some[:, None])):
        radius = max(1.0, DISC * sides[instance].max())
        across, down = cells[instance, joint]
        mask[joint] &= (x - across) ** 2 + (y - down) ** 2 > radius**2
    return mask
