# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""The box of an instance of which joints alone are known."""

from typing import List

import numpy as np

MARGIN = 0.1  # Boxes are those of the joints, and so much of their longer side more on every side.
LEAST_SIDE = 0.05  # Of the image's longer side: a box around a single joint has none of its own.


def box_of_joints(points: np.ndarray, width: float, height: float) -> List[float]:
    """A box around the labelled joints of an instance, with a margin, cut at the image's edges.

    Args:
        points (np.ndarray): (x, y, visibility) in pixels, in shape (K, 3); at least one visibility is above 0.
        width (float): Of the image, in pixels.
        height (float): Of the image, in pixels.

    Returns:
        List[float]: (left, top, right, bottom) in pixels.
    """
    known = points[points[:, 2] > 0, :2]
    low, high = known.min(axis=0), known.max(axis=0)
    by = MARGIN * (high - low).max()
    short = np.maximum(0, LEAST_SIDE * max(width, height) - (high - low)) / 2
    low, high = low - np.maximum(by, short), high + np.maximum(by, short)
    return [*np.clip(low, 0, [width - 1, height - 1]).tolist(), *np.clip(high, 1, [width, height]).tolist()]
