# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What networks see in one box of one image."""

from typing import Callable, Optional, Tuple

import numpy as np
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope
from mmpose.apis.inference import dataset_meta_from_config

from mmpose_dualteach.label_loop.instances import pipeline_of_test
from mmpose_dualteach.label_loop.networks import Networks


def seen_in_box(
    config: Config, checkpoint: str, network: Optional[str] = None, device: Optional[str] = None
) -> Callable[[np.ndarray, np.ndarray], Tuple[np.ndarray, np.ndarray]]:
    """A function from an image (H, W, 3), BGR, and a box (left, top, right, bottom) in its pixels to joints (K, 2), in
    the same pixels, and their scores (K,).

    Args:
        config (Config): A switched config, or the stock one of an ordinary checkpoint.
        checkpoint (str): The checkpoint.
        network (str, optional): Who answers, see :class:`Networks`.
        device (str, optional): Defaults to a GPU if there is one.

    Raises:
        FileNotFoundError: If the checkpoint is missing.
        ValueError: If the checkpoint is none of the config, or its networks need no box.
    """
    init_default_scope('mmpose')
    networks = Networks(config, checkpoint, network, device)
    if networks.finds_instances:
        raise ValueError(f'{checkpoint} finds all instances of an image by itself and needs no boxes')
    pipeline = Compose(pipeline_of_test(config))
    meta = dataset_meta_from_config(config, dataset_mode='test') or {}

    def see(image: np.ndarray, box: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        info = dict(img=image, bbox=box[None].astype(np.float32), bbox_score=np.ones(1, np.float32), **meta)
        seen = networks.see([pipeline(info)])[0]
        return seen.joints[0], seen.scores[0]

    return see
