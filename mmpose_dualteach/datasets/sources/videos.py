# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Frames of video files. A frame's name is ``clip.mp4#frame=120``, counted from 0."""

import os
import os.path as osp
from collections import Counter, OrderedDict
from dataclasses import asdict, dataclass, fields
from itertools import takewhile
from typing import Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

import cv2
import mmcv
import numpy as np
from mmcv import VideoReader
from mmengine.dist import master_only

from mmpose_dualteach.datasets.sources.files import is_local, link_outside
from mmpose_dualteach.datasets.sources.frame_folder import FrameFolder, file_name
from mmpose_dualteach.datasets.sources.load_report import FrameCount, LoadReport
from mmpose_dualteach.utils.file_io import printable

VIDEO_SUFFIXES = ('.mp4', '.m4v', '.mov', '.avi', '.mkv', '.webm', '.mpg', '.mpeg', '.wmv', '.flv')
MARK = '#frame='
MOST_OPEN = 8
THUMBNAIL = (32, 32)
SLOW_MOTION = 100  # Frames a second.
MOST_TOLD = 5
# What the tools call the options of a FrameSelection.
FLAGS = dict(every='--frame-every', rate='--frame-rate', min_change='--frame-change', folder='--frames')


@dataclass(frozen=True)
class FrameSelection:
    """Which frames of a video to take.

    Args:
        every (int, optional): Every n-th frame. Defaults to None.
        rate (float): Frames a second of the video's own time, where ``every`` is not given: few of slow motion.
            Defaults to 2.
        min_change (float): Frames that differ by less from the last one taken, as the mean difference of thumbnails in
            grey levels (0 to 255), are dropped as near-duplicates; 0 drops none, and begins without decoding the video
            once. Defaults to 2.
        folder (str, optional): Write the frames there as JPEG files, once; training then reads those, which is much
            faster than finding a frame in a video. Defaults to None, which writes nothing.

    Raises:
        ValueError: If a number is out of range.
    """

    every: Optional[int] = None
    rate: float = 2.0
    min_change: float = 2.0
    folder: Optional[str] = None

    def __post_init__(self) -> None:
        if (self.every is not None and self.every < 1) or self.rate <= 0 or self.min_change < 0:
            raise ValueError(
                f'unlabeled.video={asdict(self)}: every must be at least 1, rate above 0, min_change not negative'
            )

    def wanted(self, fps: float) -> Iterator[int]:
        """Numbers of frames, without end."""
        step = self.every or max(1.0, (fps if np.isfinite(fps) and fps > 0 else 25.0) / self.rate)
        number = 0
        while True:
            yield int(round(number * step))
            number += 1


def frame_selection(options: Optional[dict]) -> FrameSelection:
    """A choice from a config.

    Raises:
        ValueError: If an option is unknown or out of range.
    """
    known = [option.name for option in fields(FrameSelection)]
    for key in options or {}:
        if key not in known:
            raise ValueError(f'unlabeled.video has no {key!r}; it has {", ".join(known)}')
    return FrameSelection(**(options or {}))


def is_video(path: str) -> bool:
    """Whether a path is of a video. A folder never is, whatever its name: those of written frames are named so."""
    return is_video_name(path) and not osp.isdir(path)


def is_video_name(name: str) -> bool:
    """Whether a file of a name is a video."""
    return name.lower().endswith(VIDEO_SUFFIXES)


def is_frame(path: str) -> bool:
    """Whether a path is of a video's frame."""
    video, mark, number = path.rpartition(MARK)
    return bool(mark) and number.isdecimal() and is_video_name(video)


def video_of(path: str) -> str:
    """The video that a frame is of."""
    return path.rpartition(MARK)[0]


def frame_number(path: str) -> int:
    """Which of its video's frames a frame is, counted from 0."""
    return int(path.rpartition(MARK)[2])


