# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Boxes and other numbers of annotation files, as arrays."""

from typing import Any, List

import numpy as np


def corners(boxes: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Boxes as stock COCO datasets have them.

    Args:
        boxes (np.ndarray): (left, top, width, height) in pixels in shape (N, 4).
        sizes (np.ndarray): (width, height) of each one's image in shape (N, 2); infinite where unknown.

    Returns:
        np.ndarray: (left, top, right, bottom), clipped to the image, in shape (N, 4), float32.
    """
    ends = np.stack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
    return np.clip(ends, 0, sizes[:, None] - 1).reshape(-1, 4).astype(np.float32)


def as_numbers(values: List[Any], count: int) -> np.ndarray:
    """Numbers of a JSON file.

    Args:
        values (List[Any]): What the file has for each.
        count (int): How many numbers each should be.

    Returns:
        np.ndarray: In shape (N, count), float64; NaN where it is not as many numbers.
    """
    try:
        numbers = np.array(values)
        rows = numbers[:, None] if numbers.ndim == 1 else numbers
        if numbers.dtype.kind in 'iuf' and rows.shape == (len(values), count):
            return rows.astype(np.float64)
    except ValueError:  # Not as many in each.
        pass
    numbers = np.full((len(values), count), np.nan)
    for index, value in enumerate(values):
        several = value if isinstance(value, (list, tuple, np.ndarray)) else [value]
        if len(several) == count and all(_is_number(each) for each in several):
            numbers[index] = several
    return numbers


def _is_number(value: Any) -> bool:
    return isinstance(value, (float, np.number)) or (isinstance(value, int) and abs(value) < 1e300)
