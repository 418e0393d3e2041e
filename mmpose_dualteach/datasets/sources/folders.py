# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""The images and video frames below a folder, and the boxes that name them."""

import os.path as osp
import sys
from typing import Dict, List, Optional, Sequence

from mmengine.dist import is_main_process
from mmengine.utils import ProgressBar

from mmpose_dualteach.datasets.sources.files import IMAGE_SUFFIXES, is_local, link_outside, list_folder
from mmpose_dualteach.datasets.sources.load_report import LoadReport
from mmpose_dualteach.datasets.sources.videos import (
    VIDEO_SUFFIXES,
    FrameSelection,
    frame_number,
    is_frame,
    is_video,
    is_video_name,
    list_frames,
    video_of,
)


def folder_of(source: str) -> str:
    """The folder that names of images are relative to: the source, or where it lies if it is a video."""
    return osp.dirname(source) if is_video(source) else source


def list_images(
    source: str,
    frames: FrameSelection,
    load_report: LoadReport,
    backend_args: Optional[dict] = None,
    named: Optional[Sequence] = None,
    allow_outside: bool = False,
) -> Dict[str, str]:
    """List the images and video frames of a folder, or the frames of one video.

    Args:
        source (str): The folder or the video.
        frames (FrameSelection): Which frames of videos.
        load_report (LoadReport): Is told what is broken and left out.
        backend_args (dict, optional): Of mmengine's storage backend. Defaults to what the path's prefix says.
        named (Sequence, optional): Names in a box file: of videos exactly the frames among them are taken, whatever
            ``frames`` would choose. Defaults to None.
        allow_outside (bool): Whether videos may be links out of the folder. Defaults to False.

    Returns:
        Dict[str, str]: Path by name, in alphabetic order of files.

    Raises:
        ValueError: If the source is another file, or frames would be written among the images that they are taken
            from.
    """
    folder = folder_of(source)
    if is_local(source, backend_args) and osp.isfile(folder):
        raise ValueError(
            f'unlabelled set: {source} is neither a folder of images, nor a video, nor a JSON file; give one of these'
        )
    if frames.folder and not link_outside(frames.folder, [osp.realpath(folder)]):
        raise ValueError(
            f'frames would be written to {frames.folder}, inside of {folder}, and be taken for images '
            'there; name another folder'
        )
    frames_of: Dict[str, List[str]] = {}
    frames_named = {name for name in named or () if isinstance(name, str) and is_frame(name)}
    for name in sorted(frames_named, key=frame_number):  # Videos are read forwards.
        frames_of.setdefault(video_of(name), []).append(name)
    names = (
        [osp.basename(source)]
        if is_video(source)
        else list_folder(folder, IMAGE_SUFFIXES + VIDEO_SUFFIXES, load_report, backend_args)
    )
    videos = [name for name in names if is_video_name(name) and (named is None or name in frames_of)]
    # Whole videos may have to be decoded.
    decoding = len(videos) > 1 and (named is None or frames.folder) and is_main_process()
    progress = ProgressBar(len(videos), file=sys.stderr) if decoding else None
    images: Dict[str, str] = {}
    for name in names:
        if not is_video_name(name):
            images[name] = osp.join(folder, name)
        elif named is None or name in frames_of:
            images.update(
                list_frames(folder, name, frames, load_report, backend_args, allow_outside, frames_of.get(name))
            )
            if progress:
                progress.update()
    if progress:
        print(file=sys.stderr)
    return images


def by_name(boxes: List[dict], images: List[dict]) -> List[dict]:
    """Detections on the images of a folder, whose ids are their names.

    Args:
        boxes (List[dict]): Detections, of which each ``image_id`` is an image's name, or the number that it is.
        images (List[dict]): Images.

    Returns:
        List[dict]: The detections with names.
    """
    numbers: Dict[int, List[str]] = {}
    for image in images:
        stem = osp.splitext(osp.basename(image['file_name']))[0]
        if stem.isdecimal():
            numbers.setdefault(int(stem), []).append(image['id'])
    # Two images of one number are not told apart by it.
    names = {number: found[0] for number, found in numbers.items() if len(found) == 1}
    return [
        dict(box, image_id=names[box['image_id']])
        if type(box.get('image_id')) is int and box['image_id'] in names
        else box
        for box in boxes
    ]
