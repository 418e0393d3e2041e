# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Which checkpoint an interrupted run can go on from."""

import os
import os.path as osp
from glob import escape, glob
from typing import Dict, List, Optional, Tuple

from mmengine.fileio import get
from torch import Tensor

from mmpose_dualteach.datasets.sources.files import is_local
from mmpose_dualteach.engine.checkpoints.safe_loading import load_safely
from mmpose_dualteach.utils.file_io import atomic_write


def local_copy(path: str, folder: str) -> str:
    """Bring a checkpoint from elsewhere, ``s3://`` or ``https://`` for instance, to this machine.

    It is loaded from there, since what a server gives the second time need not be what was checked the first time.

    Args:
        path (str): A path of any of mmengine's storage backends.
        folder (str): The folder to copy to.

    Returns:
        str: ``path`` if it is on this machine already, else the copy's path.

    Raises:
        ValueError: If it cannot be fetched; names it.
    """
    if is_local(path):
        return path
    copy = osp.join(folder, 'resumed_from', osp.basename(path))
    try:
        content = get(path)
    except Exception as error:  # Whatever the backend's client raises.
        raise ValueError(f'checkpoint {path} cannot be fetched ({type(error).__name__}: {error})') from error
    os.makedirs(osp.dirname(copy), exist_ok=True)
    with atomic_write(copy, binary=True) as file:
        file.write(content)
    return copy


def find_resumable(folder: str, first: Optional[str], weights: Dict[str, Tensor]) -> Tuple[Optional[str], List[str]]:
    """Find the checkpoint to go on from: the first wanted, else the newest of the folder that is whole.

    Args:
        folder (str): The folder of checkpoints.
        first (str, optional): The one to try first.
        weights (Dict[str, Tensor]): State dict of the model that is to go on.

    Returns:
        tuple: The checkpoint's path or None, and why those tried before it cannot be used, a line each.
    """
    others = [path for path in glob(osp.join(escape(folder), '*.pth')) if path != first]
    refused: List[str] = []
    for path in ([first] if first else []) + sorted(others, key=osp.getmtime, reverse=True):
        try:
            _check(path, weights)
            return path, refused
        except (ValueError, OSError) as error:
            refused.append(str(error))
    return None, refused


def _check(path: str, weights: Dict[str, Tensor]) -> None:
    if not osp.isfile(path):
        raise ValueError(f'checkpoint {path} does not exist')
    checkpoint = load_safely(path)
    state = checkpoint.get('state_dict') if isinstance(checkpoint, dict) else None
    meta = checkpoint.get('meta') if isinstance(checkpoint, dict) else None
    if not isinstance(state, dict) or not isinstance(meta, dict) or not {'epoch', 'iter'} <= set(meta):
        raise ValueError(f'checkpoint {path} is none of a training run')
    if 'optimizer' not in checkpoint:
        raise ValueError(f'checkpoint {path} has no optimizer state, so no run can go on from it')
    shapes = {key: tuple(getattr(value, 'shape', ())) for key, value in state.items()}
    wanted = {key: tuple(value.shape) for key, value in weights.items()}
    if shapes != wanted:
        odd = sorted(key for key in {*shapes, *wanted} if shapes.get(key) != wanted.get(key))
        raise ValueError(f'checkpoint {path} is of another model: {len(odd)} weights differ, {odd[0]} for instance')
