# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""The box of an instance of which joints alone are known."""

from typing import List

import numpy as np

MARGIN = 0.1
LEAST_SIDE = 0.05  # Of the image's longer side: a box around a single joint has none of its own.


def box_of_joints(joints: np.ndarray, width: float, height: float, margin: float = MARGIN) -> List[float]:
    """A box around the joints of an instance that are known, with a margin, cut at the image's edges.

    Args:
        joints (np.ndarray): Joints (x, y) in pixels in shape (N, 2), at least one.
        width (float): Of the image, in pixels.
        height (float): Of the image, in pixels.
        margin (float): On every side, in shares of the longer one. Defaults to 0.1.

    Returns:
        List[float]: (left, top, right, bottom) in pixels.
    """
    low, high = joints.min(axis=0), joints.max(axis=0)
    by = margin * (high - low).max()
    short = np.maximum(0, LEAST_SIDE * max(width, height) - (high - low)) / 2
    low, high = low - np.maximum(by, short), high + np.maximum(by, short)
    return [*np.clip(low, 0, [width - 1, height - 1]).tolist(), *np.clip(high, 1, [width, height]).tolist()]