def list_frames(
    root: str,
    name: str,
    choice: FrameSelection,
    load_report: LoadReport,
    backend_args: Optional[dict] = None,
    allow_outside: bool = False,
    named: Optional[Sequence[str]] = None,
) -> Dict[str, str]:
    """List the frames of a video.

    Args:
        root (str): The folder of videos.
        name (str): The video's name in it.
        choice (FrameSelection): Which frames.
        load_report (LoadReport): Is told what is broken and left out.
        backend_args (dict, optional): Of mmengine's storage backend. Defaults to what the path's prefix says.
        allow_outside (bool): Whether the video may be a link out of the folder. Defaults to False.
        named (Sequence[str], optional): Names of the frames to take in place of those that ``choice`` would. Defaults
            to None.

    Returns:
        Dict[str, str]: Path by name of each frame, in order.

    Raises:
        ValueError: If what is in the way of a video's frames is not of it.
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
        if not problem:
            numbers = None if named is None else {frame: frame_number(frame) for frame in named}
            if choice.folder:
                return _written(choice.folder, video, name, choice, load_report, numbers)
            if numbers is None:
                numbers = {f'{name}{MARK}{number}': number for number in _numbers(video, choice, load_report)}
            return {frame: f'{video}{MARK}{number}' for frame, number in numbers.items()}
    except OSError as error:
        problem = f'cannot be read ({error.strerror})'
    load_report.broken[f'video {video} {problem}'] += 1
    return {}


def frames_in_words(load_report: LoadReport) -> Optional[str]:
    """Say how many frames were taken of which videos, or None where there was none to take them from."""
    frames = load_report.frames
    if not frames:
        return None
    # Those first that may have been meant otherwise.
    counts = sorted(frames.items(), key=lambda item: (item[1].rate <= SLOW_MOTION, item[1].taken))
    told = [
        f'{printable(osp.basename(video))} {count.taken}'
        + (f' of {count.total}' if count.total else '')
        + (f' (slow motion, {count.rate:g} a second)' if count.rate > SLOW_MOTION else '')
        for video, count in counts[:MOST_TOLD]
    ]
    more = f', and {len(frames) - MOST_TOLD} more videos' if len(frames) > MOST_TOLD else ''
    total = sum(count.total for _, count in counts) if all(count.total for _, count in counts) else 0
    why = f'video.rate ({FLAGS["rate"]}) or video.every ({FLAGS["every"]}) takes more or fewer'
    if load_report.named:
        why = 'those that boxes name'
    return (
        f'took {sum(count.taken for _, count in counts)}' + (f' of {total}' if total else '') + ' frames of '
        f'{len(frames)} {"video" if len(frames) == 1 else "videos"}: {", ".join(told)}{more}; {why}'
    )


@master_only
def note_named(names: Iterable[str], folder: str, load_report: LoadReport) -> None:
    """Note how many frames of each video are taken where boxes name them; the main process does, which tells it.

    Args:
        names (Iterable[str]): Names of the images and frames that instances are on, each once.
        folder (str): The folder of videos.
        load_report (LoadReport): Is told.
    """
    videos = Counter(video_of(name) for name in names if is_frame(name))
    load_report.named = bool(videos)
    for video, taken in videos.items():
        path = osp.join(folder, video)
        reader = VideoReader(path)
        if reader.opened:
            load_report.frames[path] = FrameCount(taken, max(0, reader.frame_cnt), reader.fps)


def _numbers(
    video: str,
    choice: FrameSelection,
    load_report: LoadReport,
    folder: Optional[str] = None,
    named: Optional[Sequence[int]] = None,
) -> List[int]:
    """Numbers of the frames to take; the frames are written where a folder is given."""
    reader = VideoReader(video)
    if not reader.opened:
        load_report.broken[f'video {video} does not open'] += 1
        return []
    if not folder and reader.frame_cnt < 1:
        load_report.broken[
            f'video {video} does not say how many frames it has; set unlabeled.video.folder ({FLAGS["folder"]})'
        ] += 1
        return []
    if not folder and not choice.min_change:
        numbers = list(takewhile(lambda number: number < reader.frame_cnt, choice.wanted(reader.fps)))
        if reader.get_frame(numbers[-1]) is not None:
            load_report.frames[video] = FrameCount(len(numbers), reader.frame_cnt, reader.fps)
            return numbers
        reader = VideoReader(video)  # Of a video that was cut, the container may count more frames than decode.
    numbers, last = [], None
    for number, frame in _decoded(reader.vcap, choice.wanted(reader.fps) if named is None else iter(named)):
        if choice.min_change and named is None:
            thumbnail = cv2.resize(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), THUMBNAIL, interpolation=cv2.INTER_AREA)
            if last is not None and np.abs(thumbnail.astype(int) - last).mean() < choice.min_change:
                load_report.left_out['near-duplicate frames'] += 1
                continue
            last = thumbnail.astype(int)
        numbers.append(number)
        if folder:
            mmcv.imwrite(frame, osp.join(folder, file_name(number)))
    if not numbers:
        load_report.broken[f'video {video} gives no frame'] += 1
    if named is None:
        load_report.frames[video] = FrameCount(len(numbers), max(0, reader.frame_cnt), reader.fps)
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


def _written(
    root: str, video: str, name: str, choice: FrameSelection, load_report: LoadReport, named: Optional[Dict[str, int]]
) -> Dict[str, str]:
    """The same as files, written unless they are there already: of this choice, or those named."""
    folder = FrameFolder(root, name, video)
    numbers = None if named is None else sorted(set(named.values()))
    chosen = dict(asdict(choice), folder=None) if numbers is None else dict(named=numbers)
    found = folder.found(chosen)
    # A detector may have read and written more frames of the video than have boxes.
    if found is None and numbers is not None and folder.has(numbers):
        found = dict(numbers=numbers)
    if found is None:
        own = LoadReport()
        with folder.more(chosen) as (unfinished, found):
            found['numbers'] = _numbers(video, choice, own, unfinished, numbers)
            found.update(broken=own.broken, left_out=own.left_out, frames=own.frames.get(video))
    load_report.broken.update(found.get('broken', {}))
    load_report.left_out.update(found.get('left_out', {}))
    if found.get('frames'):
        load_report.frames[video] = FrameCount(*found['frames'])
    if named is None:
        named = {f'{name}{MARK}{number}': number for number in found['numbers']}
    there = set(found['numbers'])
    return {frame: folder.file(number) for frame, number in named.items() if number in there}


class FrameReader:
    """Read any frame of any video; a few videos stay open, in each process its own."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._open: OrderedDict[str, VideoReader] = OrderedDict()

    def __getstate__(self) -> dict:
        return {}  # An open video goes to no other process.

    def __setstate__(self, _: dict) -> None:
        FrameReader.__init__(self)

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
        video, number = video_of(path), frame_number(path)
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
        frame = self._open[video].get_frame(number)
        if frame is None:
            raise ValueError(f'the video has no frame {number}')
        return frame
