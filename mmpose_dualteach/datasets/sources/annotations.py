# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""People of annotation files, their labels left unread. Boxes are read as the labelled dataset's class reads them."""
import json
import os.path as osp
import tempfile
from typing import Any, Dict, List, Optional, Sequence, Union

import numpy as np
from mmengine.dataset import BaseDataset
from mmpose.datasets.datasets.base import BaseCocoStyleDataset

from ..checks import box_problem, boxes_are_usable, is_entry, listed_side, short
from ..people_index import PeopleIndex, as_numbers
from .account import Account
from .files import leads_outside
from .stock_boxes import columns_of, parts_of, read_boxes


def people_of_coco(images: List[dict], boxes: List[dict], reader: BaseDataset, folder: str, account: Account,
                   allow_absolute: bool = False, paths: Optional[Sequence[str]] = None) -> PeopleIndex:
    """The people in boxes of COCO's format, or of its result format.

    Args:
        images (List[dict]): Images: ``id``, ``file_name``, ``width`` and ``height`` if they are known.
        boxes (List[dict]): Annotations or detections.
        reader (BaseDataset): Of the labelled dataset's class.
        folder (str): The folder of images.
        account (Account): Is told what is broken and left out.
        allow_absolute (bool): Whether file names may be absolute. Defaults to False.
        paths (Sequence[str], optional): Path of each image. Defaults to that of its name in the folder.

    Returns:
        PeopleIndex: The people.
    """
    boxes = parts_of(boxes, reader)
    outside = {place: problem for place, image in enumerate(images)
               if paths is None and (problem := leads_outside(image.get('file_name'), allow_absolute))}
    places = {image['id']: place for place, image in enumerate(images)}
    place = np.array([_place(box, places) for box in boxes], dtype=np.int64)
    extents = as_numbers([box.get('bbox') for box in boxes], 4)
    listed = [(listed_side(image.get('width')), listed_side(image.get('height'))) for image in images]
    sizes = np.array([*listed, (np.inf, np.inf)], dtype=np.float64)[place]  # The last one is of images not listed.

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
        account.broken[reason] += 1

    found = [images[at] if use else None for at, use in zip(place, usable)]
    columns, people = read_boxes(boxes, extents, sizes, found, reader, folder, account)
    usable &= people
    flat = usable & ~(columns['bbox'][:, 2:] > columns['bbox'][:, :2]).all(axis=1)
    for number in np.flatnonzero(flat):
        account.broken[f'image {images[place[number]]["file_name"]}: box {short(boxes[number].get("bbox"))} has no '
                       f'area as {type(reader).__name__} reads it'] += 1
    usable &= ~flat
    again = _seen_before(place, columns, usable)
    if again.any():
        account.left_out['the same box of the same image again'] += int(again.sum())
        usable &= ~again
    if paths is None:
        paths = ['' if place in outside else osp.join(folder, image['file_name']) for place, image in enumerate(images)]
    ids = [box.get('id', number) for number, box in enumerate(boxes)]
    return PeopleIndex(paths, [image['id'] for image in images], place[usable],
                       [ids[number] for number in np.flatnonzero(usable)],
                       {key: values[usable] for key, values in columns.items()}, listed)


