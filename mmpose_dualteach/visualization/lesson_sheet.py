# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Pictures of lessons, for people to look at."""

from typing import Any, Dict, List, Optional, Sequence, Tuple

import cv2
import numpy as np
import torch
from torch import Tensor

from mmpose_dualteach import compat
from mmpose_dualteach.models.adapters.base import Target, first_instances

TILE_HEIGHT = 224
TITLES = ('easy view, teacher {teacher}', 'hard view, its target', 'as {student} sees it, its answer')
INVALID = (128, 128, 128)
INK, PAPER = (20, 20, 20), (255, 255, 255)
SURE = 0.2  # Scores above are of joints that a network is sure of.
FONT, TEXT_SCALE, LINE_HEIGHT = cv2.FONT_HERSHEY_SIMPLEX, 0.42, 18
MANY_JOINTS = 40  # Beyond, marks are smaller.
SHEET_NOTE = f"""Dots and rings: the joints, in the colours of the legend below the pictures. A dot where a network's
score is above {SURE}, a ring where it is not, split where several joints lie in one place; joints outside of a picture
are left out. Blue to red: how sure a network is of any joint. Grey: the easy view did not show this, so nothing is
taught there. Left and right are as a view shows them: a mirrored view swaps them."""

# Hues in degrees of the colours that are chosen here: left is cool and right is warm, as in most metainfo.
COOL, WARM, ANY = range(120, 260, 6), [*range(306, 360, 6), *range(0, 60, 6)], range(0, 360, 6)
LIKE = 100  # Colours that differ by less, added up over red, green and blue, are not told from each other.


def lesson_sheet(model, num_instances: int, metainfo: dict) -> np.ndarray:
    """Draw the lessons of the model's last recorded step.

    Args:
        model (MutualTeachingPoseEstimator): With ``records``.
        num_instances (int): At most how many instances to show.
        metainfo (dict): The dataset's: ``keypoint_colors``, ``keypoint_id2name`` and ``flip_indices`` are used.

    Returns:
        np.ndarray: RGB image in shape (H, W, 3), uint8: a row an instance, three columns a lesson on a path, below
        them a legend of the joints.
    """
    colours = joint_colours(metainfo)
    blocks = []
    for record in model.records:
        lesson, adapter = record.lesson, record.adapter
        count = min(num_instances, len(record.easy))
        easy, hard = adapter.in_view(record.easy[:count]), adapter.in_view(record.hard[:count])
        size = easy.shape[-1], easy.shape[-2]
        easy, hard = as_pictures(model, easy), as_pictures(model, hard)
        prediction, answer = first_instances(record.prediction, count), first_instances(record.answer, count)
        target = Target(
            *[_first(part, count) for part in (record.target.value, record.target.valid, record.target.weight)]
        )
        known = adapter.known(target, size)
        columns = []
        for images, heat, (joints, scores), asked in (
            (easy, adapter.heat(prediction, size), adapter.joints(prediction), False),
            (hard, adapter.target_heat(target, size), adapter.target_joints(target), True),
            (hard, adapter.heat(answer, size), adapter.joints(answer), False),
        ):
            scores = joints.new_ones(joints.shape[:2]) if scores is None else scores  # Some kinds tell none.
            if asked:
                joints = joints.masked_fill(~in_target(target, joints, known)[..., None], float('nan'))
            shown = known if asked and known is not None else [None] * count
            each_joint = np.resize(colours, (joints.shape[1], 3))  # Of each instance.
            columns.append(
                [
                    tile(image, warmth, places, sureness, each_joint, part)
                    for image, warmth, places, sureness, part in zip(images, heat, joints, scores, shown)
                ]
            )
        who = lesson.who if len(lesson.teachers) < 3 else f'{lesson.combine} of {len(lesson.teachers)}'
        who += f', path {record.path + 1}' if len(model.paths) > 1 else ''
        titles = [title.format(teacher=who, student=lesson.student) for title in TITLES]
        rows = [[caption(text, columns[0][0].shape[1]) for text in titles], *zip(*columns)]
        blocks.append(np.concatenate([np.concatenate(row, axis=1) for row in rows], axis=0))
    sheet = np.concatenate(blocks, axis=1)
    names = [metainfo['keypoint_id2name'][index] for index in range(len(colours))]
    return np.concatenate([sheet, legend(names, colours, sheet.shape[1])])


def _first(part: Any, count: int) -> Any:
    """The part of a target that belongs to the first instances, or None where the target has no such part."""
    return None if part is None else first_instances(part, count)


def as_pictures(model, images: Tensor) -> np.ndarray:
    """Undo the normalisation.

    Args:
        model (MutualTeachingPoseEstimator): Knows its data preprocessor.
        images (Tensor): Normalised images in shape (N, C, H, W).

    Returns:
        np.ndarray: RGB images in shape (N, H, W, 3), uint8.
    """
    stock = model.data_preprocessor.data_preprocessor
    pictures = compat.unnormalized(stock, images).clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
    return pictures if compat.turns_channels(stock) else pictures[..., ::-1]


