# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Frames of video files. A frame's name is ``clip.mp4#frame=120``, counted from 0."""
import os
import os.path as osp
import tempfile
from collections import OrderedDict
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from itertools import takewhile
from typing import Dict, Iterator, List, Optional, Tuple

import cv2
import mmcv
import numpy as np
from mmcv import VideoReader
from mmengine.fileio import dump, load

from .account import Account
from .files import is_local, link_outside

VIDEO_SUFFIXES = ('.mp4', '.m4v', '.mov', '.avi', '.mkv', '.webm', '.mpg', '.mpeg', '.wmv', '.flv')
MARK = '#frame='
INDEX = 'frames.json'
MOST_OPEN = 8
THUMBNAIL = (32, 32)


@dataclass(frozen=True)
class FrameChoice:
    """Which frames of a video to take.

    Args:
        every (int, optional): Every n-th frame. Defaults to None.
        rate (float): Frames a second, where ``every`` is not given. Defaults to 2.
        min_change (float): Frames that differ by less from the last one taken, as the mean difference of thumbnails in
            grey levels (0 to 255), are dropped as near-duplicates; 0 drops none, and begins without decoding the video
            once. Defaults to 2.
        folder (str, optional): Write the frames there as JPEG files, once; training then reads those, which is much
            faster than finding a frame in a video. Defaults to None, which writes nothing.

    Raises:
        ValueError: If a number is out of range.
    """
    every: Optional[int] = None
    rate: float = 2.
    min_change: float = 2.
    folder: Optional[str] = None

    def __post_init__(self) -> None:
        if (self.every is not None and self.every < 1) or self.rate <= 0 or self.min_change < 0:
            raise ValueError(f'unlabeled.video={asdict(self)}: every must be at least 1, rate above 0, min_change not '
                             'negative')

    def wanted(self, fps: float) -> Iterator[int]:
        """Numbers of frames, without end."""
        step = self.every or max(1., (fps if np.isfinite(fps) and fps > 0 else 25.) / self.rate)
        number = 0
        while True:
            yield int(round(number * step))
            number += 1


def frame_choice(options: Optional[dict]) -> FrameChoice:
    """A choice from a config.

    Raises:
        ValueError: If an option is unknown or out of range.
    """
    known = [option.name for option in fields(FrameChoice)]
    for key in options or {}:
        if key not in known:
            raise ValueError(f'unlabeled.video has no {key!r}; it has {", ".join(known)}')
    return FrameChoice(**(options or {}))


def is_video(path: str) -> bool:
    """Whether a path is of a video."""
    return path.lower().endswith(VIDEO_SUFFIXES)


def is_frame(path: str) -> bool:
    """Whether a path is of a video's frame."""
    video, mark, number = path.rpartition(MARK)
    return bool(mark) and number.isdecimal() and is_video(video)


def video_of(path: str) -> str:
    """The video that a frame is of."""
    return path.rpartition(MARK)[0]


def list_frames(root: str, name: str, choice: FrameChoice, account: Account,
                backend_args: Optional[dict] = None, allow_outside: bool = False) -> Dict[str, str]:
    """List the frames of a video.

    Args:
        root (str): The folder of videos.
        name (str): The video's name in it.
        choice (FrameChoice): Which frames.
        account (Account): Is told what is broken and left out.
        backend_args (dict, optional): Of mmengine's storage backend. Defaults to what the path's prefix says.
        allow_outside (bool): Whether the video may be a link out of the folder. Defaults to False.

    Returns:
        Dict[str, str]: Path by name of each frame, in order.

    Raises:
        ValueError: If what is in the way of a video's frames was not made from it.
    """
    video = osp.join(root, name)
    problem = None
    if not is_local(video, backend_args):
        problem = 'is not on this machine, where frames can be found: copy it'
    elif not allow_outside:
        problem = link_outside(video, [osp.realpath(root)])
    if name.encode('utf-8', 'replace').decode('utf-8') != name:
        problem = 'has a name that is no UTF-8, on which OpenCV would crash'
    try:
        if not problem and choice.folder:
            return _written(video, name, choice, account)
        if not problem:
            return {f'{name}{MARK}{number}': f'{video}{MARK}{number}' for number in _numbers(video, choice, account)}
    except OSError as error:
        problem = f'cannot be read ({error.strerror})'
    account.broken[f'video {video} {problem}'] += 1
    return {}


