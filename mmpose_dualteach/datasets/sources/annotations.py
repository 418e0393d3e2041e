# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Instances of annotation files: labels are left unread, boxes are read as the labelled dataset's class reads them."""

import os.path as osp
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import numpy as np
from mmengine.dataset import BaseDataset

from mmpose_dualteach.datasets.box_arrays import as_numbers
from mmpose_dualteach.datasets.checks import (
    box_problem,
    boxes_are_usable,
    is_entry,
    layout_problem,
    listed_side,
    short,
    stock_class_of,
)
from mmpose_dualteach.datasets.sources.files import leads_outside
from mmpose_dualteach.datasets.sources.instance_index import InstanceIndex
from mmpose_dualteach.datasets.sources.load_report import LoadReport
from mmpose_dualteach.datasets.sources.stock_boxes import parts_of, read_boxes
from mmpose_dualteach.utils.file_io import printable

MOST_MEASURED = 50  # Images.


def instances_of_coco(
    images: List[dict],
    boxes: List[dict],
    reader: BaseDataset,
    source: str,
    folder: str,
    load_report: LoadReport,
    allow_absolute: bool = False,
    paths: Optional[Sequence[str]] = None,
    size_of: Optional[Callable[[str], Optional[Tuple[int, int]]]] = None,
) -> InstanceIndex:
    """The instances in boxes of COCO's format, or of its result format.

    Args:
        images (List[dict]): Images: ``id``, ``file_name``, ``width`` and ``height`` if they are known.
        boxes (List[dict]): Annotations or detections.
        reader (BaseDataset): Of the labelled dataset's class.
        source (str): The file of boxes, for errors.
        folder (str): The folder of images.
        load_report (LoadReport): Is told what is broken and left out.
        allow_absolute (bool): Whether file names may be absolute. Defaults to False.
        paths (Sequence[str], optional): Path of each image. Defaults to that of its name in the folder.
        size_of (Callable, optional): Is asked for (width, height) of a few images by their paths, where the boxes may
            be no boxes and no size is listed; None is unknown. Defaults to None.

    Returns:
        InstanceIndex: The instances.

    Raises:
        ValueError: If the boxes are not (left, top, width, height) in pixels; names the file.
    """
    boxes = parts_of(boxes, reader)
    outside = {
        place: problem
        for place, image in enumerate(images)
        if paths is None and (problem := leads_outside(image.get('file_name'), allow_absolute))
    }
    places = {image['id']: place for place, image in enumerate(images)}
    twice = _twice(images) if len(places) < len(images) else None
    if twice:
        raise ValueError(f'{source}: {twice}, so that nobody knows whose boxes are whose; number the images anew')
    place = np.array([_place(box, places) for box in boxes], dtype=np.int64)
    extents = as_numbers([box.get('bbox') for box in boxes], 4)
    listed = [(listed_side(image.get('width')), listed_side(image.get('height'))) for image in images]
    sizes = np.array([*listed, (np.inf, np.inf)], dtype=np.float64)[place]  # The last one is of images not listed.

    if paths is None:
        paths = ['' if at in outside else osp.join(folder, image['file_name']) for at, image in enumerate(images)]
    if stock_class_of(reader):
        problem = layout_problem(extents, sizes, measure=lambda rows: _measured(place[rows], paths, size_of))
        if problem:
            raise ValueError(f'{source}: {problem}')

    usable = (place >= 0) & boxes_are_usable(extents, sizes)
    if outside:
        usable &= ~np.isin(place, list(outside))
    for number in np.flatnonzero(~usable):
        if place[number] < 0:
            reason = 'names an image that the source does not list'
        elif place[number] in outside:
            reason = outside[place[number]]
        else:
            image = images[place[number]]
            problem = box_problem(boxes[number].get('bbox'), *listed[place[number]])
            reason = f'image {image["file_name"]}: {problem}'
        load_report.broken[reason] += 1

    found = [images[at] if use else None for at, use in zip(place, usable)]
    columns, read = read_boxes(boxes, extents, sizes, found, reader, folder, load_report)
    usable &= read
    flat = usable & ~(columns['bbox'][:, 2:] > columns['bbox'][:, :2]).all(axis=1)
    for number in np.flatnonzero(flat):
        load_report.broken[
            f'image {images[place[number]]["file_name"]}: box {short(boxes[number].get("bbox"))} has no '
            f'area as {type(reader).__name__} reads it'
        ] += 1
    usable &= ~flat
    again = _seen_before(place, columns, usable)
    if again.any():
        load_report.left_out['the same box of the same image again'] += int(again.sum())
        usable &= ~again
    ids = [box.get('id', number) for number, box in enumerate(boxes)]
    return InstanceIndex(
        paths,
        [image['id'] for image in images],
        place[usable],
        [ids[number] for number in np.flatnonzero(usable)],
        {key: values[usable] for key, values in columns.items()},
        listed,
    )


