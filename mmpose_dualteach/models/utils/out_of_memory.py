# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from contextlib import contextmanager
from typing import Dict, Iterator

import torch
from torch import Tensor

from mmpose_dualteach.utils.branches import EASY, LABELED


@contextmanager
def explain_out_of_memory(images: Dict[str, Tensor], half: bool) -> Iterator[None]:
    """Say what can be made smaller where a step does not fit into a GPU's memory.

    Args:
        images (Dict[str, Tensor]): Input images of each branch in shape (N, C, H, W).
        half (bool): Whether the step is in half precision.

    Raises:
        torch.cuda.OutOfMemoryError: The same error with that.
    """
    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        labeled, unlabeled = len(images[LABELED]), len(images.get(EASY, ()))
        height, width = images[LABELED].shape[-2:]
        size = f'instances of {width}x{height} pixels'
        if unlabeled:
            held = f'{labeled} labelled and {unlabeled} unlabelled {size}'
            first = (
                f'lower the {"labelled" if labeled > unlabeled else "unlabelled"} part of the batch first '
                f'(batch=({labeled}, {unlabeled}) of mutual_teaching, --batch)'
            )
        else:
            held, first = f'{labeled} labelled {size}', 'lower the batch first (--batch, train_dataloader.batch_size)'
        raise torch.cuda.OutOfMemoryError(
            f'out of memory with {held}: {first}, then use {"" if half else "half precision by --amp, or "}smaller '
            f"views (the codec's input_size). What was saved stays; go on with --resume. torch says: {error}"
        ) from None
