# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What is wrong or unusual with a training set's images and boxes, all of it, before training."""

import hashlib
import io
import os
import re
import sys
import threading
import warnings
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Callable, Dict, Iterator, List, Optional, Tuple

import numpy as np
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.fileio import get
from mmengine.registry import init_default_scope
from mmengine.utils import ProgressBar
from mmpose.datasets.transforms import LoadImage
from mmpose.registry import DATASETS
from PIL import Image

from mmpose_dualteach.datasets.checks import (
    build_labeled,
    check_same_keypoints,
    image_paths,
    instances_of,
    labeled_problems,
    readers_of,
    shared_images,
)
from mmpose_dualteach.datasets.datasets.unlabeled_pose_dataset import MAX_BROKEN
from mmpose_dualteach.datasets.samplers.labeled_unlabeled_sampler import too_large_batches
from mmpose_dualteach.datasets.sources.images import EXIF_ORIENTATION, ImageReader, UnusableImage, lies_outside
from mmpose_dualteach.datasets.sources.load_report import LoadReport
from mmpose_dualteach.datasets.sources.videos import frames_in_words
from mmpose_dualteach.utils.file_io import printable

HUGE = 50e6  # Pixels; decoded, such an image takes 150 MB in each worker that meets it.
LONG_NAME = 200  # Bytes; most file systems stop at 255.
AT_ONCE = 256
Listed = Tuple[Optional[tuple], List[Optional[np.ndarray]]]  # An image's size and instances' boxes, if known.
SUFFIXES = dict(JPEG=('.jpg', '.jpeg'), PNG=('.png',), BMP=('.bmp',), WEBP=('.webp',), TIFF=('.tif', '.tiff'))


@dataclass
class Scan:
    """What was found.

    Attributes:
        images (int): How many images were looked at.
        instances (int): Instances that can be used.
        outside (int): Instances whose box lies outside of an image that can be used.
        broken (Dict[str, str]): What is wrong with each image that cannot be used, by path.
        notes (Dict[str, List[str]]): Paths of the images that can be used and are unusual, by what they are.
        load_report (LoadReport): What is wrong with boxes, and what was left out.
        hints (List[str]): What is allowed and may not be meant.
        stops (List[str]): Why training would stop.
        digests (Dict[str, bytes]): Of the contents of files, by path.
    """

    images: int = 0
    instances: int = 0
    outside: int = 0
    broken: Dict[str, str] = field(default_factory=dict)
    notes: Dict[str, List[str]] = field(default_factory=lambda: defaultdict(list))
    load_report: LoadReport = field(default_factory=LoadReport)
    hints: List[str] = field(default_factory=list)
    stops: List[str] = field(default_factory=list)
    digests: Dict[str, bytes] = field(default_factory=dict)


def scan(config: Config, jobs: Optional[int] = None) -> Dict[str, Scan]:
    """Look at every image of a switched config's training set, and for the same ones in its validation and test sets.

    Args:
        config (Config): A switched config.
        jobs (int, optional): Threads. Defaults to two a core.

    Returns:
        Dict[str, Scan]: Of the ``labeled`` and the ``unlabeled`` side.

    Raises:
        ValueError: If a set cannot be listed at all; names the file.
    """
    init_default_scope('mmpose')
    sets = config.train_dataloader.dataset
    labeled = build_labeled(sets.labeled)
    unlabeled = DATASETS.build(dict(sets.unlabeled, max_broken=1.0))
    jobs = jobs or 2 * (os.cpu_count() or 1)
    labels: Dict[str, Listed] = {}
    for part in readers_of(labeled):
        for instance in instances_of(part):
            _add(labels, instance)
    boxes: Dict[str, Listed] = {}
    for index in range(len(unlabeled)):
        _add(boxes, unlabeled.get_data_info(index), unlabeled.data_list.listed_size(index))
    scans = dict(
        labeled=_look(labels, lambda: ImageReader(LoadImage()), jobs, LoadReport()),
        unlabeled=_look(boxes, unlabeled.image_reader, jobs, unlabeled.load_report),
    )
    scans['labeled'].stops += _stops_of_labels(labeled, unlabeled, scans['labeled'])
    most, found = sets.unlabeled.get('max_broken', MAX_BROKEN), scans['unlabeled']
    on_broken = found.outside + sum(len(boxes[path][1]) for path in found.broken)
    for what, count, of in (
        ('boxes', sum(found.load_report.broken.values()), len(unlabeled)),
        ('instances', on_broken, found.instances),
    ):
        if count > most * (count + of):
            found.stops.append(f'{count} of {count + of} {what} cannot be used, more than max_broken={most}')
    sampler = config.train_dataloader.get('sampler') or {}
    sizes = (len(labeled), len(unlabeled))
    scans['labeled'].hints += too_large_batches((sampler.get('labeled', 0), 0), sizes)
    scans['unlabeled'].hints += too_large_batches((0, sampler.get('unlabeled', 0)), sizes)
    _look_for_shared(scans, dict(labelled=list(labels), unlabelled=list(boxes)), config, jobs)
    return scans


