# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Load mmengine's checkpoints as data, without letting a checkpoint run code.

Since version 2.6 torch refuses whatever it was not told of, and it was not told of what mmengine saves: numpy arrays
and the history of logged scalars. On import this module tells it, through torch's own ``add_safe_globals``. Everything
else in a file is still refused, by name. Versions before 2.4 cannot be told: there files are loaded as stock MMPose
loads them.
"""

import pickle
import re
from typing import Any, Dict

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

from mmpose_dualteach import compat

HISTORY_METHODS = ('min', 'max', 'current', 'mean')
CAN_BE_TOLD = hasattr(torch.serialization, 'add_safe_globals')
# What torch says of a file that it refuses, and what is said here instead: torch's words advise to load it unsafely.
REASONS = (
    (r'GLOBAL (\S+)', 'it asks for {}'),
    (r'(asks for .*)', 'it {}'),
    (r"got (?:<class '|<function |<built-in function )?([\w.]+)", 'it builds an object by {}'),
    (
        r'Unsupported operand (\d+)',
        'it holds the pickle instruction {}, which no checkpoint has; name a file that torch saved',
    ),
    (r'(TorchScript)', 'it is a program of {}'),
    (r'legacy (\.tar) format', 'it is in the old {} format; save it again with torch 1.6 or later'),
)


def history_method(owner: type, name: str) -> object:
    """Stand for ``builtins.getattr`` in a checkpoint: answers for HistoryBuffer's own statistics and for nothing else.

    Raises:
        pickle.UnpicklingError: For anything else; names it.
    """
    if owner is HistoryBuffer and name in HISTORY_METHODS:
        return getattr(HistoryBuffer, name)
    raise pickle.UnpicklingError(f'asks for getattr({getattr(owner, "__name__", owner)!s}, {name!r})')


def load_safely(path: str) -> Any:
    """Load a checkpoint as data, on the CPU.

    Args:
        path (str): A file that torch saved.

    Returns:
        Any: Its content.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no checkpoint, is truncated or asks for anything unexpected, which is named.
    """
    try:
        return torch.load(path, map_location='cpu', **(dict(weights_only=True) if CAN_BE_TOLD else {}))
    except FileNotFoundError:
        raise FileNotFoundError(
            f'checkpoint {path} does not exist; those of a run are in its work directory, such as student_best.pth'
        ) from None
    except (PermissionError, IsADirectoryError):
        raise
    except Exception as error:  # What torch's reader stumbles over depends on where a file ends, and on what is in it.
        refused = isinstance(error, pickle.UnpicklingError)
        message = str(error).rpartition('WeightsUnpickler error: ')[2]  # Before it are words that "got" is among.
        for pattern, reason in REASONS:
            found = re.search(pattern, message)
            if found and (refused or 'weights_only' in str(error)):
                raise ValueError(f'checkpoint {path} is refused: {reason.format(found.group(1).rstrip("."))}') from None
        if refused:
            raise ValueError(
                f'checkpoint {path} is refused: it holds more than tensors and plain data, or is truncated'
            ) from None
        raise ValueError(
            f'checkpoint {path} cannot be read: it is truncated, or no file that torch saved ({type(error).__name__})'
        ) from None


def _safe_globals() -> Dict[str, Any]:
    """What mmengine's checkpoints name, by name with its module."""
    named: Dict[str, Any] = {'builtins.getattr': history_method, **compat.safe_numpy_globals()}
    dtypes = [type(np.dtype(kind)) for kind in ('u1', 'i4', 'i8', 'f4', 'f8', '?')]
    for each in (HistoryBuffer, bytes, np.ndarray, np.dtype, *dtypes):
        named[f'{each.__module__}.{each.__qualname__}'] = each
    return named


if CAN_BE_TOLD:
    compat.allow_in_checkpoints(_safe_globals())
