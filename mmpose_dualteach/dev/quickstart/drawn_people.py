# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Drawn articulated people with COCO keypoints, so that a quick start needs no download.

A person is a 3D kinematic tree with random proportions, pose and clothes, seen by an orthographic camera. Every body
part but the head is the convex hull of a few projected balls; the head is an ellipsoid whose face is painted on.

Three frames are used:

- body: x to the person's left, y up, z forward, in units of the person's height;
- camera: x to image right, y up, z towards the viewer, same units;
- canvas: (x, y) in pixels, y down, pixel centres at integers, ``SUPERSAMPLE`` times finer than the image.
"""

import json
import zlib
from pathlib import Path
from typing import Dict, List, NamedTuple, Tuple, Union

import cv2
import numpy as np

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
SUPERSAMPLE = 2
JPEG_QUALITY = 92

SIDES = {'left': 1, 'right': -1}
PARTS = ('none', 'head', 'torso') + tuple(
    f'{side}_{part}' for side in SIDES for part in ('upper_arm', 'forearm', 'hand', 'thigh', 'shank', 'foot')
)
PART = {name: index for index, name in enumerate(PARTS)}
# A joint is in sight where one of these parts, of its own side, is the topmost thing drawn.
OWNERS = dict(
    shoulder=('torso', 'upper_arm'),
    elbow=('upper_arm', 'forearm'),
    wrist=('forearm', 'hand'),
    hip=('torso', 'thigh'),
    knee=('thigh', 'shank'),
    ankle=('shank', 'foot'),
)

MATERIALS = ('background', 'skin', 'hair', 'top', 'bottom', 'shoes', 'dark', 'lips', 'prop0', 'prop1', 'prop2', 'prop3')
MATERIAL = {name: index for index, name in enumerate(MATERIALS)}
PATTERNED = ('background', 'top', 'bottom', 'prop0', 'prop1')
SKIN_TONES = np.array(
    [(255, 224, 196), (241, 194, 158), (224, 172, 125), (198, 134, 88), (141, 85, 50), (82, 50, 34)], dtype=np.float32
)
HAIR_TONES = np.array(
    [(25, 20, 18), (60, 38, 25), (110, 70, 40), (190, 145, 80), (225, 205, 150), (150, 60, 30), (170, 170, 170)],
    dtype=np.float32,
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
CIRCLE = np.array([(np.cos(angle), np.sin(angle)) for angle in np.arange(16) * np.pi / 8], dtype=np.float32)


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
    """A posed, dressed person; body frame, or camera frame after :func:`_turn`.

    ``joints``: name to (3,); ``shapes``: what to draw; ``head``: (3,) centre; ``head_axes``: (3, 3), columns are the
    head ellipsoid's half axes (to its left, up, forward).
    """

    joints: Dict[str, np.ndarray]
    shapes: List[Shape]
    head: np.ndarray
    head_axes: np.ndarray


class Sample(NamedTuple):
    """One drawn image.

    ``image``: (H, W, 3) uint8 RGB; ``keypoints``: (17, 3) float of x, y in pixels (pixel centres at integers) and
    COCO visibility; ``positions``: (17, 2) the same x, y for every joint, also those outside the image or not
    labelled; ``body``: (H, W) in [0, 1], share of each pixel the body covers, things in front of it ignored.
    """

    image: np.ndarray
    keypoints: np.ndarray
    positions: np.ndarray
    body: np.ndarray


def draw_people(
    out_dir: Union[str, Path],
    splits: Dict[str, int],
    seed: int = 0,
    image_size: Tuple[int, int] = (96, 128),
    crowd: int = 1,
) -> None:
    """Draw people, one per image or a crowd, and write them as COCO keypoint data.

    Writes ``out_dir/images/<split>_<5 digits>.jpg`` and ``out_dir/<split>.json``. An image depends only on the seed,
    the split's name, its index, ``image_size`` and ``crowd``, so a smaller split is a prefix of a larger one.

    Args:
        out_dir (str | Path): Folder to write to; made if missing.
        splits (Dict[str, int]): Number of images of each split, such as ``{'train': 1200, 'val': 100}``.
        seed (int): Non-negative seed. Defaults to 0.
        image_size (Tuple[int, int]): Typical (width, height) in pixels; sizes vary a little around it. Defaults to
            (96, 128).
        crowd (int): Most people on an image; each image has one to so many. Defaults to 1.

    Raises:
        ValueError: If there is no split, one has no image, or a side of ``image_size`` is less than 32.
    """
    if not splits or any(count < 1 for count in splits.values()) or min(image_size) < 32:
        raise ValueError(
            'need at least one split, each with a positive number of images, and an image_size of '
            f'at least 32 x 32, got splits={splits} and image_size={image_size}'
        )
    out_dir = Path(out_dir)
    (out_dir / 'images').mkdir(parents=True, exist_ok=True)
    for split, count in splits.items():
        images, annotations = [], []
        for index in range(count):
            rng = np.random.default_rng([seed, zlib.crc32(split.encode()), index])
            samples = draw_crowd(rng, image_size, crowd) if crowd > 1 else [draw_sample(rng, image_size)]
            sample = samples[0]
            name = f'{split}_{index:05d}.jpg'
            cv2.imwrite(
                str(out_dir / 'images' / name),
                cv2.cvtColor(sample.image, cv2.COLOR_RGB2BGR),
                [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY],
            )
            height, width = sample.image.shape[:2]
            images.append(dict(id=index + 1, file_name=name, width=width, height=height))
            annotations += [_annotation(rng, each, index + 1) for each in samples if each.body.max() > 0.5]
        for number, annotation in enumerate(annotations):
            annotation['id'] = number + 1
        category = dict(id=1, name='person', supercategory='person', keypoints=KEYPOINTS, skeleton=SKELETON)
        content = dict(images=images, annotations=annotations, categories=[category])
        (out_dir / f'{split}.json').write_text(json.dumps(content))


def draw_sample(rng: np.random.Generator, image_size: Tuple[int, int]) -> Sample:
    """Draw one person in an image of about ``image_size`` (width, height) pixels."""
    width, height = (round(side * rng.uniform(0.9, 1.1)) for side in image_size)
    person = _turn(_make_person(rng), _camera(rng))
    scale, offset = _place(rng, person, width, height)
    # Channels: part, material, shade (128 is neutral). Colours are looked up once all is drawn.
    canvas = np.zeros((height * SUPERSAMPLE, width * SUPERSAMPLE, 3), np.uint8)
    canvas[..., 2] = _smooth_noise(rng, canvas.shape[:2], 128, rng.uniform(0, 25))
    _draw_clutter(rng, canvas, rng.integers(0, 4), 0.4)
    light = rng.uniform(-1, 1, 2)
    _draw_person(rng, canvas, person, scale, offset, light)
    covered = (cv2.extractChannel(canvas, 0) > 0).astype(np.float32)
    body = cv2.resize(covered, (width, height), interpolation=cv2.INTER_AREA)
    if rng.random() < 0.3:
        _draw_clutter(rng, canvas, rng.integers(1, 3), 0.3)
    keypoints = _keypoints(person, canvas, scale, offset)
    image = cv2.resize(_colour(rng, canvas), (width, height), interpolation=cv2.INTER_AREA)
    positions = keypoints[:, :2].copy()
    keypoints[keypoints[:, 2] == 0] = 0
    return Sample(_photograph(rng, image), keypoints, positions, body)


def draw_crowd(rng: np.random.Generator, image_size: Tuple[int, int], most: int) -> List[Sample]:
    """Draw one to ``most`` people, side by side and partly in front of each other, in an image of about ``image_size``
    (width, height) pixels; a sample each, of the same image."""
    width, height = (round(side * rng.uniform(0.9, 1.1)) for side in image_size)
    canvas = np.zeros((height * SUPERSAMPLE, width * SUPERSAMPLE, 3), np.uint8)
    canvas[..., 2] = _smooth_noise(rng, canvas.shape[:2], 128, rng.uniform(0, 25))
    _draw_clutter(rng, canvas, rng.integers(0, 4), 0.4)
    light, count = rng.uniform(-1, 1, 2), rng.integers(1, most + 1)
    placed = []
    for column in rng.permutation(count):
        person = _turn(_make_person(rng), _camera(rng))
        window = np.array((width / max(count, 1.5) * rng.uniform(0.9, 1.3), height * rng.uniform(0.6, 1.0)))
        corner = np.array((width / count * (column + 0.5) - window[0] / 2, rng.uniform(0, height - window[1])))
        scale, offset = _place(rng, person, *window)
        offset = offset + corner * SUPERSAMPLE
        alone = np.zeros_like(canvas)
        alone[..., 2] = canvas[..., 2]
        _draw_person(rng, alone, person, scale, offset, light)
        covered = cv2.extractChannel(alone, 0) > 0
        canvas[covered] = alone[covered]
        body = cv2.resize(covered.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
        placed.append((person, scale, offset, body))
    image = cv2.resize(_colour(rng, canvas), (width, height), interpolation=cv2.INTER_AREA)
    image = _photograph(rng, image)
    samples = []
    for person, scale, offset, body in placed:
        keypoints = _keypoints(person, canvas, scale, offset)
        positions = keypoints[:, :2].copy()
        keypoints[keypoints[:, 2] == 0] = 0
        samples.append(Sample(image, keypoints, positions, body))
    return samples


# --- The person, body frame ------------------------------------------------------------------------------------------
def _rotation(x: float = 0, y: float = 0, z: float = 0) -> np.ndarray:
    """(3, 3) rotation about x, then y, then z; degrees."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(np.radians((x, y, z))), np.sin(np.radians((x, y, z)))
    return np.array(
        [
            [cy * cz, sx * sy * cz - cx * sz, cx * sy * cz + sx * sz],
            [cy * sz, sx * sy * sz + cx * cz, cx * sy * sz - sx * cz],
            [-sy, sx * cy, cx * cy],
        ]
    )