def _stops_of_labels(labeled: BaseDataset, unlabeled: BaseDataset, found: Scan) -> Iterator[str]:
    """Why training would stop because of its labels."""
    try:
        check_same_keypoints(labeled.metainfo, unlabeled.metainfo)
        yield from labeled_problems(labeled)[0]
    except ValueError as problem:
        yield str(problem)
    if found.broken:
        yield 'every labelled image must be usable'


def _look_for_shared(scans: Dict[str, Scan], train: Dict[str, List[str]], config: Config, jobs: int) -> None:
    """Add hints at images that are in several sets, under whatever names."""
    held_out: Dict[str, List[str]] = {}
    for name, key in (('validation', 'val_dataloader'), ('test', 'test_dataloader')):
        if not config.get(key):
            continue
        try:
            paths = image_paths(DATASETS.build(dict(config[key].dataset, pipeline=[])))
        except Exception as error:  # Training may do without it, and says so where it cannot.
            reason = printable(' '.join(f'{type(error).__name__}: {error}'.split()), 200)
            scans['labeled'].hints.append(f'the {name} set ({key}) cannot be read and is not compared: {reason}')
            continue
        if held_out.get('validation') == paths:
            held_out = {'validation and test': paths}
        else:
            held_out[name] = paths
    digests = {path: digest for found in scans.values() for path, digest in found.digests.items()}
    new = sorted({path for paths in held_out.values() for path in paths} - set(digests))
    if new:
        progress = ProgressBar(len(new), file=sys.stderr)
        with ThreadPoolExecutor(jobs) as pool:
            for paths in _slices(new, AT_ONCE):
                digests.update({path: digest for path, digest in zip(paths, pool.map(_digest_of, paths)) if digest})
                progress.update(len(paths))
        print(file=sys.stderr)
    sides = dict(labeled='labelled', unlabeled='unlabelled')
    for side, name in sides.items():
        scans[side].hints += shared_images({name: train[name]}, held_out, digests)
    scans['unlabeled'].hints += shared_images(train, digests=digests)


def _digest_of(path: str) -> Optional[bytes]:
    """Of an image's file, or None if it cannot be read."""
    try:
        return _digest(get(path))
    except Exception:  # Of any storage backend.
        return None


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()


def _add(images: Dict[str, Listed], instance: dict, size: Optional[tuple] = None) -> None:
    images.setdefault(instance['img_path'], (size, []))[1].append(instance.get('bbox'))


def _look(images: Dict[str, Listed], new_reader: Callable[[], ImageReader], jobs: int, load_report: LoadReport) -> Scan:
    found, own = Scan(load_report=load_report), threading.local()
    seen: Dict[bytes, str] = {}

    def examine(path: str) -> Tuple[Optional[str], int, List[str], Optional[bytes]]:
        if not hasattr(own, 'reader'):
            own.reader = new_reader()
        return _examine(path, own.reader, *images[path])

    progress = ProgressBar(len(images), file=sys.stderr)
    with ThreadPoolExecutor(jobs) as pool:
        for paths in _slices(list(images), AT_ONCE):
            for path, (problem, outside, notes, digest) in zip(paths, pool.map(examine, paths)):
                found.images += 1
                if problem:
                    found.broken[path] = problem
                else:
                    found.instances += len(images[path][1]) - outside
                    found.outside += outside
                    if digest:
                        found.digests[path] = digest
                    if digest and seen.setdefault(digest, path) != path:
                        notes.append('the same file as another one')
                    for note in notes:
                        found.notes[note].append(path)
            progress.update(len(paths))
    print(file=sys.stderr)
    return found


