# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Networks at work: videos and images with what they see, and how sure they are over time."""

import os
import os.path as osp
from collections import defaultdict
from functools import lru_cache
from pathlib import PurePath
from typing import Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

import cv2
import mmcv
import numpy as np
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample
from mmpose.visualization import PoseLocalVisualizer

from mmpose_dualteach.datasets import UnlabeledPoseDataset
from mmpose_dualteach.datasets.sources.folders import folder_of
from mmpose_dualteach.datasets.sources.videos import frame_number, is_frame, video_of
from mmpose_dualteach.label_loop.coco import Choice, names_of
from mmpose_dualteach.label_loop.instances import EveryInstance, files_of
from mmpose_dualteach.utils.file_io import refuse_to_overwrite
from mmpose_dualteach.visualization.report import Chart, Series, write_report

USUAL_RATE = 25.0  # Frames a second of a video that does not say.
CODEC = 'mp4v'
IMAGES, VIDEOS = ('.jpg', '.jpeg', '.png', '.bmp'), ('.mp4',)  # What is written as it is named; all else as the first.
OF_SIDE = 120  # Joints are drawn with the image's longer side over this for a radius, in pixels.


class Place(NamedTuple):
    """Where an image is in time.

    Attributes:
        video (str, optional): The video's name below the set's folder; None of an image.
        number (int): The frame's number; 0 of an image.
        rate (float): Frames a second of the video.
    """

    video: Optional[str]
    number: int
    rate: float

    @property
    def seconds(self) -> float:
        """float: Since the video's beginning."""
        return self.number / self.rate


def place_of(unlabeled: UnlabeledPoseDataset, number: int) -> Place:
    """Where an instance's image is in time.

    Args:
        unlabeled (UnlabeledPoseDataset): The set.
        number (int): The instance's place in it.
    """
    info = unlabeled.data_list[number]
    # Frames that are written have paths of images; their names tell of the video.
    for name in (info['img_id'], info['img_path']):
        if isinstance(name, str) and is_frame(name):
            folder = folder_of(unlabeled.data_prefix['img'])
            path = osp.join(folder, video_of(name))
            frames = unlabeled.load_report.frames.get(path)
            rate = frames.rate if frames else _rate_of(path)
            return Place(osp.relpath(path, folder or '.'), frame_number(name), rate or USUAL_RATE)
    return Place(None, 0, USUAL_RATE)


@lru_cache(maxsize=None)
def _rate_of(path: str) -> float:
    """Frames a second of a video, of which nothing is noted where an annotation file names its frames; 0 if it is not
    here."""
    return mmcv.VideoReader(path).fps if osp.isfile(path) else 0.0


def _target(folder: str, name: str, kinds: Tuple[str, ...]) -> str:
    """Where something of a name is drawn: below the folder, whatever the name, in a file of one of these kinds."""
    parts = ['_' if part == '..' else part for part in PurePath(name).parts if part != PurePath(name).anchor]
    path = osp.join(folder, *parts)
    return path if osp.splitext(path)[1].lower() in kinds else path + kinds[0]


def refuse_to_draw_over(unlabeled: UnlabeledPoseDataset, folder: str) -> None:
    """Check that nothing that is looked at would be drawn over by :func:`draw`.

    Args:
        unlabeled (UnlabeledPoseDataset): The set.
        folder (str): Where things are to be drawn.

    Raises:
        ValueError: If it would; names the file.
    """
    names, (images, first) = names_of(unlabeled)[1], np.unique(unlabeled.data_list.image_of_each, return_index=True)
    videos = [place_of(unlabeled, int(number)).video for number in first]
    targets = {
        _target(folder, names[image], IMAGES) if video is None else _target(folder, video, VIDEOS)
        for image, video in zip(images, videos)
    }
    refuse_to_overwrite(targets, files_of(unlabeled))