def people_of_mpii(content: Union[list, dict], reader: BaseDataset, source: str, folder: Dict[str, str],
                   account: Account, allow_absolute: bool = False) -> PeopleIndex:
    """The people of a file in MPII's own format, or MPII-TRB's.

    Args:
        content (list | dict): What the file has.
        reader (BaseDataset): Of the labelled dataset's class.
        source (str): The file, for errors.
        folder (Dict[str, str]): The dataset's ``data_prefix``.
        account (Account): Is told what is broken.
        allow_absolute (bool): Whether file names may be absolute. Defaults to False.

    Returns:
        PeopleIndex: The people.

    Raises:
        ValueError: If the labelled dataset's class does not read such files; names the file.
    """
    if type(reader)._load_annotations is BaseCocoStyleDataset._load_annotations:
        raise ValueError(f"{source} is in MPII's format, which {type(reader).__name__} does not read; set "
                         "unlabeled.dataset_type='MpiiDataset'")
    listed = content if isinstance(content, list) else content['annotations']
    usable = []
    # Ones in place of labels, which are not read.
    count = reader.metainfo['num_keypoints']
    labels = dict(joints=[[1., 1.]] * count, joints_vis=[1.] * count, keypoints=[1.] * (3 * count), num_joints=1)
    for number, person in enumerate(listed):
        problem = _circle_problem(person['center'], person['scale'])
        if not problem and 'image' in person:
            problem = leads_outside(person['image'], allow_absolute)
        if problem:
            account.broken[f'person {number}: {problem}'] += 1
        else:
            usable.append(dict(dict(id=number, iscrowd=0), **dict(person, **labels)))
    if not usable:
        return PeopleIndex([], [])
    with tempfile.NamedTemporaryFile('w', suffix='.json', encoding='utf-8') as file:
        json.dump(usable if isinstance(content, list) else dict(content, annotations=usable), file)
        file.flush()
        reader.ann_file, reader.data_prefix = file.name, folder
        try:
            people = reader._load_annotations()[0]
        except (KeyError, ValueError) as error:
            raise ValueError(f'{source}: {type(reader).__name__} cannot read it ({error}); it must be as MPII\'s own '
                             'files are') from error
    return PeopleIndex([person['img_path'] for person in people], [person['img_id'] for person in people],
                       ids=[person['id'] for person in people], boxes=columns_of(people))


def is_mpii(content: Any) -> bool:
    """Whether people have a centre and a scale and no box: MPII's list of them, or MPII-TRB's annotations."""
    if isinstance(content, list):
        people, keys = content, {'image', 'center', 'scale'}
    else:
        people, keys = content.get('annotations') if isinstance(content, dict) else None, {'center', 'scale'}
    return isinstance(people, list) and bool(people) and all(
        isinstance(person, dict) and keys <= set(person) and 'bbox' not in person for person in people)


def entries(values: Any, what: str, account: Account, key: Optional[str] = None) -> List[dict]:
    """Those entries of a list that are dicts, and have an id that can be looked up by.

    Args:
        values (Any): What a file has for a list.
        what (str): What it lists.
        account (Account): Is told what is broken.
        key (str, optional): The key of that id. Defaults to None.

    Returns:
        List[dict]: The entries.
    """
    usable = []
    for number, entry in enumerate(values if isinstance(values, list) else []):
        if is_entry(entry, key):
            usable.append(entry)
        else:
            account.broken[f'{what} {number} is no entry' + (f' with {key}' if key else '')] += 1
    return usable


def _place(box: dict, places: Dict[Any, int]) -> int:
    try:
        return places.get(box.get('image_id'), -1)
    except TypeError:  # A list, for instance.
        return -1


def _seen_before(place: np.ndarray, columns: Dict[str, np.ndarray], usable: np.ndarray) -> np.ndarray:
    """Which people have the same image and box as an earlier one, in shape (N,), bool."""
    again = np.zeros(len(place), dtype=bool)
    rows = np.flatnonzero(usable)
    keys = np.column_stack([place[rows], *[values[rows] for values in columns.values()]])
    order = np.lexsort(keys.T)
    same = (keys[order][1:] == keys[order][:-1]).all(axis=1)
    again[rows[order[1:][same]]] = True
    return again


def _circle_problem(center: Any, scale: Any) -> Optional[str]:
    try:
        numbers = np.asarray([*center, scale], dtype=np.float64)
    except (TypeError, ValueError):
        numbers = np.array([])
    if numbers.shape != (3, ) or not np.isfinite(numbers).all() or numbers[2] <= 0:
        return f'centre {center} and scale {scale} are no place of a size'
    return None
