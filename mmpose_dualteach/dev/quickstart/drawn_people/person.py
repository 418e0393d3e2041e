# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""A person with random proportions, pose and clothes, in the body's frame."""

from typing import Dict, List, NamedTuple

import numpy as np

SIDES = {'left': 1, 'right': -1}
# A joint is in sight where one of these parts, of its own side, is the topmost thing drawn.
OWNERS = dict(
    shoulder=('torso', 'upper_arm'),
    elbow=('upper_arm', 'forearm'),
    wrist=('forearm', 'hand'),
    hip=('torso', 'thigh'),
    knee=('thigh', 'shank'),
    ankle=('shank', 'foot'),
)
# Ranges in degrees of (flexion forward, abduction outward, twist inward, bend of elbow or knee).
ARM_POSES = dict(
    hang=((-15, 25), (4, 20), (0, 50), (0, 30)),
    bent=((0, 50), (5, 40), (0, 80), (50, 125)),
    akimbo=((-20, 5), (35, 60), (70, 100), (75, 110)),
    raised=((-10, 30), (110, 170), (-60, 30), (0, 80)),
    reach=((50, 110), (0, 30), (0, 45), (0, 50)),
    goalpost=((-10, 20), (70, 110), (-110, -60), (40, 120)),
    spread=((-10, 20), (50, 100), (-30, 30), (0, 30)),
    behind=((-50, -20), (5, 30), (20, 70), (10, 60)),
)
LEG_POSES = dict(
    stand=((-5, 8), (0, 10), (-25, 5), (0, 8)),
    stride=((-25, 40), (0, 10), (-15, 10), (0, 60)),
    wide=((-5, 15), (12, 35), (-30, 0), (0, 25)),
    kick=((30, 90), (0, 25), (-20, 10), (0, 50)),
)
# Poses of the two legs (in either order), range of the trunk's forward lean in degrees, chance.
STANCES = (
    ('stand', 'stand', (-8, 15), 0.36),
    ('stride', 'stride', (-8, 20), 0.3),
    ('wide', 'wide', (-10, 20), 0.24),
    ('kick', 'stand', (-12, 15), 0.1),
)
# Unit vectors of the face's keypoints on the head's ellipsoid (body axes).
FACE = {
    name: np.array(vector) / np.linalg.norm(vector)
    for name, vector in {
        'nose': (0, -0.12, 1),
        'left_eye': (0.38, 0.14, 0.9),
        'right_eye': (-0.38, 0.14, 0.9),
        'left_ear': (1, 0, -0.1),
        'right_ear': (-1, 0, -0.1),
    }.items()
}


class Shape(NamedTuple):
    """Convex hull of balls. ``points``: (n, 3) centres; ``radii``: (n,); ``lift``: added to its depth."""

    part: str
    material: str
    points: np.ndarray
    radii: np.ndarray
    lift: float = 0.0

    @property
    def depth(self) -> float:
        """Camera z, larger is nearer."""
        return self.points[:, 2].mean() + self.lift


class Person(NamedTuple):
    """A posed, dressed person; body frame, or camera frame after :func:`turned`.

    ``joints``: name to (3,); ``shapes``: what to draw; ``head``: (3,) centre; ``head_axes``: (3, 3), columns are the
    head ellipsoid's half axes (to its left, up, forward).
    """

    joints: Dict[str, np.ndarray]
    shapes: List[Shape]
    head: np.ndarray
    head_axes: np.ndarray


def make_person(rng) -> Person:
    """A person with random proportions, pose and clothes."""
    thickness, head_size, leg, arm, broad = rng.uniform((0.75, 0.95, 0.9, 0.9, 0.88), (1.4, 1.35, 1.08, 1.1, 1.15))
    first, second, lean, _ = STANCES[rng.choice(len(STANCES), p=[stance[-1] for stance in STANCES])]
    legs = (first, second) if rng.random() < 0.5 else (second, first)
    arms = [choose(rng, tuple(ARM_POSES)) for _ in SIDES]
    if rng.random() < 0.5:
        arms[1] = arms[0]

    pelvis = rotation(x=rng.uniform(-5, 10))
    chest = pelvis @ rotation(x=rng.uniform(*lean), y=rng.uniform(-20, 20), z=rng.uniform(-12, 12))
    skull = chest @ rotation(x=rng.uniform(-30, 25), y=rng.uniform(-45, 45), z=rng.uniform(-15, 15))
    waist = pelvis @ (0, 0.11, 0)
    neck = waist + chest @ (0, 0.2, 0)
    head_axes = skull * np.array((0.058, 0.08, 0.066)) * head_size
    head = neck + chest @ (0, 0.03, 0) + skull @ (0, 0.085 * head_size, 0.012)

    joints, shapes = {}, []
    for (name, side), arm_pose, leg_pose in zip(SIDES.items(), arms, legs):
        shoulder = waist + chest @ (side * 0.105 * broad, 0.175, 0)
        elbow, wrist, hand = _limb(rng, shoulder, chest, side, ARM_POSES[arm_pose], (0.165 * arm, 0.14 * arm), -1)
        hip = pelvis @ (side * 0.055, 0, 0)
        knee, ankle, foot = _limb(rng, hip, pelvis, side, LEG_POSES[leg_pose], (0.235 * leg, 0.225 * leg), 1)
        points = (shoulder, elbow, wrist, hip, knee, ankle)
        joints.update({f'{name}_{joint}': point for joint, point in zip(OWNERS, points)})
        fingers = wrist + hand @ (0, -0.055, 0)
        toes = ankle + foot @ rotation(x=rng.uniform(-10, 35)) @ (side * 0.015, -0.03, 0.085)
        shapes += [
            Shape(f'{name}_hand', 'skin', np.array((wrist, fingers)), np.array((0.019, 0.02)) * thickness),
            Shape(f'{name}_foot', 'shoes', np.array((ankle, toes)), np.array((0.026, 0.02)) * thickness),
        ]
    shapes += _clothes(rng, joints, waist, chest, thickness)
    shapes += _head_shapes(rng, neck, head, head_axes, thickness)
    joints.update({name: head + head_axes @ vector for name, vector in FACE.items()})
    return Person(joints, shapes, head, head_axes)