def images_of_coco(
    images: List[dict], folder: str, load_report: LoadReport, allow_absolute: bool = False
) -> InstanceIndex:
    """The images of a file in COCO's format, each one whole.

    Args:
        images (List[dict]): Images: ``id``, ``file_name``, ``width`` and ``height`` if they are known.
        folder (str): The folder of images.
        load_report (LoadReport): Is told what is broken.
        allow_absolute (bool): Whether file names may be absolute. Defaults to False.

    Returns:
        InstanceIndex: The images.
    """
    usable = []
    for image in images:
        problem = leads_outside(image.get('file_name'), allow_absolute)
        if problem:
            load_report.broken[problem] += 1
        else:
            usable.append(image)
    return InstanceIndex(
        [osp.join(folder, image['file_name']) for image in usable],
        [image['id'] for image in usable],
        sizes=[(listed_side(image.get('width')), listed_side(image.get('height'))) for image in usable],
    )


def entries(values: Any, what: str, load_report: LoadReport, key: Optional[str] = None) -> List[dict]:
    """Those entries of a list that are dicts, and have an id that can be looked up by.

    Args:
        values (Any): What a file has for a list.
        what (str): What it lists.
        load_report (LoadReport): Is told what is broken.
        key (str, optional): The key of that id. Defaults to None.

    Returns:
        List[dict]: The entries.
    """
    usable = []
    for number, entry in enumerate(values if isinstance(values, list) else []):
        if is_entry(entry, key):
            usable.append(entry)
        else:
            load_report.broken[f'{what} {number} is no entry' + (f' with {key}' if key else '')] += 1
    return usable


def _place(box: dict, places: Dict[Any, int]) -> int:
    try:
        return places.get(box.get('image_id'), -1)
    except TypeError:  # A list, for instance.
        return -1


def _twice(images: List[dict]) -> Optional[str]:
    """Say which two images have one id; an image that is listed twice is one."""
    names: Dict[Any, Any] = {}
    for image in images:
        name, before = image.get('file_name'), names.setdefault(image['id'], image.get('file_name'))
        if name != before:
            return f'images {printable(str(before))} and {printable(str(name))} both have the id {image["id"]!r}'
    return None


def _measured(
    place: np.ndarray, paths: Sequence[str], size_of: Optional[Callable[[str], Optional[Tuple[int, int]]]]
) -> np.ndarray:
    """(width, height) of each one's image in shape (N, 2), infinite for all but a few images."""
    sizes = np.full((len(place), 2), np.inf)
    if size_of is None:
        return sizes
    there = np.unique(place[place >= 0])
    for image in there[np.linspace(0, len(there) - 1, min(MOST_MEASURED, len(there))).astype(int)]:
        size = size_of(paths[image]) if paths[image] else None
        if size is not None:
            sizes[place == image] = size
    return sizes


def _seen_before(place: np.ndarray, columns: Dict[str, np.ndarray], usable: np.ndarray) -> np.ndarray:
    """Which instances have the same image and box as an earlier one, in shape (N,), bool."""
    again = np.zeros(len(place), dtype=bool)
    rows = np.flatnonzero(usable)
    keys = np.column_stack([place[rows], *[values[rows] for values in columns.values()]])
    order = np.lexsort(keys.T)
    same = (keys[order][1:] == keys[order][:-1]).all(axis=1)
    again[rows[order[1:][same]]] = True
    return again
