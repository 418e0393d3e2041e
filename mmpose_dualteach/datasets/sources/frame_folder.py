# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Frames of a video that were written as JPEG files."""

import hashlib
import os
import os.path as osp
import tempfile
from contextlib import contextmanager
from typing import Any, Dict, Iterator, Optional, Sequence, Tuple

from mmengine.fileio import load

from mmpose_dualteach.utils.file_io import dump_json

INDEX = 'frames.json'
PROBE = 1 << 16  # Bytes.


class FrameFolder:
    """The folder of a video's frames, ``ROOT/clip.mp4/00000120.jpg`` and so on, with an index of what was chosen.

    Frames are added and never changed nor removed: labels may name them, and another run may be reading them.

    Args:
        root (str): The folder of all videos' frames.
        name (str): The video's name in its own folder.
        video (str): Its path.

    Raises:
        ValueError: If the folder is there and not of this video; names it.
        OSError: If the video cannot be read.
    """

    def __init__(self, root: str, name: str, video: str) -> None:
        self._root = root
        self._path = osp.join(root, name)
        self._video = fingerprint(video)
        if osp.exists(self._path) and self._index().get('video') != self._video:
            raise ValueError(
                f'{self._path} is there and not made from the video {name}; name another folder for frames'
            )

    def file(self, number: int) -> str:
        """The path of a frame, whether it is there or not."""
        return osp.join(self._path, file_name(number))

    def has(self, numbers: Sequence[int]) -> bool:
        """Whether these frames are all there."""
        return osp.isdir(self._path) and {file_name(number) for number in numbers} <= set(os.listdir(self._path))

    def found(self, chosen: dict) -> Optional[Dict[str, Any]]:
        """What an earlier call noted of a choice, if its frames are all there."""
        for entry in self._index().get('choices', []):
            if entry['chosen'] == chosen and self.has(entry['numbers']):
                return entry
        return None

    @contextmanager
    def more(self, chosen: dict) -> Iterator[Tuple[str, Dict[str, Any]]]:
        """Add the frames of a choice.

        Args:
            chosen (dict): The choice.

        Yields:
            Tuple[str, Dict[str, Any]]: An empty folder for the frames, and what to note of the choice: ``numbers``,
            those of its frames, and whatever else.
        """
        os.makedirs(self._root, exist_ok=True)
        entry: Dict[str, Any] = dict(chosen=chosen)
        with tempfile.TemporaryDirectory(prefix='.unfinished-', dir=self._root) as unfinished:
            new = osp.join(unfinished, 'new')
            os.makedirs(new)
            yield new, entry
            dump_json(dict(video=self._video, choices=[entry]), osp.join(new, INDEX))
            os.makedirs(osp.dirname(self._path), exist_ok=True)
            try:
                os.rename(new, self._path)
            except OSError:  # There are frames already, this moment perhaps by another process.
                for number in entry['numbers']:
                    if not osp.exists(self.file(number)):
                        os.replace(osp.join(new, file_name(number)), self.file(number))
                others = [each for each in self._index().get('choices', []) if each['chosen'] != chosen]
                dump_json(dict(video=self._video, choices=[*others, entry]), osp.join(self._path, INDEX))

    def _index(self) -> Dict[str, Any]:
        try:
            content = load(osp.join(self._path, INDEX))
        except (FileNotFoundError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}


def file_name(number: int) -> str:
    """The file name of a frame."""
    return f'{number:08d}.jpg'


def fingerprint(path: str) -> Dict[str, Any]:
    """What tells a video from others, wherever it was copied to: its size, and a checksum of its ends.

    Raises:
        OSError: If it cannot be read.
    """
    size = os.stat(path).st_size
    with open(path, 'rb') as file:
        ends = file.read(PROBE)
        file.seek(max(0, size - PROBE))
        ends += file.read(PROBE)
    return dict(bytes=size, ends=hashlib.sha256(ends).hexdigest())
