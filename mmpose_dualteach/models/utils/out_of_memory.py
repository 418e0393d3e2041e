# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from contextlib import contextmanager
from typing import Dict, Iterator

import torch
from torch import Tensor

from mmpose_dualteach.utils.branches import EASY, LABELED


@contextmanager
def explain_out_of_memory(images: Dict[str, Tensor]) -> Iterator[None]:
    """Say what can be made smaller where a step does not fit into a GPU's memory.

    Args:
        images (Dict[str, Tensor]): Input images of each branch in shape (N, C, H, W).

    Raises:
        torch.cuda.OutOfMemoryError: The same error with that.
    """
    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        labeled, unlabeled = len(images[LABELED]), len(images[EASY])
        height, width = images['labeled'].shape[-2:]
        halves = 'half precision is on already' if torch.is_autocast_enabled() else 'half precision by --amp'
        raise torch.cuda.OutOfMemoryError(
            f'out of memory with {labeled} labelled and {unlabeled} unlabelled instances of {width}x{height} pixels: '
            f'{"lower the labelled" if labeled > unlabeled else "lower the unlabelled"} part of the batch first '
            f'(batch=({labeled}, {unlabeled}) of mutual_teaching, --batch), then use {halves}, or smaller views (the '
            f"codec's input_size). What was saved stays; go on with --resume. torch says: {error}"
        ) from None
