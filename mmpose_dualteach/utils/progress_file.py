# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Work over many images that goes on where it was interrupted."""

import hashlib
import json
import os
import os.path as osp
from typing import Any, Dict, List

from mmpose_dualteach.utils.file_io import atomic_write


def digest(text: str) -> str:
    """A checksum of a text, which may hold bytes that are no UTF-8."""
    return hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()


class Progress:
    """What has been found so far, a line of JSON an image or instance, behind a line that says by what.

    Args:
        path (str): The file.
        made_by (dict): By what.
        key (str): What tells lines apart. Defaults to ``'image_id'``.

    Raises:
        ValueError: If the file was made by something else.
    """

    def __init__(self, path: str, made_by: dict, key: str = 'image_id') -> None:
        self.path = path
        self.key = key
        self.done: Dict[Any, dict] = {}
        lines = []
        if osp.isfile(path):
            with open(path, encoding='utf-8') as file:
                # A line without an end is what an interruption left of it.
                try:
                    lines = [json.loads(line) for line in file if line.endswith('\n')]
                    self.done = {line[key]: line for line in lines[1:]}
                except (ValueError, TypeError, KeyError, RecursionError):
                    raise ValueError(f'{path} is no file of a call that was interrupted; remove it') from None
        if lines and lines[0] != made_by:
            raise ValueError(
                f'{path} was begun with another network, source or option; finish that call, remove the '
                'file, or choose another output'
            )
        os.makedirs(osp.dirname(osp.abspath(path)), exist_ok=True)
        with atomic_write(path) as file:
            file.writelines(json.dumps(line) + '\n' for line in (made_by, *self.done.values()))

    def write(self, lines: List[dict]) -> None:
        """Add lines; they are on the disk when this returns."""
        self.done.update({line[self.key]: line for line in lines})
        with open(self.path, 'a', encoding='utf-8') as file:
            file.writelines(json.dumps(line) + '\n' for line in lines)
            file.flush()
            os.fsync(file.fileno())
