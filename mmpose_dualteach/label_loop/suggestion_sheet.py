# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""A look at what is suggested, and at what each network makes of it."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Sequence

import cv2
import mmcv
import numpy as np

from mmpose_dualteach.label_loop.coco import names_of
from mmpose_dualteach.label_loop.looking import Look
from mmpose_dualteach.visualization.lesson_sheet import INK, joint_colours, mark, mark_radius
from mmpose_dualteach.visualization.report.page import Picture, write_report

SIDE, BESIDE = 360, 0.15  # Pixels of a picture's longer side; what is shown beside a box, of its longer side.


@dataclass(frozen=True)
class Suggestion:
    """An instance, or image, to be labelled.

    Attributes:
        rank (int): From 1.
        line (dict): What is seen of it, see :meth:`Look.lines`.
        disagreement (float): How far networks see its joints apart, in shares of its longer side.
        reason (str): Why it was chosen.
    """

    rank: int
    line: dict
    disagreement: float
    reason: str


def write_sheet(suggestions: Sequence[Suggestion], look: Look, path: str) -> None:
    """Write a page with a picture of each instance: dots are the joints as the first network sees them, rings as the
    others do, joined by a line.

    Args:
        suggestions (Sequence[Suggestion]): What was chosen.
        look (Look): At what.
        path (str): The HTML file.
    """
    unlabeled = look.instances.unlabeled
    colours = joint_colours(dict(unlabeled.metainfo, flip_indices=unlabeled.own_metainfo['flip_indices']))
    networks = ', '.join(look.networks.peers)
    names = names_of(unlabeled)[1]  # Frames of several videos are told apart by their folders.
    with tempfile.TemporaryDirectory() as folder:
        pictures: List[Picture] = []
        for each in suggestions:
            file = Path(folder) / f'{each.rank}.jpg'
            mmcv.imwrite(_picture(each, look, colours)[..., ::-1], str(file))
            name = names[unlabeled.data_list.image_of_each[each.line['number']]]
            pictures.append(Picture(f'{each.rank}. {name}', file, each.reason))
        write_report(
            path,
            f'{len(suggestions)} instances to label next',
            f'Joints as networks see them ({networks}): dots are those of the first one, rings those of the others, '
            'joined by a line where they are of one joint. Long lines are what the networks do not know.',
            tables=[],
            charts=[],
            pictures=pictures,
        )


def _picture(suggestion: Suggestion, look: Look, colours: np.ndarray) -> np.ndarray:
    """RGB picture of an instance with a part of its surroundings."""
    instance = look.instances[suggestion.line['number']]
    (found,) = look.networks.predictions([instance['sample']])
    image = look.instances.read(suggestion.line['number'])[..., ::-1]
    height, width = image.shape[:2]
    left, top, right, bottom = suggestion.line['box']
    margin = BESIDE * max(right - left, bottom - top)
    left, top = max(0, int(left - margin)), max(0, int(top - margin))
    right, bottom = min(width, int(right + margin) + 1), min(height, int(bottom + margin) + 1)
    zoom = SIDE / max(right - left, bottom - top)
    # Pixel centres at integers: the map is scaled about them.
    scale = np.array([[zoom, 0.0, -zoom * left], [0.0, zoom, -zoom * top]])
    size = (round((right - left) * zoom), round((bottom - top) * zoom))
    picture = cv2.warpAffine(np.ascontiguousarray(image), scale, size, borderMode=cv2.BORDER_REPLICATE)
    joints: Dict[str, np.ndarray] = {
        name: (np.asarray(found[name].keypoints)[..., :2].reshape(-1, 2) - (left, top)) * zoom
        for name in look.networks.peers
    }
    first, *others = joints.values()
    each_joint = np.tile(colours, (len(first) // len(colours), 1))
    radius = mark_radius(len(first))
    for other in others:
        for one, another, colour in zip(first, other, each_joint) if len(other) == len(first) else ():
            start, end = (np.round(16 * place).astype(int).tolist() for place in (one, another))
            for shade, thick in ((INK, 3), (colour.tolist(), 1)):
                cv2.line(picture, start, end, shade, thick, cv2.LINE_AA, shift=4)
        for place, colour in zip(other, np.tile(colours, (len(other) // len(colours), 1))):
            mark(picture, place, colour[None], False, radius)
    for place, colour in zip(first, each_joint):
        mark(picture, place, colour[None], True, radius)
    return picture
