# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Whether boxes are (left, top, width, height) in pixels: each by itself, and all of a file together."""

from logging import WARNING
from typing import Any, Callable, Optional

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from mmpose_dualteach.datasets.box_arrays import as_numbers, corners
from mmpose_dualteach.datasets.checks.annotation_files import short

SHARES = 1.5  # No number of boxes in shares of 1 is larger, even where they reach over the edge.
# Boxes that have right and bottom in place of width and height. The numbers were found on MMPose's samples of 33
# datasets, COCO, faces and LSPET: read as COCO's boxes, 62% (COCO), 15% (faces) and 11% (LSPET) of such boxes reach
# WELL_OUT of their images, and none that is right does. Of right ones, enlarged until some do, at most 97% could be
# corners.
MOSTLY = 0.99  # One wrong box in a large file hides nothing.
WELL_OUT = 1.1  # In sides of the image, from its left or top.
LEAST_OUT = (5, 0.05)  # Boxes, and their share.
CLEARLY_BETTER = 0.05  # Intersection over union with the keypoints' own box, on average.
DECISIVE = (10, 0.9, 0.1)  # Instances, their share that agrees better, and by how much on average.


def box_problem(box: Any, width: Any, height: Any) -> Optional[str]:
    """Say what is wrong with a box.

    Args:
        box (Any): (left, top, width, height) in pixels, if all is well.
        width (Any): Width of its image in pixels, if known.
        height (Any): Height of its image in pixels, if known.

    Returns:
        Optional[str]: The problem, or None.
    """
    numbers = as_numbers([box], 4)
    size = [listed_side(each) for each in (width, height)]
    if boxes_are_usable(numbers, np.array([size]))[0]:
        return None
    if not isinstance(box, (list, tuple, np.ndarray)) or len(box) != 4:
        return f'box {short(box)} is not four numbers'
    if not np.isfinite(numbers).all():
        return f'box {short(box)} is not finite'
    if (numbers[0, 2:] <= 0).any():
        return f'box {short(box)} has no area'
    known = f' of {size[0]:g}x{size[1]:g}' if np.isfinite(size).all() else ''
    return f'box {short(box)} lies outside its image{known}'


def listed_side(value: Any) -> float:
    """Width or height of an image as a file has it, infinite where that is no size."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if number and 0 < value < 1e300 else np.inf


def boxes_are_usable(boxes: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Whether boxes have an area within their images, as stock datasets cut them: where :func:`box_problem` says
    nothing, for many boxes at once.

    Args:
        boxes (np.ndarray): (left, top, width, height) in pixels in shape (N, 4), float64.
        sizes (np.ndarray): (width, height) of each one's image in shape (N, 2), infinite where unknown.

    Returns:
        np.ndarray: In shape (N,), bool.
    """
    with np.errstate(invalid='ignore', over='ignore'):
        cut = corners(boxes, sizes)
        return np.isfinite(boxes).all(axis=1) & np.isfinite(cut).all(axis=1) & (cut[:, 2:] > cut[:, :2]).all(axis=1)


def stock_class_of(dataset: BaseDataset) -> Optional[str]:
    """The stock class that says how a dataset reads a box, or None if a user's own does."""
    for base in type(dataset).__mro__:
        if 'parse_data_info' in vars(base):
            return base.__name__ if base.__module__.startswith('mmpose.') else None
    return None


def layout_problem(
    boxes: np.ndarray,
    sizes: np.ndarray,
    labels: Optional[np.ndarray] = None,
    measure: Optional[Callable[[np.ndarray], np.ndarray]] = None,
) -> Optional[str]:
    """Say if a file's boxes are not (left, top, width, height) in pixels, from what all of them look like.

    Args:
        boxes (np.ndarray): Four numbers of each in shape (N, 4), float64; NaN where they are none.
        sizes (np.ndarray): (width, height) in pixels of each one's image in shape (N, 2), infinite where unknown.
        labels (np.ndarray, optional): (left, top, right, bottom) around the labelled keypoints of each in shape (N, 4),
            NaN where there are none. Defaults to None, no labels.
        measure (Callable, optional): Is asked for sizes, by the numbers of boxes, where none is listed; answers as
            many as it likes, and infinity for all others. Defaults to None.

    Returns:
        Optional[str]: The problem, or None.
    """
    there = np.flatnonzero((np.abs(boxes) < 1e6).all(axis=1))  # Nor are NaNs.
    boxes, sizes = boxes[there], sizes[there]
    if not (boxes[:, 2:] > 0).all(axis=1).any():
        return None
    if np.abs(boxes).max() <= SHARES:
        return (
            f'all numbers of its {len(boxes)} boxes are below {SHARES}, as if they were shares of the images; '
            'COCO has boxes in pixels, multiply them by width and height'
        )
    ordered = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    if ordered.mean() < MOSTLY:
        return None  # Nearly every file ends here.
    known = np.isfinite(sizes).all(axis=1)
    if measure is not None and not known.any():
        sizes = measure(there)
        known = np.isfinite(sizes).all(axis=1)
    slack = 0.01 * sizes + 1
    inside = ordered & (boxes[:, :2] >= -slack).all(axis=1) & (boxes[:, 2:] <= sizes + slack).all(axis=1)
    beyond = known & (boxes[:, :2] + boxes[:, 2:] > sizes + slack).any(axis=1)
    out = known & (boxes[:, :2] + boxes[:, 2:] > WELL_OUT * sizes).any(axis=1)
    count, share = out.sum(), out.sum() / max(1, known.sum())
    wrong = inside[known].sum() >= MOSTLY * known.sum() and count >= LEAST_OUT[0] and share >= LEAST_OUT[1]
    if labels is not None:
        better = _overlap(boxes, labels[there]) - _overlap(corners(boxes, sizes), labels[there])
        better = better[np.isfinite(better)]
        gain = better.mean() if len(better) else 0.0
        decisive = len(better) >= DECISIVE[0] and (better > 0).mean() >= DECISIVE[1] and gain >= DECISIVE[2]
        # Joints may all lie in the upper left of boxes that are right: then none reaches out of its image.
        possible = beyond.any() or not known.any()
        wrong = (wrong and gain >= CLEARLY_BETTER) or (decisive and possible)
        if decisive and not wrong:
            print_log(
                'boxes of labels would fit their keypoints better as (left, top, right, bottom), but none reaches out '
                'of its image as (left, top, width, height), and so they are read; look at them by tools/check_data.py',
                logger='current',
                level=WARNING,
            )
    if not wrong:
        return None
    why = [f'{share:.0%} of them reach far out of their images'] if share else []
    why += ['they fit their keypoints worse'] if labels is not None else []
    return (
        f'its boxes seem to be (left, top, right, bottom): as (left, top, width, height) {" and ".join(why)}; '
        "write width and height, as COCO has it (if they are right as they are, cut them at their images' edges)"
    )


def _overlap(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes with the others, by (left, top, right, bottom) in shape (N, 4)."""
    shared = np.clip(np.minimum(one[:, 2:], other[:, 2:]) - np.maximum(one[:, :2], other[:, :2]), 0, None).prod(axis=1)
    whole = sum((each[:, 2:] - each[:, :2]).prod(axis=1) for each in (one, other)) - shared
    with np.errstate(invalid='ignore', divide='ignore'):
        return shared / whole
