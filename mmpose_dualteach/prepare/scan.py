# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What is wrong or unusual with a training set's images and boxes, all of it, before training."""
import hashlib
import io
import os
import sys
import threading
import warnings
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Callable, Dict, Iterator, List, Optional, Tuple

import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.utils import ProgressBar
from mmpose.datasets.transforms import LoadImage
from mmpose.registry import DATASETS
from PIL import Image

from mmpose_dualteach.datasets.checks import build_labeled, check_labels, innermost
from mmpose_dualteach.datasets.sources.account import Account
from mmpose_dualteach.datasets.sources.images import ImageReader, UnusableImage, refuse_outside
from mmpose_dualteach.datasets.unlabeled import MAX_BROKEN
from mmpose_dualteach.whole_files import printable

HUGE = 50e6  # Pixels; decoded, such an image takes 150 MB in each worker that meets it.
LONG_NAME = 200  # Bytes; most file systems stop at 255.
EXIF_ORIENTATION = 0x0112
AT_ONCE = 256
Listed = Tuple[Optional[tuple], List[Optional[np.ndarray]]]  # An image's size and people's boxes, as far as known.
SUFFIXES = dict(JPEG=('.jpg', '.jpeg'), PNG=('.png', ), BMP=('.bmp', ), WEBP=('.webp', ), TIFF=('.tif', '.tiff'))


@dataclass
class Scan:
    """What was found.

    Attributes:
        images (int): How many images were looked at.
        people (int): People on those that can be used.
        broken (Dict[str, str]): What is wrong with each image that cannot be used, by path.
        notes (Dict[str, List[str]]): Paths of the images that can be used and are unusual, by what they are.
        account (Account): What is wrong with boxes, and what was left out.
        stops (str): Why training would stop because of that, or nothing.
    """
    images: int = 0
    people: int = 0
    broken: Dict[str, str] = field(default_factory=dict)
    notes: Dict[str, List[str]] = field(default_factory=lambda: defaultdict(list))
    account: Account = field(default_factory=Account)
    stops: str = ''