def _choose(rng, options):
    return options[rng.integers(len(options))]


def _limb(rng, root, frame, side, ranges, lengths, bend_sign):
    """Pose a two-segment limb that hangs along -y of ``frame`` at rest.

    Returns its middle joint, its end joint (each (3,)) and the (3, 3) frame of the lower segment.
    """
    flexion, abduction, twist, bend = (rng.uniform(*limits) for limits in ranges)
    upper = frame @ _rotation(x=-flexion) @ _rotation(z=side * abduction) @ _rotation(y=-side * twist)
    lower = upper @ _rotation(x=bend_sign * bend)
    middle = root - upper[:, 1] * lengths[0]
    return middle, middle - lower[:, 1] * lengths[1], lower


def _make_person(rng) -> Person:
    """A person with random proportions, pose and clothes."""
    thickness, head_size, leg, arm, broad = rng.uniform((0.75, 0.95, 0.9, 0.9, 0.88), (1.4, 1.35, 1.08, 1.1, 1.15))
    first, second, lean, _ = STANCES[rng.choice(len(STANCES), p=[stance[-1] for stance in STANCES])]
    legs = (first, second) if rng.random() < 0.5 else (second, first)
    arms = [_choose(rng, tuple(ARM_POSES)) for _ in SIDES]
    if rng.random() < 0.5:
        arms[1] = arms[0]

    pelvis = _rotation(x=rng.uniform(-5, 10))
    chest = pelvis @ _rotation(x=rng.uniform(*lean), y=rng.uniform(-20, 20), z=rng.uniform(-12, 12))
    skull = chest @ _rotation(x=rng.uniform(-30, 25), y=rng.uniform(-45, 45), z=rng.uniform(-15, 15))
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
        toes = ankle + foot @ _rotation(x=rng.uniform(-10, 35)) @ (side * 0.015, -0.03, 0.085)
        shapes += [
            Shape(f'{name}_hand', 'skin', np.array((wrist, fingers)), np.array((0.019, 0.02)) * thickness),
            Shape(f'{name}_foot', 'shoes', np.array((ankle, toes)), np.array((0.026, 0.02)) * thickness),
        ]
    shapes += _clothes(rng, joints, waist, chest, thickness)
    shapes += _head_shapes(rng, neck, head, head_axes, thickness)
    joints.update({name: head + head_axes @ vector for name, vector in FACE.items()})
    return Person(joints, shapes, head, head_axes)


