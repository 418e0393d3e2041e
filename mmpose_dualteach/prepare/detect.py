# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Boxes for instances without labels, by any detector of mmdet."""

import json
import os
import os.path as osp
import sys
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np
from mmdet.apis import DetInferencer
from mmengine.config import Config
from mmengine.fileio import exists
from mmengine.logging import print_log
from mmengine.registry import DefaultScope, init_default_scope
from mmengine.utils import ProgressBar
from mmpose.datasets.transforms import LoadImage

from mmpose_dualteach.datasets.checks import read_json
from mmpose_dualteach.datasets.sources.annotations import entries
from mmpose_dualteach.datasets.sources.files import is_address, leads_outside
from mmpose_dualteach.datasets.sources.folders import folder_of, list_images
from mmpose_dualteach.datasets.sources.images import ImageReader, UnusableImage
from mmpose_dualteach.datasets.sources.load_report import LoadReport
from mmpose_dualteach.datasets.sources.videos import FrameSelection, frame_selection, frames_in_words
from mmpose_dualteach.prepare.detection_file import write_detections
from mmpose_dualteach.utils.file_io import refuse_to_overwrite
from mmpose_dualteach.utils.progress_file import Progress, digest

Image = Tuple[Any, str, Optional[List[float]]]  # Id, path, and width and height if they are listed.


def detect_boxes(
    config: Config,
    checkpoint: str,
    source: str,
    output: str,
    images: str = '',
    score: float = 0.3,
    categories: Sequence[str] = ('person',),
    most: int = 100,
    batch: int = 8,
    device: Optional[str] = None,
    video: Optional[dict] = None,
    backend_args: Optional[dict] = None,
    allow_outside: bool = False,
) -> Dict[str, int]:
    """Detect people, or other categories, and write a detection file in COCO's result format.

    What is found is written down image by image in ``OUTPUT.part``, from which an interrupted call goes on; the output
    appears when it is whole. Images that cannot be used are listed in ``OUTPUT.skipped.json``.

    Args:
        config (Config): The detector's config, any that mmdet can run.
        checkpoint (str): Its weights.
        source (str): A folder of images and videos, a video, or a COCO-style list of images (``.json``).
        output (str): The file to write: ``[{image_id, category_id, bbox, score}]``. ``image_id`` is the list's, or the
            name of the image or video frame in the folder.
        images (str): The folder of images of a list. Defaults to the working directory.
        score (float): Least score. Defaults to 0.3.
        categories (Sequence[str]): Names of the detector's classes to keep. ``category_id`` is that of the same name in
            the list's categories, or the class's place, counted from 1. Defaults to ``('person',)``.
        most (int): Most boxes of an image, those of the highest score. Defaults to 100.
        batch (int): Images at a time. Defaults to 8.
        device (str, optional): Defaults to a GPU if there is one.
        video (dict, optional): Arguments of :class:`FrameSelection`. Defaults to None.
        backend_args (dict, optional): Of mmengine's storage backend. Defaults to what the paths' prefixes say.
        allow_outside (bool): Whether absolute file names in a list, and links that lead out of the folder, may be
            opened. Defaults to False.

    Returns:
        Dict[str, int]: Counts of ``images``, ``boxes``, and ``unusable`` images and other things in the source.

    Raises:
        FileNotFoundError: If the checkpoint or source is missing.
        ValueError: If the checkpoint is of no detector, the detector has no such class, the source has no image, or
            ``OUTPUT.part`` is of another call.
    """
    if batch < 1 or most < 1 or not 0 <= score <= 1:
        raise ValueError(
            f'batch {batch} and the most boxes of an image, {most}, must be at least 1; score {score} must be 0 to 1'
        )
    if not osp.isfile(checkpoint):
        raise FileNotFoundError(f'checkpoint {checkpoint} does not exist here; nothing is ever downloaded, name a file')
    for path, what in ((source, 'source'), (images, 'folder of images')):
        if is_address(path):
            raise ValueError(f'{what} {path} is an address; nothing is ever downloaded, fetch it first')
        if path and not exists(path, backend_args):
            raise FileNotFoundError(f'{what} {path} does not exist; name one that does')
    refuse_to_overwrite([output], [source, checkpoint])
    load_report = LoadReport()
    frames = frame_selection(video)
    listed, known = _images_of(source, images, frames, load_report, backend_args, allow_outside)
    told = frames_in_words(load_report)
    if told:
        print_log(told, logger='current')
    if not listed:
        raise ValueError(f'{source} has no image; name a folder of images or videos, a video, or a list of images')
    with scope_kept():
        inferencer = DetInferencer(config, checkpoint, device=device, show_progress=False)
    classes = (inferencer.model.dataset_meta or {}).get('classes')
    if not classes:
        raise ValueError(f'checkpoint {checkpoint} is of no detector, it names no classes; name weights of the config')
    ids = _category_ids(classes, categories, known)
    weights = os.stat(checkpoint)
    made_by = dict(
        config=digest(config.pretty_text),
        checkpoint=osp.abspath(checkpoint),
        weights=[weights.st_size, weights.st_mtime_ns],
        source=osp.abspath(source),
        images=digest(json.dumps(listed)),
        score=score,
        categories=list(categories),
        most=most,
    )

    progress = Progress(f'{output}.part', made_by)
    places = [images if source.endswith('.json') else folder_of(source), frames.folder]
    reader = ImageReader(
        LoadImage(), None if allow_outside else [place for place in places if place is not None], backend_args
    )
    todo = [each for each in listed if each[0] not in progress.done]
    if todo:
        bar = ProgressBar(len(todo), file=sys.stderr)
        for start in range(0, len(todo), batch):
            part = todo[start : start + batch]
            progress.write(_detect(inferencer, reader, part, ids, score, most, batch))
            bar.update(len(part))
        print(file=sys.stderr)
    found, skipped = _results(progress, [image for image, _, _ in listed])
    counts = write_detections(found, output, len(listed), skipped, load_report)
    os.remove(progress.path)
    return counts


