# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""A look at the easy and hard views before training."""

from typing import Dict, Optional, Tuple

import cv2
import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import set_random_seed
from mmpose.registry import DATASETS

from mmpose_dualteach import geometry
from mmpose_dualteach.datasets.datasets.unlabeled_pose_dataset import UnlabeledPoseDataset
from mmpose_dualteach.utils.branches import EASY, HARD
from mmpose_dualteach.visualization.lesson_sheet import TILE_HEIGHT, caption

COLOURS = {'box': (255, 255, 255), EASY: (60, 180, 75), HARD: (230, 60, 50)}
BLOCKS = 2  # Columns of instances.
LEGEND = 'white: the box; green and red: what the easy and the hard views cut out, their upper edges thick'


def pair_sheet(config: Config, num_instances: int = 12, seed: int = 0) -> np.ndarray:
    """Draw pairs of views exactly as the networks get them, but for Joint Cutout, which needs a teacher.

    Args:
        config (Config): A switched config.
        num_instances (int): How many, drawn at random. Defaults to 12.
        seed (int): Of instances and views. Defaults to 0.

    Returns:
        np.ndarray: BGR image in shape (H, W, 3), uint8: of each instance the image with its box (white) and what the
        easy (green) and the hard view (red) cut out of it, and each view: further easy ones, and those of a network
        that sees images of its own, bear their branch's name.
    """
    init_default_scope('mmpose')
    set_random_seed(seed)
    dataset: UnlabeledPoseDataset = DATASETS.build(config.train_dataloader.dataset.unlabeled)
    chosen = np.random.default_rng(seed).choice(len(dataset), min(num_instances, len(dataset)), replace=False)
    tiles = [_tiles(dataset, int(index)) for index in chosen]
    widths = [max(tile.shape[1] for tile in column) for column in zip(*[row.values() for row in tiles])]
    rows = [
        np.concatenate(
            [
                np.concatenate([caption(title, width), _padded(tile, width)])
                for (title, tile), width in zip(row.items(), widths)
            ],
            axis=1,
        )
        for row in tiles
    ]
    height = -(-len(rows) // BLOCKS)
    rows += [np.full_like(rows[0], 255)] * (-len(rows) % height)
    sheet = np.concatenate(
        [np.concatenate(rows[start : start + height], axis=0) for start in range(0, len(rows), height)], axis=1
    )
    return np.concatenate([caption(LEGEND, sheet.shape[1]), sheet])


def _tiles(dataset: UnlabeledPoseDataset, index: int) -> Dict[str, np.ndarray]:
    """The pictures of an instance by title."""
    sample = dataset[index]
    views = {name: view.metainfo for name, view in sample['data_samples'].items() if view is not None}
    path = views[EASY]['img_path']
    info = dataset.get_data_info(index)
    image = dataset.image_reader().read(path, dataset.data_list.listed_size(index))
    replaced = 'skipped' in views[EASY]
    title = path.rpartition('/')[2] + (', in place of one that does not load' if replaced else '')
    return {
        title: _original(image, None if replaced else info.get('bbox'), views),
        **{
            f'{name} view': _scaled(np.ascontiguousarray(sample['inputs'][name].permute(1, 2, 0).numpy()))[0]
            for name in views
        },
    }


def _original(image: np.ndarray, box: Optional[np.ndarray], views: dict) -> np.ndarray:
    """The whole image, with lines as thick on every size of image."""
    picture, zoom = _scaled(image)
    if box is not None:
        left, top, right, bottom = np.round(box[0] * zoom).astype(int).tolist()
        cv2.rectangle(picture, (left, top), (right, bottom), COLOURS['box'], 2, cv2.LINE_AA)
    for name, view in views.items():
        width, height = view['input_size']
        corners = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], dtype=np.float64)
        back = geometry.invert(view['view_matrix'])
        outline = np.round((corners @ back[:, :2].T + back[:, 2]) * zoom).astype(np.int32)
        colour = COLOURS[HARD if name.startswith(HARD) else EASY][::-1]
        cv2.polylines(picture, [outline], True, colour, 2, cv2.LINE_AA)
        cv2.line(picture, tuple(outline[0].tolist()), tuple(outline[1].tolist()), colour, 5, cv2.LINE_AA)
    return picture


def _scaled(image: np.ndarray) -> Tuple[np.ndarray, float]:
    zoom = min(TILE_HEIGHT / image.shape[0], 2 * TILE_HEIGHT / image.shape[1])
    size = (max(1, round(image.shape[1] * zoom)), max(1, round(image.shape[0] * zoom)))
    picture = cv2.resize(image, size, interpolation=cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR)
    return picture, zoom


def _padded(picture: np.ndarray, width: int) -> np.ndarray:
    """A picture in a place of a width, with a white edge to the next one."""
    below, beside = TILE_HEIGHT - picture.shape[0], width - picture.shape[1]
    picture = cv2.copyMakeBorder(picture, 0, below + 2, 0, beside, cv2.BORDER_CONSTANT, value=(255, 255, 255))
    picture[:, -2:] = 255
    return picture
