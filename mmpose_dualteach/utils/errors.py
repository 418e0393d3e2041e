# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Errors in one line."""

import errno
import os
import os.path as osp
import re
import traceback
from typing import Optional

from mmengine.runner import CheckpointLoader

import mmpose_dualteach
from mmpose_dualteach.utils.file_io import UNFINISHED

# What the system says of a file, and what to do.
OF_FILES = {
    errno.ENOENT: 'does not exist; name one that does',
    errno.EEXIST: 'is there already, and no folder; name another one, or remove it',
    errno.ENOTDIR: 'lies below what is no folder; name another one',
    errno.EISDIR: 'is a folder; name a file',
}


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


def of_file(error: OSError) -> str:
    """What is wrong with a file, in one line that names it."""
    if error.filename is None or error.errno not in OF_FILES:
        return str(error)
    name = os.fsdecode(error.filename).partition(UNFINISHED)[0]
    return f'{name} {OF_FILES[error.errno]}'


def of_weights(error: BaseException) -> Optional[str]:
    """What is wrong with weights that mmengine was loading, in one line that names them, or None for any other
    error."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_code is CheckpointLoader.load_checkpoint.__code__:
            name = frame.f_locals['filename']
            if isinstance(error, RuntimeError) and 'out of memory' in str(error):
                return None
            if isinstance(error, KeyError):
                return f'weights {name}: there are none of that name; name others in init_cfg or load_from'
            if isinstance(error, OSError) and '://' in str(name) and not isinstance(error, FileNotFoundError):
                return (
                    f'weights {name} cannot be fetched ({one_line(error)}); download them where they can be, and name '
                    'the file in init_cfg or load_from, or set that to None'
                )
            if isinstance(error, FileNotFoundError):
                return f'weights {name} do not exist; name a file that does in init_cfg or load_from'
            return f'weights {name} cannot be read ({one_line(error)}); name another file in init_cfg or load_from'
    return None


def one_line(error: BaseException) -> str:
    """Any error in one line: its kind and the first line of what it says; of an import the module that is missing."""
    inner = error.__cause__ or error.__context__
    if isinstance(error, ImportError) and isinstance(inner, ImportError):
        return one_line(inner)
    said = str(error).strip().splitlines()
    return f'{type(error).__name__}: {said[0]}' if said else type(error).__name__