@contextmanager
def scope_kept() -> Iterator[None]:
    """Keep mmengine's default scope, which mmdet's inferencer makes its own for good."""
    scope = DefaultScope.get_current_instance()
    try:
        yield
    finally:
        if scope is not None:
            init_default_scope(scope.scope_name)


def _images_of(
    source: str,
    folder: str,
    frames: FrameSelection,
    load_report: LoadReport,
    backend_args: Optional[dict],
    allow_outside: bool,
) -> Tuple[List[Image], List[dict]]:
    """The images, and the categories of a list."""
    if not source.endswith('.json'):
        found = list_images(source, frames, load_report, backend_args, allow_outside=allow_outside)
        return [(name, path, None) for name, path in found.items()], []
    content = read_json(source, backend_args)
    if not isinstance(content, dict) or 'images' not in content:
        raise ValueError(f"{source} is no list of images in COCO's format, it has no 'images'")
    listed = []
    for image in entries(content['images'], 'image', load_report, key='id'):
        problem = leads_outside(image.get('file_name'), allow_outside)
        if problem:
            load_report.broken[problem] += 1
        else:
            # Boxes are of the same turn as training reads the image in.
            size = [image['width'], image['height']] if image.get('width') and image.get('height') else None
            listed.append((image['id'], osp.join(folder, image['file_name']), size))
    return listed, entries(content.get('categories'), 'category', load_report, key='id')


def _category_ids(classes: Sequence[str], wanted: Sequence[str], known: List[dict]) -> Dict[int, int]:
    """From the detector's labels to the ids of categories."""
    listed = {category.get('name'): category['id'] for category in known}
    for name in wanted:
        if name not in classes:
            raise ValueError(
                f'the detector has no class {name!r}; it has {", ".join(classes[:10])}'
                + (', ...' if len(classes) > 10 else '')
            )
    return {classes.index(name): listed.get(name, classes.index(name) + 1) for name in wanted}


def _detect(
    inferencer: DetInferencer,
    reader: ImageReader,
    part: List[Image],
    ids: Dict[int, int],
    score: float,
    most: int,
    batch: int,
) -> List[dict]:
    """One line of the progress file for each image."""
    lines, pixels = [], []
    for image, path, size in part:
        try:
            pixels.append(reader.read(path, size))
            lines.append(dict(image_id=image))
        except UnusableImage as problem:
            lines.append(dict(image_id=image, problem=f'{path} {problem}'))
    answers = iter(inferencer(pixels, batch_size=batch, return_datasamples=True)['predictions'] if pixels else ())
    for line in lines:
        if 'problem' not in line:
            line['boxes'] = _boxes(next(answers).pred_instances.cpu().numpy(), ids, score, most)
    return lines


def _boxes(instances: Any, ids: Dict[int, int], score: float, most: int) -> List[list]:
    """(category_id, left, top, width, height, score) of the best boxes."""
    kept = np.flatnonzero(
        np.isin(instances.labels, list(ids)) & (instances.scores >= score) & np.isfinite(instances.bboxes).all(axis=1)
    )
    kept = kept[np.argsort(-instances.scores[kept], kind='stable')][:most]
    rows = []
    for number in kept:
        left, top, right, bottom = instances.bboxes[number].astype(float).round(2).tolist()
        rows.append(
            [
                ids[int(instances.labels[number])],
                left,
                top,
                round(right - left, 2),
                round(bottom - top, 2),
                round(float(instances.scores[number]), 5),
            ]
        )
    return rows


def _results(progress: Progress, images: List[Any]) -> Tuple[List[dict], Dict[str, str]]:
    """Detections in COCO's result format, and what is wrong with images that have none for that, in order."""
    found, skipped = [], {}
    for image in images:
        line = progress.done[image]
        if 'problem' in line:
            skipped[str(image)] = line['problem']
        for category, *box, score in line.get('boxes', ()):
            found.append(dict(image_id=image, category_id=category, bbox=box, score=score))
    return found, skipped