def draw(instances: EveryInstance, lines: Sequence[dict], choice: Choice, folder: str) -> List[str]:
    """Draw what is seen: of each video a video of the frames that were looked at, in their own time, of images images;
    and of videos ``scores.html``, how sure the networks are over time. See :func:`refuse_to_draw_over`.

    Args:
        instances (EveryInstance): The set.
        lines (Sequence[dict]): What is seen of each of its instances, see :meth:`Look.lines`.
        choice (Choice): Which joints are drawn.
        folder (str): Where to.

    Returns:
        List[str]: The files.
    """
    unlabeled = instances.unlabeled
    of_image: Dict[int, List[dict]] = defaultdict(list)
    for line in lines:
        if 'seen' in line:
            of_image[int(unlabeled.data_list.image_of_each[line['number']])].append(line)
    os.makedirs(folder, exist_ok=True)
    visualizer = PoseLocalVisualizer(bbox_color=None)
    visualizer.set_dataset_meta(unlabeled.metainfo)
    names = names_of(unlabeled)[1]
    places = {image: place_of(unlabeled, those[0]['number']) for image, those in of_image.items()}
    videos: Dict[str, List[int]] = defaultdict(list)
    written = []
    for image, those in of_image.items():
        video = places[image].video
        if video is not None:
            videos[video].append(image)
            continue
        path = _target(folder, names[image], IMAGES)
        mmcv.imwrite(_drawn(visualizer, instances, those, choice)[..., ::-1], path)
        written.append(path)
    for video, images in videos.items():
        images.sort(key=lambda image: places[image].number)
        steps = np.diff([places[image].number for image in images])
        rate = places[images[0]].rate / (float(np.median(steps)) if len(steps) else 1.0)
        path = _target(folder, video, VIDEOS)
        os.makedirs(osp.dirname(path), exist_ok=True)
        _write_video(path, rate, (_drawn(visualizer, instances, of_image[image], choice) for image in images))
        written.append(path)
    if videos:
        path = osp.join(folder, 'scores.html')
        _write_scores(path, {name: [(places[i], of_image[i]) for i in images] for name, images in videos.items()})
        written.append(path)
    return written


def _drawn(
    visualizer: PoseLocalVisualizer, instances: EveryInstance, lines: Sequence[dict], choice: Choice
) -> np.ndarray:
    """An image with all that is seen on it, RGB."""
    image = instances.read(lines[0]['number'])[..., ::-1]
    joints, scores = [], []
    for line in lines:
        for seen in line['seen']:
            chosen = choice.of(seen, line['size'])
            joints.append(seen['joints'])
            scores.append(np.where(chosen, np.maximum(seen['scores'], 1e-3), 0.0))
    picture = np.ascontiguousarray(image).astype(np.uint8)
    if not joints:
        return picture
    visualizer.radius = max(2, round(max(image.shape[:2]) / OF_SIDE))
    visualizer.line_width = max(1, visualizer.radius // 2)
    found = InstanceData(keypoints=np.array(joints, dtype=float), keypoint_scores=np.array(scores))
    sample = PoseDataSample(pred_instances=found)
    visualizer.add_datasample('seen', picture, sample, draw_gt=False, draw_bbox=False, kpt_thr=5e-4)
    return visualizer.get_image()


def _write_video(path: str, rate: float, pictures: Iterable[np.ndarray]) -> None:
    """Write a video; the first picture says its size."""
    writer = None
    for picture in pictures:
        if writer is None:
            height, width = picture.shape[:2]
            writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*CODEC), rate, (width, height))
            if not writer.isOpened():
                raise OSError(f'{path} cannot be written as a video; name a folder that can be written to')
        writer.write(np.ascontiguousarray(picture[..., ::-1]))
    if writer is not None:
        writer.release()


def _write_scores(path: str, videos: Dict[str, list]) -> None:
    """A page with a chart of each video."""
    charts = []
    for name, found in videos.items():
        points = [
            (place.seconds, float(np.mean([seen['scores'] for line in lines for seen in line['seen']])))
            for place, lines in found
            if any(line['seen'] for line in lines)
        ]
        charts.append(Chart(name, 'seconds', 'mean score of joints', [Series('score', points)], y_range=(0, 1)))
    write_report(
        path,
        'How sure the networks are',
        'The mean score of all joints in every frame that was looked at. Where it falls, labels are missing.',
        tables=[],
        charts=charts,
        pictures=[],
    )
