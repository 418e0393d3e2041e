# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Errors in one line."""

import os
import os.path as osp
import re
import traceback
from typing import Optional

import mmpose_dualteach


def own_message(error: BaseException) -> Optional[str]:
    """The message of an error that this package raised and that explains itself, or None for any other."""
    if not isinstance(error, (ValueError, OSError, RuntimeError)):
        return None
    message, files = str(error), [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    if 'in DataLoader worker process' in message:  # torch wraps an error of a loader's worker, its traceback included.
        files = re.findall(r'^  File "(.+?)", line', message, flags=re.M)
        message = message.strip().splitlines()[-1].partition(': ')[2]
    folder = osp.dirname(osp.abspath(mmpose_dualteach.__file__)) + os.sep
    return message if files and osp.abspath(files[-1]).startswith(folder) else None


def one_line(error: BaseException) -> str:
    """Any error in one line: its kind and the first line of what it says; of an import the module that is missing."""
    inner = error.__cause__ or error.__context__
    if isinstance(error, ImportError) and isinstance(inner, ImportError):
        return one_line(inner)
    said = str(error).strip().splitlines()
    return f'{type(error).__name__}: {said[0]}' if said else type(error).__name__
