# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Pictures of lessons, for people to look at."""
from typing import Optional

import cv2
import numpy as np
from torch import Tensor

from mmpose_dualteach.models.adapters.base import Target, first_people

TILE_HEIGHT = 224
TITLES = ('easy view, teacher {teacher}', 'hard view, its target', 'as {student} sees it, its answer')
INVALID = (128, 128, 128)
SHEET_NOTE = '''Colour: how sure a network is of any joint. Dots: the joints it is surest of. Grey: the easy view did
not show this, so nothing is taught there.'''


def lesson_sheet(model, people: int) -> np.ndarray:
    """Draw the lessons of the model's last recorded step.

    Args:
        model (MutualTeachingPoseEstimator): With ``records``.
        people (int): At most how many people to show.

    Returns:
        np.ndarray: RGB image in shape (H, W, 3), uint8: a row a person, three columns a lesson.
    """
    blocks = []
    for record in model.records:
        lesson, adapter = record.lesson, model.adapter
        count = min(people, len(record.easy))
        size = record.easy.shape[-1], record.easy.shape[-2]
        easy, hard = as_pictures(model, record.easy[:count]), as_pictures(model, record.hard[:count])
        prediction, answer = first_people(record.prediction, count), first_people(record.answer, count)
        target = Target(*[part if part is None else first_people(part, count)
                          for part in (record.target.value, record.target.valid, record.target.weight)])
        columns = []
        for images, heat, (joints, scores), known in (
                (easy, adapter.heat(prediction, size), adapter.joints(prediction), None),
                (hard, adapter.target_heat(target, size), adapter.target_joints(target), adapter.known(target, size)),
                (hard, adapter.heat(answer, size), adapter.joints(answer), None)):
            scores = joints.new_ones(joints.shape[:2]) if scores is None else scores
            columns.append([
                tile(images[i], heat[i], joints[i], scores[i], None if known is None else known[i])
                for i in range(count)
            ])
        teacher = f'average of {lesson.teacher}' if lesson.average else lesson.teacher
        titles = [title.format(teacher=teacher, student=lesson.student) for title in TITLES]
        rows = [[caption(text, columns[0][0].shape[1]) for text in titles], *zip(*columns)]
        blocks.append(np.concatenate([np.concatenate(row, axis=1) for row in rows], axis=0))
    return np.concatenate(blocks, axis=1)


def as_pictures(model, images: Tensor) -> np.ndarray:
    """Undo the normalisation.

    Args:
        model (MutualTeachingPoseEstimator): Knows its data preprocessor.
        images (Tensor): Normalised images in shape (N, C, H, W).

    Returns:
        np.ndarray: RGB images in shape (N, H, W, 3), uint8.
    """
    stock = model.data_preprocessor.data_preprocessor
    images = images.float().cpu()
    if getattr(stock, '_enable_normalize', False):
        images = images * stock.std.cpu() + stock.mean.cpu()
    images = images.clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
    return images if stock._channel_conversion else images[..., ::-1]


def tile(image: np.ndarray, heat: Tensor, joints: Tensor, scores: Tensor, known: Optional[Tensor]) -> np.ndarray:
    """One picture: an image, heat over it, a dot on each joint that is seen, grey where the target is unknown.

    Args:
        image (np.ndarray): RGB image in shape (H, W, 3), uint8.
        heat (Tensor): Heat in shape (H, W), 0 to 1.
        joints (Tensor): Joints (x, y) in pixels of the image in shape (K, 2).
        scores (Tensor): Their scores in shape (K,).
        known (Tensor, optional): Pixels with a valid target in shape (H, W), bool.

    Returns:
        np.ndarray: RGB image, ``TILE_HEIGHT`` high, uint8.
    """
    heat = heat.float().clamp(0, 1).cpu().numpy()[..., None]
    colour = cv2.cvtColor(cv2.applyColorMap((heat * 255).astype(np.uint8), cv2.COLORMAP_JET), cv2.COLOR_BGR2RGB)
    strength = np.clip(heat - 0.15, 0, 0.6)  # Weak heat would only hide the picture.
    picture = image * (1 - strength) + colour * strength
    if known is not None:
        picture = np.where(known.cpu().numpy()[..., None], picture, 0.5 * picture + 0.5 * np.array(INVALID))
    zoom = TILE_HEIGHT / image.shape[0]
    size = (round(image.shape[1] * zoom), TILE_HEIGHT)
    # Pixel centres at integers: the map must be scaled about them, which cv2.resize does not do.
    scale = np.array([[zoom, 0., 0.], [0., zoom, 0.]])
    picture = cv2.warpAffine(picture.astype(np.uint8), scale, size, borderMode=cv2.BORDER_REPLICATE)
    for (x, y), score in zip(joints.cpu().numpy() * zoom, scores.cpu().numpy()):
        if score > 0.2:
            cv2.circle(picture, (round(float(x)), round(float(y))), 3, (255, 255, 255), -1, cv2.LINE_AA)
            cv2.circle(picture, (round(float(x)), round(float(y))), 2, (220, 20, 60), -1, cv2.LINE_AA)
    return cv2.copyMakeBorder(picture, 0, 2, 0, 2, cv2.BORDER_CONSTANT, value=(255, 255, 255))


def caption(text: str, width: int) -> np.ndarray:
    """A white strip with a line of text, ``width`` pixels wide."""
    strip = np.full((22, width, 3), 255, dtype=np.uint8)
    scale = 0.42
    while cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)[0][0] > width - 8:
        scale *= 0.9
    cv2.putText(strip, text, (4, 15), cv2.FONT_HERSHEY_SIMPLEX, scale, (20, 20, 20), 1, cv2.LINE_AA)
    return strip