def _examine(
    path: str, reader: ImageReader, size: Optional[tuple], boxes: List[Optional[np.ndarray]]
) -> Tuple[Optional[str], int, List[str], Optional[bytes]]:
    """What is wrong with an image, how many boxes lie outside of it, what is unusual, and a digest of its file."""
    try:
        image, content = reader.read_with_file(path, size)
    except UnusableImage as problem:
        return str(problem), 0, [], None
    outside = sum(lies_outside(box, image) for box in boxes)
    notes = ['has a box that lies outside of it'] if outside else []
    if not content:  # A video's frame.
        return None, outside, notes, None
    return None, outside, notes + list(_unusual(path, content)), _digest(content)


def _unusual(path: str, content: bytes) -> Iterator[str]:
    if len(os.fsencode(os.path.basename(path))) > LONG_NAME:
        yield 'has a very long name'
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(content)) as header:
            warnings.simplefilter('ignore')
            kind, mode, size = header.format, header.mode, header.size
            deep = (
                mode.startswith('I') or mode == 'F' or bool(re.search(';16[BLN]', str(header.tile)))
            )  # PIL has no mode of 16-bit colours.
            orientation = header.getexif().get(EXIF_ORIENTATION, 1)
    except Image.DecompressionBombError:
        yield f'is huge, more than {HUGE / 1e6:.0f} million pixels'
        return
    except Exception:  # What OpenCV decodes and PIL does not know.
        return
    if os.path.splitext(path)[1].lower() not in SUFFIXES.get(kind or '', (os.path.splitext(path)[1].lower(),)):
        yield f'is {kind} by another suffix'
    if mode in ('L', '1', 'LA'):
        yield 'is grey'
    if deep:
        yield 'has 16 bits or more a channel, is read with 8'
    if mode == 'CMYK':
        yield 'is CMYK'
    if mode in ('RGBA', 'LA', 'PA') or 'transparency' in header.info:
        yield 'has an alpha channel, which is not read'
    if orientation != 1:
        yield 'is turned by EXIF data'
    if size[0] * size[1] > HUGE:
        yield f'is huge, more than {HUGE / 1e6:.0f} million pixels'


def _slices(items: List[str], count: int) -> Iterator[List[str]]:
    for start in range(0, len(items), count):
        yield items[start : start + count]


def scans_in_words(scans: Dict[str, Scan]) -> Iterator[str]:
    """Lines for a terminal: counts, with examples."""
    for side, found in scans.items():
        yield (
            f'{side}: {found.images} images, {len(found.broken)} of which cannot be used; {found.instances} instances'
        )
        for path, problem in list(found.broken.items())[:5]:
            yield f'    {printable(path)} {printable(problem)}'
        if len(found.broken) > 5:
            yield f'    and {len(found.broken) - 5} more'
        for reason, count in found.load_report.broken.most_common(5):
            yield f'    box or file skipped: {printable(reason)}' + (f' ({count} times)' if count > 1 else '')
        for reason, count in found.load_report.left_out.most_common():
            yield f'    left out: {count} {printable(reason)}'
        frames = frames_in_words(found.load_report)
        if frames:
            yield f'    {frames}'
        for note, paths in sorted(found.notes.items(), key=lambda item: -len(item[1])):
            yield f'    {note}: {len(paths)}, for instance {printable(paths[0])}'
        for hint in found.hints:
            yield f'    {printable(hint)}'
        for reason in found.stops:
            yield f'    training would stop: {printable(reason)}'


def as_json(scans: Dict[str, Scan]) -> dict:
    """Everything, with every path."""
    return {
        side: dict(
            images=found.images,
            instances=found.instances,
            broken={printable(path): printable(problem) for path, problem in found.broken.items()},
            boxes=dict(broken=dict(found.load_report.broken), left_out=dict(found.load_report.left_out)),
            notes={note: [printable(path) for path in paths] for note, paths in found.notes.items()},
            hints=[printable(hint) for hint in found.hints],
            stops=[printable(reason) for reason in found.stops],
        )
        for side, found in scans.items()
    }