def in_target(target: Target, joints: Tensor, known: Optional[Tensor]) -> Tensor:
    """Which joints a target has: those that left the hard view, or come from outside of the easy view, have no place.

    Args:
        target (Target): The target.
        joints (Tensor): Its joints (x, y) in pixels of the hard view in shape (N, K, 2).
        known (Tensor, optional): Pixels with a valid target in shape (N, H, W), bool; None if joints are valid or not.

    Returns:
        Tensor: In shape (N, K), bool.
    """
    if known is None:
        return target.valid
    last = joints.new_tensor([known.shape[2] - 1, known.shape[1] - 1])
    x, y = joints.nan_to_num().round().clamp(min=0).minimum(last).long().unbind(dim=-1)
    return known[torch.arange(len(known), device=known.device)[:, None], y, x]


def tile(
    image: np.ndarray, heat: Tensor, joints: Tensor, scores: Tensor, colours: np.ndarray, known: Optional[Tensor] = None
) -> np.ndarray:
    """One picture: an image, heat over it, a mark on each joint, grey where the target is unknown.

    Args:
        image (np.ndarray): RGB image in shape (H, W, 3), uint8.
        heat (Tensor): Heat in shape (H, W), 0 to 1.
        joints (Tensor): Joints (x, y) in pixels of the image in shape (K, 2). Those that lie outside of it, or nowhere
            (NaN), are not drawn.
        scores (Tensor): Their scores in shape (K,).
        colours (np.ndarray): Their RGB colours in shape (K, 3), uint8.
        known (Tensor, optional): Pixels with a valid target in shape (H, W), bool.

    Returns:
        np.ndarray: RGB image, ``TILE_HEIGHT`` high, uint8.
    """
    warmth = heat.float().clamp(0, 1).cpu().numpy()
    strength = np.clip(warmth - 0.15, 0, 0.6)[..., None]  # Weak heat would only hide the picture.
    picture = image * (1 - strength) + heat_colours(warmth) * strength
    if known is not None:
        picture = np.where(known.cpu().numpy()[..., None], picture, 0.5 * picture + 0.5 * np.array(INVALID))
    height, width = image.shape[:2]
    zoom = TILE_HEIGHT / height
    size = (round(width * zoom), TILE_HEIGHT)
    # Pixel centres at integers: the map must be scaled about them, which cv2.resize does not do.
    scale = np.array([[zoom, 0.0, 0.0], [0.0, zoom, 0.0]])
    picture = cv2.warpAffine(picture.astype(np.uint8), scale, size, borderMode=cv2.BORDER_REPLICATE)
    points, sureness = joints.float().cpu().numpy(), scores.float().cpu().numpy()
    inside = ((points > -0.5) & (points < (width - 0.5, height - 0.5))).all(axis=1)
    radius = mark_radius(len(points))
    for filled in (False, True):  # Dots lie in rings where both are in one place.
        places: Dict[Tuple[int, int], List[int]] = {}
        for index in np.flatnonzero(inside & ((sureness > SURE) == filled)):
            places.setdefault(tuple(np.round(points[index] * zoom).astype(int)), []).append(index)
        for indices in places.values():
            mark(picture, points[indices].mean(axis=0) * zoom, colours[indices], filled, radius)
    return cv2.copyMakeBorder(picture, 0, 2, 0, 2, cv2.BORDER_CONSTANT, value=PAPER)


def heat_colours(heat: np.ndarray) -> np.ndarray:
    """RGB colours of heat, 0 to 1, in shape (H, W, 3): blue is cold and red is hot."""
    return cv2.cvtColor(cv2.applyColorMap((heat * 255).astype(np.uint8), cv2.COLORMAP_JET), cv2.COLOR_BGR2RGB)


def mark(picture: np.ndarray, centre: Sequence[float], colours: np.ndarray, filled: bool, radius: float) -> None:
    """Draw a dot or a ring with a dark edge, so that it is seen on anything.

    Args:
        picture (np.ndarray): RGB image, drawn on.
        centre (Sequence[float]): Where (x, y), in pixels; parts of pixels count.
        colours (np.ndarray): RGB colours of the joints there in shape (N, 3), which share it like slices of a cake.
        filled (bool): A dot, or else a ring around the place of the dot.
        radius (float): The dot's, without the edge.
    """
    place = tuple(round(float(value) * 16) for value in centre)
    outer, width = (radius + 1.2, -1) if filled else (radius + 2.8, 1)
    cv2.circle(picture, place, round(outer * 16), INK, width, cv2.LINE_AA, shift=4)
    size = (round((radius if filled else radius + 1.5) * 16),) * 2
    slices = 360 / len(colours)
    for number, colour in enumerate(colours.tolist()):
        cv2.ellipse(
            picture,
            place,
            size,
            -90,
            number * slices,
            (number + 1) * slices,
            colour,
            -1 if filled else 2,
            cv2.LINE_AA,
            shift=4,
        )


def mark_radius(count: int) -> float:
    """The radius of the marks of so many joints."""
    return 3.5 if count <= MANY_JOINTS else 2.5