def _clothes(rng, joints, waist, chest, thickness) -> List[Shape]:
    """Arms, legs and trunk with a top of random sleeves and trousers, shorts or a skirt."""
    sleeve = _choose(rng, (0, 0.4, 0.6, 0.8, 1.4, 2, 2))
    trouser = _choose(rng, (0.3, 0.6, 0.9, 1.5, 2, 2, 2))
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
            _choose(rng, ('top', 'bottom')),
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
                _choose(rng, ('top', 'bottom')),
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
    """Neck, ears and, at times, long hair; the head itself is painted by :func:`_paint_head`."""
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


# --- The camera ------------------------------------------------------------------------------------------------------
def _camera(rng) -> np.ndarray:
    """(3, 3) rotation from the body to the camera frame: any side, more often the front."""
    yaw = rng.normal(0, 25) if rng.random() < 0.95 else rng.uniform(-180, 180)
    return _rotation(z=rng.normal(0, 9)) @ _rotation(x=rng.uniform(-8, 20)) @ _rotation(y=yaw)


def _turn(person: Person, rotation: np.ndarray) -> Person:
    return Person(
        {name: rotation @ point for name, point in person.joints.items()},
        [shape._replace(points=shape.points @ rotation.T) for shape in person.shapes],
        rotation @ person.head,
        rotation @ person.head_axes,
    )


