# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Joints on the canvas, as COCO labels them."""

import numpy as np

from mmpose_dualteach.dev.quickstart.drawn_people.camera import SUPERSAMPLE, projected
from mmpose_dualteach.dev.quickstart.drawn_people.painting import PART, PARTS
from mmpose_dualteach.dev.quickstart.drawn_people.person import FACE, OWNERS, Person

KEYPOINTS = (
    'nose',
    'left_eye',
    'right_eye',
    'left_ear',
    'right_ear',
    'left_shoulder',
    'right_shoulder',
    'left_elbow',
    'right_elbow',
    'left_wrist',
    'right_wrist',
    'left_hip',
    'right_hip',
    'left_knee',
    'right_knee',
    'left_ankle',
    'right_ankle',
)
SKELETON = (
    (16, 14),
    (14, 12),
    (17, 15),
    (15, 13),
    (12, 13),
    (6, 12),
    (7, 13),
    (6, 7),
    (6, 8),
    (7, 9),
    (8, 10),
    (9, 11),
    (2, 3),
    (1, 2),
    (1, 3),
    (2, 4),
    (3, 5),
    (4, 6),
    (5, 7),
)


def keypoints_of(person: Person, canvas, scale, offset) -> np.ndarray:
    """(17, 3): image x, y and COCO visibility (2 in sight, 1 hidden, 0 outside the image or on the head's far side)."""
    keypoints = np.zeros((len(KEYPOINTS), 3))
    for index, name in enumerate(KEYPOINTS):
        position = projected(person.joints[name], scale, offset)
        # The centre of image pixel i is at canvas coordinate i * SUPERSAMPLE + (SUPERSAMPLE - 1) / 2.
        keypoints[index, :2] = (position - (SUPERSAMPLE - 1) / 2) / SUPERSAMPLE
        x, y = np.rint(position).astype(int)
        if 0 <= x < canvas.shape[1] and 0 <= y < canvas.shape[0]:
            keypoints[index, 2] = _visibility(name, person, canvas[y, x, 0])
    return keypoints


def _visibility(name: str, person: Person, part: int) -> int:
    """COCO visibility of a joint inside the image where ``part`` is the topmost thing drawn."""
    if name in FACE:
        facing = (person.head_axes @ FACE[name])[2] / np.linalg.norm(person.head_axes[:, 2])
        if facing < -0.3:
            return 0
        return 2 if facing > 0 and part == PART['head'] else 1
    side, joint = name.split('_')
    return 2 if PARTS[part].replace(f'{side}_', '') in OWNERS[joint] else 1
