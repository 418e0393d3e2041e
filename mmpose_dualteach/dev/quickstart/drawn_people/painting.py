# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Parts and materials on the canvas, whose channels are part, material and shade (128 is neutral)."""

import cv2
import numpy as np

from mmpose_dualteach.dev.quickstart.drawn_people.camera import projected
from mmpose_dualteach.dev.quickstart.drawn_people.person import FACE, SIDES, Person, choose

PARTS = ('none', 'head', 'torso') + tuple(
    f'{side}_{part}' for side in SIDES for part in ('upper_arm', 'forearm', 'hand', 'thigh', 'shank', 'foot')
)
PART = {name: index for index, name in enumerate(PARTS)}
MATERIALS = ('background', 'skin', 'hair', 'top', 'bottom', 'shoes', 'dark', 'lips', 'prop0', 'prop1', 'prop2', 'prop3')
MATERIAL = {name: index for index, name in enumerate(MATERIALS)}
CIRCLE = np.array([(np.cos(angle), np.sin(angle)) for angle in np.arange(16) * np.pi / 8], dtype=np.float32)


def draw_person(rng, canvas, person: Person, scale, offset, light) -> None:
    """Draw the parts from far to near."""
    shapes = sorted(person.shapes, key=lambda shape: shape.depth)
    behind = sum(shape.depth < person.head[2] for shape in shapes)
    for index, shape in enumerate(shapes):
        if index == behind:
            paint_head(rng, canvas, person, scale, offset, light)
        draw_shape(
            canvas,
            shape.part,
            shape.material,
            projected(shape.points, scale, offset),
            shape.radii * scale,
            light,
            int(128 + rng.uniform(-12, 12)),
        )
    if behind == len(shapes):
        paint_head(rng, canvas, person, scale, offset, light)


def paint_head(rng, canvas, person: Person, scale, offset, light) -> None:
    """Paint the head: cast a ray per pixel and choose skin, hair or a feature by where it meets the ellipsoid."""
    centre, reach = projected(person.head, scale, offset), np.linalg.norm(person.head_axes, axis=0).max() * scale
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
        material[y > 0.38] = MATERIAL[choose(rng, ('top', 'bottom', 'prop0', 'shoes'))]
    material[(np.abs(y + 0.5) < 0.07) & (np.abs(x) < 0.25) & (z > 0)] = MATERIAL['lips']
    material[(np.abs(x) < 0.07) & (y < 0) & (y > -0.22) & (z > 0)] = MATERIAL['lips']
    for eye in ('left_eye', 'right_eye'):
        material[(FACE[eye][:, None] * unit).sum(0) > 0.975] = MATERIAL['dark']
    if glasses:
        material[(np.abs(y - 0.14) < 0.14) & (np.abs(x) > 0.12) & (z > 0.3)] = MATERIAL['dark']
    return material


def draw_clutter(rng, canvas, count: int, span: float) -> None:
    """Draw random discs, sticks, bent limbs, blobs and boxes in the person's and other colours."""
    size = np.array(canvas.shape[1::-1])
    for _ in range(count):
        centre, reach = rng.uniform(0, 1, 2) * size, rng.uniform(0.1, span) * size.min()
        kind = choose(rng, ('disc', 'limb', 'limb', 'limb', 'blob', 'box'))
        material = choose(rng, ('skin', 'hair', 'top', 'bottom', 'prop0', 'prop1', 'prop2', 'prop3'))
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
            draw_shape(canvas, 'none', material, points, radii, light, shade)


def draw_shape(canvas, part, material, points, radii, light, shade=128) -> None:
    """Draw a hull of circles (canvas pixels) with a dark rim and a highlight moved by ``light`` (2,)."""
    part, material = PART[part], MATERIAL[material]
    outline = _outline(points, radii)
    cv2.fillConvexPoly(canvas, outline, (part, material, shade - 12), shift=4)
    cv2.polylines(canvas, [outline], True, (part, material, shade - 50), shift=4)
    lit = _outline(points + radii[:, None] * light * 0.3, radii * 0.5)
    cv2.fillConvexPoly(canvas, lit, (part, material, shade + 12), shift=4)


def _outline(points, radii) -> np.ndarray:
    """Convex hull of circles, ``points`` (n, 2) and ``radii`` (n,) in canvas pixels, as fixed point with 4 bits."""
    centres, reach = np.asarray(points, dtype=np.float32), np.asarray(radii * 16, dtype=np.float32)
    rim = centres[:, None] * 16 + CIRCLE * reach[:, None, None]
    return cv2.convexHull(np.rint(rim).astype(np.int32).reshape(-1, 2))