def _place(rng, person: Person, width: int, height: int):
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
        corner[axis] = _choose(rng, (-cut, slack + cut))[axis]
    return scale, corner - low * scale


def _project(points, scale, offset) -> np.ndarray:
    """(..., 3) camera frame to (..., 2) canvas pixels."""
    return np.asarray(points)[..., :2] * (scale, -scale) + offset


# --- Drawing on the canvas -------------------------------------------------------------------------------------------
def _outline(points, radii) -> np.ndarray:
    """Convex hull of circles, ``points`` (n, 2) and ``radii`` (n,) in canvas pixels, as fixed point with 4 bits."""
    centres, reach = np.asarray(points, dtype=np.float32), np.asarray(radii * 16, dtype=np.float32)
    rim = centres[:, None] * 16 + CIRCLE * reach[:, None, None]
    return cv2.convexHull(np.rint(rim).astype(np.int32).reshape(-1, 2))


def _draw_shape(canvas, part, material, points, radii, light, shade=128) -> None:
    """Draw a hull of circles (canvas pixels) with a dark rim and a highlight moved by ``light`` (2,)."""
    part, material = PART[part], MATERIAL[material]
    outline = _outline(points, radii)
    cv2.fillConvexPoly(canvas, outline, (part, material, shade - 12), shift=4)
    cv2.polylines(canvas, [outline], True, (part, material, shade - 50), shift=4)
    lit = _outline(points + radii[:, None] * light * 0.3, radii * 0.5)
    cv2.fillConvexPoly(canvas, lit, (part, material, shade + 12), shift=4)


def _draw_person(rng, canvas, person: Person, scale, offset, light) -> None:
    """Draw the parts from far to near."""
    shapes = sorted(person.shapes, key=lambda shape: shape.depth)
    behind = sum(shape.depth < person.head[2] for shape in shapes)
    for index, shape in enumerate(shapes):
        if index == behind:
            _paint_head(rng, canvas, person, scale, offset, light)
        _draw_shape(
            canvas,
            shape.part,
            shape.material,
            _project(shape.points, scale, offset),
            shape.radii * scale,
            light,
            int(128 + rng.uniform(-12, 12)),
        )
    if behind == len(shapes):
        _paint_head(rng, canvas, person, scale, offset, light)


def _paint_head(rng, canvas, person: Person, scale, offset, light) -> None:
    """Paint the head: cast a ray per pixel and choose skin, hair or a feature by where it meets the ellipsoid."""
    centre, reach = _project(person.head, scale, offset), np.linalg.norm(person.head_axes, axis=0).max() * scale
    (x0, y0), (x1, y1) = (
        np.clip(np.rint(centre + sign * reach), 0, canvas.shape[1::-1]).astype(int) for sign in (-1, 1)
    )
    if x0 >= x1 or y0 >= y1:
        return
    y, x = np.mgrid[y0:y1, x0:x1].reshape(2, -1) - centre[::-1, None]
    # The inverse of a matrix with orthogonal columns.
    to_unit = (person.head_axes / (person.head_axes**2).sum(0)).T[..., None] / scale
    # On the ray, a point of depth z is flat + along * z in the head's own axes, where the head is the unit sphere.
    flat, along = to_unit[:, 0] * x - to_unit[:, 1] * y, to_unit[:, 2]
    a, b, c = (along * along).sum(), (along * flat).sum(0), (flat * flat).sum(0) - 1
    hit = b * b >= a * c
    unit = flat + along * (np.sqrt(np.maximum(b * b - a * c, 0)) - b) / a
    shade = 128 + 18 * np.clip((x * light[0] + y * light[1]) / reach, -2, 2)
    material = _head_materials(rng, unit)
    patch = canvas[y0:y1, x0:x1]
    patch[hit.reshape(y1 - y0, -1)] = np.stack((np.full_like(material, PART['head']), material, shade), 1)[hit]