def joint_colours(metainfo: dict) -> np.ndarray:
    """The metainfo's colours, and our own for joints that those do not tell from their mirror images.

    Args:
        metainfo (dict): The dataset's ``keypoint_colors``, ``keypoint_id2name`` and ``flip_indices``.

    Returns:
        np.ndarray: RGB colours in shape (K, 3), uint8: of those chosen here, left is cool, right is warm and what has
        no side is grey.
    """
    colours = np.array(metainfo['keypoint_colors'], dtype=np.int64)
    mirror, order = np.array(metainfo['flip_indices']), np.arange(len(colours))
    alone = mirror == order
    replaced = ~alone & (np.abs(colours - colours[mirror]).sum(axis=1) < LIKE)
    # A colour that has to go from a pair would be mistaken for it on a joint without a side.
    replaced |= alone & (colours[:, None] == colours[replaced]).all(axis=2).any(axis=1)
    if alone.all() and (colours == colours[0]).all():
        replaced[:] = True
    palettes = dict(left=_palette(COOL), right=_palette(WARM), none=_palette(ANY if alone.all() else None))
    taken = colours[~replaced]
    for index in np.flatnonzero(replaced):
        palette = palettes[_side(index, mirror[index], metainfo['keypoint_id2name'][index])]
        # What is least like all that is taken, so that joints differ within a side as well.
        distance = np.linalg.norm(palette[:, None] - taken, axis=2).min(axis=1, initial=np.inf)
        colours[index] = palette[distance.argmax()]
        taken = np.concatenate([taken, colours[index : index + 1]])
    return colours.astype(np.uint8)


def _side(index: int, mirror: int, name: str) -> str:
    """The side of a joint by its name; where no name tells, the first of a pair is left."""
    if index == mirror:
        return 'none'
    for side in ('left', 'right'):
        if side in name.lower():
            return side
    return 'left' if index < mirror else 'right'


def _palette(hues: Optional[Sequence[int]]) -> np.ndarray:
    """RGB colours of some hues in degrees, or greys, in shape (N, 3)."""
    if hues is None:
        return np.repeat(np.arange(255, 95, -10)[:, None], 3, axis=1)
    hsv = [(hue, saturation, value) for value in (1.0, 0.8, 0.65) for saturation in (1.0, 0.6) for hue in hues]
    return np.round(cv2.cvtColor(np.array([hsv], dtype=np.float32), cv2.COLOR_HSV2RGB)[0] * 255).astype(np.int64)


def legend(names: Sequence[str], colours: np.ndarray, width: int) -> np.ndarray:
    """Explain the marks, and tell the colour and the name of every joint, in as many columns as fit.

    Args:
        names (Sequence[str]): The joints' names.
        colours (np.ndarray): Their RGB colours in shape (K, 3), uint8.
        width (int): The picture's, in pixels.

    Returns:
        np.ndarray: RGB image, ``width`` wide, uint8.
    """
    grey, greys = [(150, 150, 150)], [(110, 110, 110), (200, 200, 200)]
    keys = [
        (f'score above {SURE}', grey, True),
        (f'score of {SURE} or less', grey, False),
        ('joints in one place', greys, True),
    ]
    return np.concatenate(
        [
            np.full((6, width, 3), 255, dtype=np.uint8),
            _entries(keys, width),
            _entries([(name, [colour], True) for name, colour in zip(names, colours)], width),
        ]
    )


def _entries(entries: Sequence[Tuple[str, Sequence[Sequence[int]], bool]], width: int) -> np.ndarray:
    """Marks (their colours, and whether they are filled) with text behind them, column by column."""
    indent, gap = 22, 14
    longest = max(text_width(text) for text, _, _ in entries)
    scale = min(1.0, (width - indent) / longest) * TEXT_SCALE
    column = indent + int(longest * scale / TEXT_SCALE) + gap
    rows = -(-len(entries) // max(1, (width + gap) // column))
    strip = np.full((rows * LINE_HEIGHT + 4, width, 3), 255, dtype=np.uint8)
    for place, (text, colours, filled) in enumerate(entries):
        left, top = place // rows * column, place % rows * LINE_HEIGHT
        mark(strip, (left + 9, top + LINE_HEIGHT / 2), np.array(colours), filled, 4)
        cv2.putText(strip, text, (left + indent, top + 13), FONT, scale, INK, 1, cv2.LINE_AA)
    return strip


def text_width(text: str, scale: float = TEXT_SCALE) -> int:
    """How many pixels wide a line of text is."""
    return cv2.getTextSize(text, FONT, scale, 1)[0][0]


def caption(text: str, width: int) -> np.ndarray:
    """A white strip with a line of text, ``width`` pixels wide."""
    strip = np.full((22, width, 3), 255, dtype=np.uint8)
    scale = TEXT_SCALE
    while text_width(text, scale) > width - 8:
        scale *= 0.9
    cv2.putText(strip, text, (4, 15), FONT, scale, INK, 1, cv2.LINE_AA)
    return strip