def _numbers(video: str, choice: FrameChoice, account: Account, folder: Optional[str] = None) -> List[int]:
    """Numbers of the frames to take; the frames are written where a folder is given."""
    reader = VideoReader(video)
    if not reader.opened:
        account.broken[f'video {video} does not open'] += 1
        return []
    if not folder and reader.frame_cnt < 1:
        account.broken[f'video {video} does not say how many frames it has; set unlabeled.video.folder'] += 1
        return []
    if not folder and not choice.min_change:
        return list(takewhile(lambda number: number < reader.frame_cnt, choice.wanted(reader.fps)))
    numbers, last = [], None
    for number, frame in _decoded(reader.vcap, choice.wanted(reader.fps)):
        if choice.min_change:
            thumbnail = cv2.resize(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), THUMBNAIL, interpolation=cv2.INTER_AREA)
            if last is not None and np.abs(thumbnail.astype(int) - last).mean() < choice.min_change:
                account.left_out['near-duplicate frames'] += 1
                continue
            last = thumbnail.astype(int)
        numbers.append(number)
        if folder:
            mmcv.imwrite(frame, osp.join(folder, f'{number:08d}.jpg'))
    if not numbers:
        account.broken[f'video {video} gives no frame'] += 1
    return numbers


def _decoded(video: cv2.VideoCapture, wanted: Iterator[int]) -> Iterator[Tuple[int, np.ndarray]]:
    """The frames wanted, from the first on; those between are not converted to images."""
    position = 0
    for number in wanted:
        while position <= number:
            if not video.grab():
                return
            position += 1
        there, frame = video.retrieve()
        if there:
            yield number, frame


def _written(video: str, name: str, choice: FrameChoice, account: Account) -> Dict[str, str]:
    """The same as files, written unless they are there already, of this video and choice."""
    folder = osp.join(choice.folder, name)
    state = os.stat(video)
    made_of = dict(asdict(choice), folder=None, bytes=state.st_size, modified=state.st_mtime_ns)
    content = _index(folder)
    if osp.exists(folder) and content is None:
        raise ValueError(f'{folder} is there and not made from the video {name}; name another folder for frames')
    if not _is_whole(folder, content, made_of):
        os.makedirs(choice.folder, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix='.unfinished-', dir=choice.folder) as unfinished:
            new, old = osp.join(unfinished, 'new'), osp.join(unfinished, 'old')
            os.makedirs(new)
            own = Account()
            numbers = _numbers(video, choice, own, new)
            content = dict(made_of=made_of, numbers=numbers, broken=own.broken, left_out=own.left_out)
            dump(content, osp.join(new, INDEX))
            os.makedirs(osp.dirname(folder), exist_ok=True)
            # Another process may do the same: its frames are as good, and may be in use.
            if not _is_whole(folder, _index(folder), made_of):
                with suppress(OSError):
                    os.rename(folder, old)
                with suppress(OSError):
                    os.rename(new, folder)
    account.broken.update(content['broken'])
    account.left_out.update(content['left_out'])
    return {f'{name}{MARK}{number}': osp.join(folder, f'{number:08d}.jpg') for number in content['numbers']}


def _index(folder: str) -> Optional[dict]:
    """What says of which video and choice a folder of frames is, or None if it is no such folder."""
    try:
        content = load(osp.join(folder, INDEX))
    except FileNotFoundError:
        return None
    except ValueError:
        return dict(made_of=None)
    return content if isinstance(content, dict) and 'made_of' in content else dict(made_of=None)


def _is_whole(folder: str, content: Optional[dict], made_of: dict) -> bool:
    return content is not None and content['made_of'] == made_of and {
        f'{number:08d}.jpg' for number in content['numbers']} <= set(os.listdir(folder))


class FrameReader:
    """Read any frame of any video; a few videos stay open, in each process its own."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._open: OrderedDict[str, VideoReader] = OrderedDict()

    def __getstate__(self) -> dict:
        return {}  # An open video goes to no other process.

    def __setstate__(self, _: dict) -> None:
        self.__init__()

    def read(self, path: str) -> np.ndarray:
        """Read a frame.

        Args:
            path (str): Path of the video, and which frame.

        Returns:
            np.ndarray: In shape (height, width, 3), BGR, turned as the video says.

        Raises:
            FileNotFoundError: If there is no such video.
            ValueError: If it does not open or has no such frame.
        """
        video, number = video_of(path), path.rpartition(MARK)[2]
        if self._process != os.getpid():  # Closing what a parent has opened would wait for threads that are not here.
            self._process, self._inherited, self._open = os.getpid(), self._open, OrderedDict()
        if video not in self._open:
            reader = VideoReader(video, cache_capacity=1)
            if not reader.opened:
                raise ValueError('the video does not open')
            self._open[video] = reader
            if len(self._open) > MOST_OPEN:
                self._open.popitem(last=False)
        self._open.move_to_end(video)
        frame = self._open[video].get_frame(int(number))
        if frame is None:
            raise ValueError(f'the video has no frame {number}')
        return frame