def _head_materials(rng, unit) -> np.ndarray:
    """Materials (n,) at points (3, n) of the unit sphere in the head's own axes."""
    x, y, z = unit
    bald, beard, glasses, hat = rng.random(4) < (0.08, 0.15, 0.12, 0.15)
    hairline = rng.uniform(0.4, 0.75)
    material = np.full(len(x), MATERIAL['skin'])
    if not bald:
        material[(y > hairline) | (z < -0.05)] = MATERIAL['hair']
    if beard:
        material[(y < -0.4) & (z > -0.05)] = MATERIAL['hair']
    if hat:
        material[y > 0.38] = MATERIAL[_choose(rng, ('top', 'bottom', 'prop0', 'shoes'))]
    material[(np.abs(y + 0.5) < 0.07) & (np.abs(x) < 0.25) & (z > 0)] = MATERIAL['lips']
    material[(np.abs(x) < 0.07) & (y < 0) & (y > -0.22) & (z > 0)] = MATERIAL['lips']
    for eye in ('left_eye', 'right_eye'):
        material[(FACE[eye][:, None] * unit).sum(0) > 0.975] = MATERIAL['dark']
    if glasses:
        material[(np.abs(y - 0.14) < 0.14) & (np.abs(x) > 0.12) & (z > 0.3)] = MATERIAL['dark']
    return material


def _draw_clutter(rng, canvas, count: int, span: float) -> None:
    """Draw random discs, sticks, bent limbs, blobs and boxes in the person's and other colours."""
    size = np.array(canvas.shape[1::-1])
    for _ in range(count):
        centre, reach = rng.uniform(0, 1, 2) * size, rng.uniform(0.1, span) * size.min()
        kind = _choose(rng, ('disc', 'limb', 'limb', 'limb', 'blob', 'box'))
        material = _choose(rng, ('skin', 'hair', 'top', 'bottom', 'prop0', 'prop1', 'prop2', 'prop3'))
        corners = centre + rng.uniform(-1, 1, (3, 2)) * reach
        if kind == 'limb':
            radii = np.sort(rng.uniform(0.015, 0.05, 3)) * size.min()
            pieces = [(corners[i : i + 2], radii[i : i + 2]) for i in (0, 1)]
        elif kind == 'box':
            along = rng.uniform(-1, 1, 2) * reach
            across = along[::-1] * (1, -1) * rng.uniform(0.2, 1)
            pieces = [(centre + np.array((along, across, -along, -across)), np.ones(4))]
        else:
            number = 1 if kind == 'disc' else 3
            pieces = [(corners[:number], rng.uniform(0.1, 0.5, number) * reach)]
        light, shade = rng.uniform(-1, 1, 2), int(rng.uniform(100, 150))
        for points, radii in pieces:
            _draw_shape(canvas, 'none', material, points, radii, light, shade)


# --- From canvas to photograph ---------------------------------------------------------------------------------------
def _smooth_noise(rng, shape, mean, deviation) -> np.ndarray:
    """(H, W) uint8 noise, smooth over a random number of pixels."""
    cells = rng.integers(3, 40)
    grid = rng.normal(mean, deviation, (cells, cells)).astype(np.float32)
    return np.clip(cv2.resize(grid, shape[::-1]), 0, 255).astype(np.uint8)