def _limb(rng, root, frame, side, ranges, lengths, bend_sign):
    """Pose a two-segment limb that hangs along -y of ``frame`` at rest.

    Returns its middle joint, its end joint (each (3,)) and the (3, 3) frame of the lower segment.
    """
    flexion, abduction, twist, bend = (rng.uniform(*limits) for limits in ranges)
    upper = frame @ rotation(x=-flexion) @ rotation(z=side * abduction) @ rotation(y=-side * twist)
    lower = upper @ rotation(x=bend_sign * bend)
    middle = root - upper[:, 1] * lengths[0]
    return middle, middle - lower[:, 1] * lengths[1], lower


def _clothes(rng, joints, waist, chest, thickness) -> List[Shape]:
    """Arms, legs and trunk with a top of random sleeves and trousers, shorts or a skirt."""
    sleeve = choose(rng, (0, 0.4, 0.6, 0.8, 1.4, 2, 2))
    trouser = choose(rng, (0.3, 0.6, 0.9, 1.5, 2, 2, 2))
    loose = rng.uniform(1.05, 1.35, 2)
    shapes = []
    for name in SIDES:
        arm = [joints[f'{name}_{joint}'] for joint in ('shoulder', 'elbow', 'wrist')]
        leg = [joints[f'{name}_{joint}'] for joint in ('hip', 'knee', 'ankle')]
        shapes += _dress(
            (f'{name}_upper_arm', f'{name}_forearm'),
            arm,
            np.array((0.036, 0.028, 0.02)) * thickness,
            sleeve,
            'top',
            loose[0],
        )
        shapes += _dress(
            (f'{name}_thigh', f'{name}_shank'),
            leg,
            np.array((0.055, 0.038, 0.025)) * thickness,
            trouser,
            'bottom',
            loose[1],
        )
    shoulders, hips, knees = (
        np.array([joints[f'{name}_{joint}'] for name in SIDES]) for joint in ('shoulder', 'hip', 'knee')
    )
    sides = waist + np.outer((1, -1), chest[:, 0]) * 0.045
    breast = shoulders.mean(0) - chest[:, 1] * 0.05 + chest[:, 2] * 0.015
    radii = np.array((0.04, 0.04, 0.075, 0.055, 0.055)) * (thickness + 0.3) / 1.3
    shapes.append(Shape('torso', 'top', np.array((*shoulders, breast, *sides)), radii))
    shapes.append(
        Shape(
            'torso',
            choose(rng, ('top', 'bottom')),
            np.array((*sides, *hips)),
            np.array((0.055, 0.055, 0.06, 0.06)) * (thickness + 0.3) / 1.3,
            -0.001,
        )
    )
    if rng.random() < 0.2:
        hem = hips + (knees - hips) * rng.uniform(0.4, 0.95)
        points = np.array((*hips, *hem))
        shapes.append(
            Shape(
                'torso',
                choose(rng, ('top', 'bottom')),
                points,
                np.array((0.062, 0.062, 0.075, 0.075)) * thickness,
                0.03,
            )
        )
    return shapes


def _dress(parts, points, radii, covered, material, loose) -> List[Shape]:
    """Shapes of a two-segment limb whose first ``covered`` segments (0 to 2) are in cloth, the rest bare."""
    shapes = []
    for index, part in enumerate(parts):
        ends, widths = np.array(points[index : index + 2]), radii[index : index + 2]
        share = np.clip(covered - index, 0, 1)
        shapes.append(Shape(part, 'skin', ends, widths))
        if share > 0:
            cut = np.array(((1, 0), (1 - share, share)))
            shapes.append(Shape(part, material, cut @ ends, cut @ widths * loose, 1e-4))
    return shapes


def _head_shapes(rng, neck, head, axes, thickness) -> List[Shape]:
    """Neck, ears and, at times, long hair; the head itself is painted by :func:`paint_head`."""
    size = np.linalg.norm(axes[:, 0])
    shapes = [Shape('head', 'skin', np.array((neck, head - axes[:, 1] * 0.4)), np.full(2, 0.028) * thickness, -0.02)]
    for name in SIDES:
        ear = head + axes @ FACE[f'{name}_ear']
        shapes.append(Shape('head', 'skin', np.array((ear, ear + axes[:, 1] * 0.15)), np.array((0.2, 0.24)) * size))
    if rng.random() < 0.35:
        behind = head - axes[:, 2] * 0.45
        tips = behind - axes[:, 1] * rng.uniform(0.7, 1.8)
        shapes.append(Shape('head', 'hair', np.array((behind, tips)), np.array((1.02, rng.uniform(0.4, 1))) * size))
    return shapes


def rotation(x: float = 0, y: float = 0, z: float = 0) -> np.ndarray:
    """(3, 3) rotation about x, then y, then z; degrees."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(np.radians((x, y, z))), np.sin(np.radians((x, y, z)))
    return np.array(
        [
            [cy * cz, sx * sy * cz - cx * sz, cx * sy * cz + sx * sz],
            [cy * sz, sx * sy * sz + cx * cz, cx * sy * sz - sx * cz],
            [-sy, sx * cy, cx * cy],
        ]
    )


def choose(rng, options):
    return options[rng.integers(len(options))]
