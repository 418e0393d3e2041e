# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Load mmengine's checkpoints as data, without letting a checkpoint run code.

Since version 2.6 torch refuses whatever it was not told of, and it was not told of what mmengine saves: numpy arrays
and the history of logged scalars. On import this module tells it, through torch's own ``add_safe_globals``. Everything
else in a file is still refused, by name. Older versions cannot be told; :func:`load_safely` refuses with them as well.
"""
import pickle
from importlib import import_module
from typing import Any, Dict

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from mmengine.utils import digit_version

from .restricted_pickle import load_restricted

_HISTORY_METHODS = ('min', 'max', 'current', 'mean')


def history_method(owner: type, name: str) -> object:
    """Stand for ``builtins.getattr`` in a checkpoint: answers for HistoryBuffer's own statistics and for nothing else.

    Raises:
        pickle.UnpicklingError: For anything else; names it.
    """
    if owner is HistoryBuffer and name in _HISTORY_METHODS:
        return getattr(HistoryBuffer, name)
    raise pickle.UnpicklingError(f'the checkpoint asks for getattr({owner!r}, {name!r})')


def _safe_globals() -> Dict[str, Any]:
    """What mmengine's checkpoints name, by name with its module."""
    # numpy 2 moved numpy.core to numpy._core; files of either kind are read with either.
    core = 'numpy._core' if int(np.__version__.split('.')[0]) > 1 else 'numpy.core'
    multiarray = import_module(f'{core}.multiarray')
    named = {'builtins.getattr': history_method}
    for package in ('numpy.core.multiarray', 'numpy._core.multiarray'):
        named.update({f'{package}._reconstruct': multiarray._reconstruct, f'{package}.scalar': multiarray.scalar})
    dtypes = [type(np.dtype(kind)) for kind in ('u1', 'i4', 'i8', 'f4', 'f8', '?')]
    for each in (HistoryBuffer, bytes, np.ndarray, np.dtype, *dtypes):
        named[f'{each.__module__}.{each.__qualname__}'] = each
    return named


def load_safely(path: str) -> dict:
    """Load a checkpoint as data, on the CPU.

    Args:
        path (str): A file that torch saved.

    Returns:
        dict: Its content.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no checkpoint, is truncated or asks for anything unexpected, which is named.
    """
    try:
        return _load(path)
    except pickle.UnpicklingError as error:
        reason = next((line.strip() for line in str(error).splitlines() if 'GLOBAL' in line or 'asks for' in line),
                      str(error).splitlines()[0])
        raise ValueError(f'checkpoint {path} is refused: {reason}') from None
    except (FileNotFoundError, PermissionError, IsADirectoryError):
        raise
    except Exception as error:  # What torch's reader stumbles over depends on where a file ends, and on what is in it.
        reason = (str(error) or type(error).__name__).splitlines()[0].split('. ')[0]
        raise ValueError(f'checkpoint {path} cannot be read, is it truncated? ({reason})') from None


def _load(path: str) -> Any:
    if TELL_TORCH:
        return torch.load(path, map_location='cpu', weights_only=True)
    return load_restricted(path, _safe_globals())


TELL_TORCH = digit_version(torch.__version__) >= digit_version('2.6')
if TELL_TORCH:
    torch.serialization.add_safe_globals([(each, name) for name, each in _safe_globals().items()])