def _pattern(rng, x, y) -> np.ndarray:
    """Blend weights (n,) in [0, 1] of a second colour at canvas pixels ``x``, ``y`` (n,): one of several textiles."""
    kind = _choose(rng, ('plain', 'stripes', 'checks', 'dots', 'noise', 'gradient'))
    if kind == 'plain':
        return np.zeros(len(x), np.float32)
    if kind == 'noise':
        step = rng.integers(1, 6)
        return rng.random((64, 64), np.float32)[(y // step) % 64, (x // step) % 64]
    angle, period = rng.uniform(0, np.pi), rng.uniform(4, 30)
    cos, sin = np.float32(np.cos(angle) / period), np.float32(np.sin(angle) / period)
    x, y = x.astype(np.float32), y.astype(np.float32)
    u, v = x * cos + y * sin, y * cos - x * sin
    if kind == 'gradient':
        return (u - u.min()) / max(np.ptp(u), 1)
    u, v = u - np.floor(u) - 0.5, v - np.floor(v) - 0.5
    if kind == 'stripes':
        return (u > 0).astype(np.float32)
    if kind == 'checks':
        return ((u > 0) ^ (v > 0)).astype(np.float32)
    return (u * u + v * v < 0.08).astype(np.float32)


def _palette(rng) -> np.ndarray:
    """(materials, 3) float32 RGB colours."""
    palette = rng.uniform(10, 245, (len(MATERIALS), 3)).astype(np.float32)
    # Pull some colours to grey: real scenes are less colourful than random ones.
    grey = rng.uniform(0, 1, (len(MATERIALS), 1)).astype(np.float32)
    palette += (palette.mean(1, keepdims=True) - palette) * grey
    skin = _choose(rng, SKIN_TONES) * rng.uniform(0.85, 1.05, 3)
    palette[MATERIAL['skin']] = skin
    palette[MATERIAL['lips']] = skin * (0.75, 0.55, 0.55)
    palette[MATERIAL['dark']] = rng.uniform(5, 50, 3)
    palette[MATERIAL['hair']] = _choose(rng, HAIR_TONES) * rng.uniform(0.8, 1.2, 3)
    if rng.random() < 0.4:
        palette[MATERIAL['prop3']] = _choose(rng, SKIN_TONES)
    return palette


def _colour(rng, canvas) -> np.ndarray:
    """Give every canvas pixel its material's colour and shade; (H, W, 3) float32 RGB."""
    material, shade = cv2.extractChannel(canvas, 1), cv2.extractChannel(canvas, 2)
    weight = np.zeros(material.shape, np.float32)
    for name in PATTERNED:
        pixels = np.flatnonzero(material == MATERIAL[name])
        if len(pixels):
            y, x = np.divmod(pixels.astype(np.int32), np.int32(material.shape[1]))
            weight.flat[pixels] = _pattern(rng, x, y) * rng.uniform(0.1, 0.6)
    first, second = np.zeros((2, 256, 3), np.float32)
    first[: len(MATERIALS)], second[: len(MATERIALS)] = _palette(rng), rng.uniform(0, 255, (len(MATERIALS), 3))
    shade = shade / np.float32(128)
    # One colour plane at a time: far faster than (H, W, 3) arrays in numpy.
    planes = [
        (cv2.LUT(material, low) + weight * cv2.LUT(material, span)) * shade
        for low, span in zip(first.T.copy(), (second - first).T.copy())
    ]
    return cv2.merge(planes)


def _photograph(rng, image) -> np.ndarray:
    """Light, colour cast, contrast, blur and sensor noise on a float (H, W, 3) image; returns uint8."""
    height, width = image.shape[:2]
    slope = rng.uniform(-0.35, 0.35, 2)
    light = 1 + np.linspace(-1, 1, width) * slope[0] + np.linspace(-1, 1, height)[:, None] * slope[1]
    contrast, brightness = rng.uniform(0.7, 1.1), rng.uniform(-20, 20)
    gains = rng.uniform(0.8, 1.15, 3) * contrast
    light = light.astype(np.float32)
    image = cv2.merge([plane * (light * np.float32(gain)) for plane, gain in zip(cv2.split(image), gains)])
    image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.25, 1.1))
    image += 128 * (1 - contrast) + brightness
    image += rng.standard_normal(image.shape, np.float32) * np.float32(rng.uniform(1, 10))
    return np.clip(image, 0, 255).astype(np.uint8)


# --- Labels ----------------------------------------------------------------------------------------------------------
def _keypoints(person: Person, canvas, scale, offset) -> np.ndarray:
    """(17, 3): image x, y and COCO visibility (2 in sight, 1 hidden, 0 outside the image or on the head's far side)."""
    keypoints = np.zeros((len(KEYPOINTS), 3))
    for index, name in enumerate(KEYPOINTS):
        position = _project(person.joints[name], scale, offset)
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


def _annotation(rng, sample: Sample, number: int) -> dict:
    """COCO annotation: the box is the body's, moved a little as by a real annotator, and kept in the image."""
    ys, xs = np.nonzero(sample.body > 0.5)
    height, width = sample.body.shape
    # COCO boxes span whole pixels, from the left edge of the first to the right edge of the last.
    box = np.array((xs.min(), ys.min(), xs.max() + 1, ys.max() + 1), float)
    box += rng.normal(0, 0.015, 4) * np.tile(box[2:] - box[:2], 2)
    box = np.clip(box, 0, (width, height, width, height))
    bbox = np.round((*box[:2], *(box[2:] - box[:2])), 2)
    return dict(
        id=number,
        image_id=number,
        category_id=1,
        iscrowd=0,
        bbox=bbox.tolist(),
        area=round(float(sample.body.sum()), 2),
        num_keypoints=int((sample.keypoints[:, 2] > 0).sum()),
        keypoints=np.round(sample.keypoints, 2).ravel().tolist(),
    )
