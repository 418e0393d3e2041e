# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Boxes of one animal, or person, a frame without a detector: a fixed region, what moves, or the joints that are seen
where the frame before had them."""

import itertools
import os.path as osp
import re
import sys
from typing import Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from mmengine.logging import print_log
from mmengine.utils import ProgressBar
from mmpose.datasets.transforms import LoadImage

from mmpose_dualteach.datasets.sources.folders import folder_of, list_images
from mmpose_dualteach.datasets.sources.images import ImageReader, UnusableImage
from mmpose_dualteach.datasets.sources.load_report import LoadReport
from mmpose_dualteach.datasets.sources.videos import frame_selection, frames_in_words, is_frame, video_of
from mmpose_dualteach.prepare.detection_file import write_detections
from mmpose_dualteach.prepare.moving import FRAMES, background_of, moving_box, small, smoothed
from mmpose_dualteach.utils.file_io import refuse_to_overwrite
from mmpose_dualteach.utils.joint_boxes import box_of_joints

SURE = 0.3  # Least score of a joint that counts.
LEAST_JOINTS = 1 / 3  # Of all joints; with fewer the box is found anew.
CATEGORY = 1

See = Callable[[np.ndarray, np.ndarray], Tuple[np.ndarray, np.ndarray]]


class Frame(NamedTuple):
    """A frame or image.

    Attributes:
        name (str): Its name in the source.
        path (str): Its path.
        sequence (str): The video, or folder, that it is of.
    """

    name: str
    path: str
    sequence: str


def find_boxes(
    source: str,
    output: str,
    region: Optional[Sequence[float]] = None,
    see: Optional[See] = None,
    margin: float = 0.1,
    video: Optional[dict] = None,
    allow_outside: bool = False,
) -> Dict[str, int]:
    """Find one box a frame, and write them as a detection file in COCO's result format.

    Args:
        source (str): A folder of images and videos, or a video. Images of one folder are taken for a video's frames in
            the order of their names.
        output (str): The file to write: ``[{image_id, category_id, bbox, score}]``.
        region (Sequence[float], optional): Left, top, width and height in pixels: the box of every frame, or, with
            ``see``, of the first one and whenever joints are lost. Defaults to what moves in front of a camera that
            stands still.
        see (Callable, optional): From an image (H, W, 3), BGR, and a box (left, top, right, bottom) to joints (K, 2)
            and scores (K,): the box of a frame is then that of the joints that are seen in the last frame's box.
            Defaults to None.
        margin (float): What is added to either side of a box that moves, in shares of its side; around joints, of
            the longer side. Defaults to 0.1.
        video (dict, optional): Arguments of :class:`FrameSelection`. Defaults to None.
        allow_outside (bool): Whether links that lead out of the folder may be opened. Defaults to False.

    Returns:
        Dict[str, int]: Counts of ``images``, ``boxes``, and ``unusable`` images and other things in the source.

    Raises:
        FileNotFoundError: If there is no such source.
        ValueError: If the source has no image or is the output, or the region or margin is none.
    """
    if margin < 0 or (region is not None and (len(region) != 4 or min(region[2:]) <= 0)):
        raise ValueError(f'region {region} must be left, top, width and height; margin {margin} must not be negative')
    if not osp.exists(source):
        raise FileNotFoundError(f'source {source} does not exist; name a folder of images or videos, or a video')
    refuse_to_overwrite([output], [source])
    load_report = LoadReport()
    chosen = frame_selection(video)
    found = list_images(source, chosen, load_report, allow_outside=allow_outside)
    if not found:
        raise ValueError(f'{source} has no image; name a folder of images or videos, or a video')
    told = frames_in_words(load_report)
    if told:
        print_log(told, logger='current')
    frames = [Frame(name, path, _sequence_of(name)) for name, path in found.items()]
    frames.sort(key=lambda frame: (frame.sequence, _in_counting_order(frame.name)))
    folders = [folder_of(source), *([chosen.folder] if chosen.folder else [])]
    reader = _Reader(ImageReader(LoadImage(), None if allow_outside else folders))
    results: List[dict] = []
    bar = ProgressBar(len(frames), file=sys.stderr)
    for _, members in itertools.groupby(frames, key=lambda frame: frame.sequence):
        sequence = list(members)
        boxes = _of_region(sequence, reader, region) if region is not None else _of_motion(sequence, reader, margin)
        if see is not None:
            boxes = _of_joints(sequence, reader, dict(boxes), see, margin)
        for frame, box in boxes:
            left, top, right, bottom = box.round(2).tolist()
            bbox = [left, top, round(right - left, 2), round(bottom - top, 2)]
            results.append(dict(image_id=frame.name, category_id=CATEGORY, bbox=bbox, score=1.0))
        bar.update(len(sequence))
    print(file=sys.stderr)
    return write_detections(results, output, len(frames), reader.problems, load_report)


def _in_counting_order(name: str) -> List[Tuple[int, str]]:
    """A key that sorts f2.png before f10.png."""
    return [(int(part), '') if part.isdecimal() else (0, part) for part in re.split(r'(\d+)', name)]


def _sequence_of(name: str) -> str:
    return video_of(name) if is_frame(name) else name.rpartition('/')[0]


class _Reader:
    """Reads frames; of those that cannot be used it keeps the reason."""

    def __init__(self, reader: ImageReader) -> None:
        self._reader = reader
        self.problems: Dict[str, str] = {}

    def read(self, frame: Frame) -> Optional[np.ndarray]:
        try:
            return self._reader.read(frame.path, None)
        except UnusableImage as problem:
            self.problems[frame.name] = str(problem)
            return None


def _of_region(frames: Sequence[Frame], reader: _Reader, region: Sequence[float]) -> Iterator[Tuple[Frame, np.ndarray]]:
    left, top, width, height = region
    for frame in frames:
        image = reader.read(frame)
        if image is None:
            continue
        box = _inside(np.array([left, top, left + width, top + height]), image.shape)
        if (box[2:] > box[:2]).all():
            yield frame, box
        else:
            reader.problems[frame.name] = f'has nothing of the region {list(region)}'


def _of_motion(frames: Sequence[Frame], reader: _Reader, margin: float) -> Iterator[Tuple[Frame, np.ndarray]]:
    """The box of what moves; frames before anything did have none."""
    spread = np.unique(np.linspace(0, len(frames) - 1, FRAMES).round().astype(int))
    looked = [small(image) for image in (reader.read(frames[number]) for number in spread) if image is not None]
    if not looked:
        return
    shape = looked[0].shape
    background = background_of([each for each in looked if each.shape == shape])
    sizes: Dict[str, tuple] = {}
    boxes: List[Optional[np.ndarray]] = []
    for frame in frames:
        image = reader.read(frame)
        if image is None:
            boxes.append(None)
            continue
        sizes[frame.name] = image.shape
        reduced = small(image)
        boxes.append(moving_box(reduced, background) if reduced.shape == shape else None)
    for frame, box in zip(frames, smoothed(boxes)):
        if box is not None and frame.name in sizes:
            height, width = sizes[frame.name][:2]
            yield frame, _grown(box * [width, height, width, height], margin, sizes[frame.name])


def _of_joints(
    frames: Sequence[Frame], reader: _Reader, others: Mapping[Frame, np.ndarray], see: See, margin: float
) -> Iterator[Tuple[Frame, np.ndarray]]:
    """The box of the joints that are seen in the last frame's box; where they are lost, in the other way's box."""
    last: Optional[np.ndarray] = None
    for frame in frames:
        image = reader.read(frame)
        if image is None:
            continue
        fresh = others.get(frame, np.array([0.0, 0.0, image.shape[1], image.shape[0]]))
        found = None if last is None else _around(*see(image, last), margin, image.shape)
        last = _around(*see(image, fresh), margin, image.shape) if found is None else found
        yield frame, fresh if last is None else last


def _around(joints: np.ndarray, scores: np.ndarray, margin: float, shape: tuple) -> Optional[np.ndarray]:
    """The box of joints that are sure; None if they are few."""
    sure = joints[scores >= SURE]
    if len(sure) < max(2, LEAST_JOINTS * len(joints)):
        return None
    height, width = shape[:2]
    return np.array(box_of_joints(sure, width, height, margin))


def _grown(box: np.ndarray, margin: float, shape: tuple) -> np.ndarray:
    by = margin * (box[2:] - box[:2])
    return _inside(np.concatenate([box[:2] - by, box[2:] + by]), shape)


def _inside(box: np.ndarray, shape: tuple) -> np.ndarray:
    height, width = shape[:2]
    return np.clip(box, 0, [width, height, width, height]).astype(float)
