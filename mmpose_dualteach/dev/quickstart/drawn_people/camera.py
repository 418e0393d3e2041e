# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""From the body's frame to the camera's, and on to the canvas."""

import numpy as np

from mmpose_dualteach.dev.quickstart.drawn_people.person import Person, choose, rotation

SUPERSAMPLE = 2


def random_camera(rng) -> np.ndarray:
    """(3, 3) rotation from the body to the camera frame: any side, more often the front."""
    yaw = rng.normal(0, 25) if rng.random() < 0.95 else rng.uniform(-180, 180)
    return rotation(z=rng.normal(0, 9)) @ rotation(x=rng.uniform(-8, 20)) @ rotation(y=yaw)


def turned(person: Person, matrix: np.ndarray) -> Person:
    """A person in another frame, to which a (3, 3) matrix leads."""
    return Person(
        {name: matrix @ point for name, point in person.joints.items()},
        [shape._replace(points=shape.points @ matrix.T) for shape in person.shapes],
        matrix @ person.head,
        matrix @ person.head_axes,
    )


def random_place(rng, person: Person, width: int, height: int):
    """Canvas pixels per unit of height, and the (2,) canvas position of the camera frame's origin."""
    points = np.concatenate([shape.points[:, :2] for shape in person.shapes] + [person.head[None, :2]]) * (1, -1)
    skull = np.linalg.norm(person.head_axes[:, 1])
    radii = np.concatenate([shape.radii for shape in person.shapes] + [[skull]])
    low, high = (points - radii[:, None]).min(0), (points + radii[:, None]).max(0)
    size = np.array((width, height)) * SUPERSAMPLE
    # The floor on the extent keeps a person cut short from filling the image.
    scale = np.min(size * (0.95, rng.uniform(0.65, 0.9)) / np.maximum(high - low, (0.1, 0.7)))
    slack = size - (high - low) * scale
    corner = slack * rng.uniform(0, 1, 2)
    if rng.random() < 0.1:
        # Cut the person at one border.
        axis, cut = rng.integers(2), rng.uniform(0.05, 0.35) * (high - low) * scale
        corner[axis] = choose(rng, (-cut, slack + cut))[axis]
    return scale, corner - low * scale


def projected(points, scale, offset) -> np.ndarray:
    """(..., 3) camera frame to (..., 2) canvas pixels."""
    return np.asarray(points)[..., :2] * (scale, -scale) + offset