def scan(config: Config, jobs: Optional[int] = None) -> Dict[str, Scan]:
    """Look at every image of a switched config's training set.

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
    unlabeled = DATASETS.build(dict(sets.unlabeled, max_broken=1.))
    jobs = jobs or 2 * (os.cpu_count() or 1)
    labels: Dict[str, Listed] = {}
    for part in innermost(labeled):
        for index in range(len(part)):
            _add(labels, part.get_data_info(index))
    people: Dict[str, Listed] = {}
    for index in range(len(unlabeled)):
        _add(people, unlabeled.get_data_info(index), unlabeled.data_list.listed_size(index))
    scans = dict(labeled=_look(labels, lambda: ImageReader(LoadImage()), jobs, Account()),
                 unlabeled=_look(people, unlabeled.image_reader, jobs, unlabeled.account))
    for ann_file in sorted({part.ann_file for part in innermost(labeled)}):
        try:
            check_labels(ann_file)
        except ValueError as problem:
            scans['labeled'].account.broken[str(problem)] += 1
    if scans['labeled'].broken or scans['labeled'].account.broken:
        scans['labeled'].stops = 'every labelled person must be usable'
    most, found = sets.unlabeled.get('max_broken', MAX_BROKEN), scans['unlabeled']
    on_broken = sum(len(people[path][1]) for path in found.broken)
    for what, count, of in (('boxes', sum(found.account.broken.values()), len(unlabeled)), ('people', on_broken,
                                                                                         found.people)):
        if count > most * (count + of):
            found.stops = f'{count} of {count + of} {what} cannot be used, more than max_broken={most}'
    return scans


def _add(images: Dict[str, Listed], person: dict, size: Optional[tuple] = None) -> None:
    images.setdefault(person['img_path'], (size, []))[1].append(person.get('bbox'))


def _look(images: Dict[str, Listed], new_reader: Callable[[], ImageReader], jobs: int, account: Account) -> Scan:
    found, own, seen = Scan(account=account), threading.local(), {}

    def examine(path: str) -> Tuple[Optional[str], List[str], str]:
        if not hasattr(own, 'reader'):
            own.reader = new_reader()
        return _examine(path, own.reader, *images[path])

    progress = ProgressBar(len(images), file=sys.stderr)
    with ThreadPoolExecutor(jobs) as pool:
        for paths in _slices(list(images), AT_ONCE):
            for path, (problem, notes, digest) in zip(paths, pool.map(examine, paths)):
                found.images += 1
                if problem:
                    found.broken[path] = problem
                else:
                    found.people += len(images[path][1])
                    if digest and seen.setdefault(digest, path) != path:
                        notes.append('the same file as another one')
                    for note in notes:
                        found.notes[note].append(path)
            progress.update(len(paths))
    print(file=sys.stderr)
    return found


def _examine(path: str, reader: ImageReader, size: Optional[tuple],
             boxes: List[Optional[np.ndarray]]) -> Tuple[Optional[str], List[str], str]:
    """What is wrong with an image, what is unusual, and a digest of its file."""
    try:
        image, content = reader.read_with_file(path, size)
    except UnusableImage as problem:
        return str(problem), [], ''
    notes = []
    for box in boxes:
        try:
            refuse_outside(box, image)
        except UnusableImage:
            notes = ['has a box that lies outside of it']
    if not content:  # A video's frame.
        return None, notes, ''
    return None, notes + list(_unusual(path, content)), hashlib.blake2b(content, digest_size=16).hexdigest()


def _unusual(path: str, content: bytes) -> Iterator[str]:
    if len(os.fsencode(os.path.basename(path))) > LONG_NAME:
        yield 'has a very long name'
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(content)) as header:
            warnings.simplefilter('ignore')
            kind, mode, size = header.format, header.mode, header.size
            orientation = header.getexif().get(EXIF_ORIENTATION, 1)
    except Image.DecompressionBombError:
        yield f'is huge, more than {HUGE / 1e6:.0f} million pixels'
        return
    except Exception:  # What OpenCV decodes and PIL does not know.
        return
    if os.path.splitext(path)[1].lower() not in SUFFIXES.get(kind, (os.path.splitext(path)[1].lower(), )):
        yield f'is {kind} by another suffix'
    if mode in ('L', '1', 'LA'):
        yield 'is grey'
    if mode.startswith('I') or mode == 'F':
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
        yield items[start:start + count]


def in_words(scans: Dict[str, Scan]) -> Iterator[str]:
    """Lines for a terminal: counts, with examples."""
    for side, found in scans.items():
        yield f'{side}: {found.images} images, {len(found.broken)} of which cannot be used; {found.people} people'
        for path, problem in list(found.broken.items())[:5]:
            yield f'    {printable(path)} {printable(problem)}'
        if len(found.broken) > 5:
            yield f'    and {len(found.broken) - 5} more'
        for reason, count in found.account.broken.most_common(5):
            yield f'    box or file skipped: {printable(reason)}' + (f' ({count} times)' if count > 1 else '')
        for reason, count in found.account.left_out.most_common():
            yield f'    left out: {count} {printable(reason)}'
        for note, paths in sorted(found.notes.items(), key=lambda item: -len(item[1])):
            yield f'    {note}: {len(paths)}, for instance {printable(paths[0])}'
        if found.stops:
            yield f'    training would stop: {found.stops}'


def as_json(scans: Dict[str, Scan]) -> dict:
    """Everything, with every path."""
    return {side: dict(images=found.images, people=found.people,
                       broken={printable(path): printable(problem) for path, problem in found.broken.items()},
                       boxes=dict(broken=dict(found.account.broken), left_out=dict(found.account.left_out)),
                       notes={note: [printable(path) for path in paths] for note, paths in found.notes.items()})
            for side, found in scans.items()}
