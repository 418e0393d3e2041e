# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Which annotations of an image are of one instance, told by their boxes (left, top, width, height) in pixels."""

from typing import Any, Dict, List, Optional, Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

SAME = 0.5  # Least intersection over union of two boxes of one instance.
HULL = 2.0  # Pixels by which a box differs at most from one that a tool has drawn around keypoints.
INSIDE = 0.8  # Least share of a box around keypoints that lies in the box of their instance.
THIN = 1e-2  # Least side of a box around keypoints, in pixels: those of a line, or of one joint, have none.
TIE = 1e-9  # What the same id is worth: tools give new ones, so that it but decides between boxes that are alike.


def pairs(some: Sequence[dict], others: Sequence[dict]) -> Dict[int, int]:
    """Which of some annotations are of the same instance as which others, one to one.

    Boxes of one instance share half of what both cover. A box that is but drawn around keypoints lies in that of their
    instance; of several such the one counts that it fills best, together with all other annotations.

    Args:
        some (Sequence[dict]): COCO's annotations of an image.
        others (Sequence[dict]): Others of the same image; those without a box, and crowds, are none of these.

    Returns:
        Dict[int, int]: From places in ``some`` to places in ``others``.
    """
    fit = np.array([[_fit(one, other) for other in others] for one in some])
    if not fit.size:
        return {}
    rows, columns = linear_sum_assignment(-fit)
    return {int(row): int(column) for row, column in zip(rows, columns) if fit[row, column] > 0}


def own_box(annotation: dict) -> Optional[List[float]]:
    """The box of an annotation, None where it has no area or is but drawn around keypoints."""
    box, hull = annotation.get('bbox'), _hull(annotation)
    return box if box and min(box[2:]) > 0 and not (hull and alike(box, hull)) else None


def alike(box: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two boxes are the same but for what tools round."""
    return bool(np.abs(np.subtract(box, other)).max() <= HULL)


def _hull(annotation: dict) -> Optional[List[float]]:
    """The box around labelled keypoints, None where there are none."""
    rows = np.array(annotation.get('keypoints') or (), dtype=float).reshape(-1, 3)
    points = rows[rows[:, 2] > 0, :2]
    return [*points.min(axis=0), *np.maximum(np.ptp(points, axis=0), THIN)] if len(points) else None


def _fit(one: dict, other: dict) -> float:
    """How well an annotation fits the box of another one, 0 where both are not of one instance."""
    own, known = own_box(one), other.get('bbox')
    box = own or _hull(one)
    if not box or not known or other.get('iscrowd'):
        return 0.0
    low = np.maximum(box[:2], known[:2])
    high = np.minimum(np.add(box[:2], box[2:]), np.add(known[:2], known[2:]))
    common = float(np.clip(high - low, 0, None).prod())
    overlap = common / max(_area(box) + _area(known) - common, 1e-9)
    same = overlap >= SAME or (not own and common >= INSIDE * _area(box))
    return overlap + TIE * _same_id(one, other) if same else 0.0


def _same_id(one: dict, other: dict) -> bool:
    number: Any = one.get('id')
    return number is not None and number == other.get('id')


def _area(box: Sequence[float]) -> float:
    return max(float(box[2]), 0.0) * max(float(box[3]), 0.0)
