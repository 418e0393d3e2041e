# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Labels of DeepLabCut projects, of one animal or several, and of Lightning Pose, which has DeepLabCut's tables.

A table has three header rows (scorer, bodyparts, coords), or four of several animals (scorer, individuals, bodyparts,
coords); a row is an image, named by a path in one column, or in three (``labeled-data``, video, image). What is not
labelled is empty. Joints that no individual has belong to an individual called ``single``.
"""

import csv
import glob
import math
import os.path as osp
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np
import yaml

from mmpose_dualteach.prepare.importing.labels import LabeledImage, Labels

HEADERS = ('scorer', 'individuals', 'bodyparts', 'coords')
PROJECT = 'config.yaml'
VISIBLE = 2.0


def is_table(path: str) -> bool:
    """Whether a path is of a table of labels."""
    return path.lower().endswith(('.csv', '.h5', '.hdf5'))


def read_project(folder: str) -> Labels:
    """Read all labels of a DeepLabCut project.

    Raises:
        FileNotFoundError: If there are none.
        ValueError: If a table is none; names it.
    """
    tables = sorted(glob.glob(osp.join(glob.escape(folder), 'labeled-data', '*', 'CollectedData*.csv')))
    if not tables:
        raise FileNotFoundError(
            f'{folder} has no labeled-data/*/CollectedData*.csv; name a DeepLabCut project, or a table itself'
        )
    labels = join([read_table(table, folder) for table in tables], tables)
    settings = osp.join(folder, PROJECT)
    if osp.isfile(settings):
        with open(settings, encoding='utf-8') as file:
            links = (yaml.safe_load(file) or {}).get('skeleton') or []
        known = set(labels.joints)
        labels.skeleton = [(a, b) for a, b in (link[:2] for link in links if len(link) > 1) if {a, b} <= known]
    return labels


def join(parts: Sequence[Labels], names: Sequence[str]) -> Labels:
    """Labels of several tables as one.

    Raises:
        ValueError: If they have other joints or folders; names the tables.
    """
    first = parts[0]
    for part, name in zip(parts, names):
        if part.joints != first.joints:
            raise ValueError(f'{names[0]} has joints {", ".join(first.joints)}, but {name} {", ".join(part.joints)}')
        if osp.realpath(part.root) != osp.realpath(first.root):
            raise ValueError(
                f'images of {names[0]} are in {first.root}, those of {name} in {part.root}; import them apart'
            )
    return Labels(first.joints, [image for part in parts for image in part.images], first.root, first.skeleton)


def read_table(path: str, root: Optional[str] = None) -> Labels:
    """Read a table.

    Args:
        path (str): The CSV or HDF5 file.
        root (str, optional): The folder that its images are named from. Defaults to the nearest folder above the table
            in which the first image is.

    Raises:
        FileNotFoundError: If the table, or the folder of its images, is missing.
        ValueError: If it is no such table; names it.
    """
    if not osp.isfile(path):
        raise FileNotFoundError(f'{path} does not exist; name a table of labels')
    header, rows = _read_csv(path) if path.lower().endswith('.csv') else _read_hdf(path)
    levels = dict(zip([level[0] for level in header], header))
    if not {'bodyparts', 'coords'} <= set(levels) or not rows:
        raise ValueError(
            f"{path} has no rows 'bodyparts' and 'coords' at its head, or no images; name DeepLabCut's or Lightning "
            "Pose's table of labels"
        )
    # Before the first coordinate stands the image's name, in one column or more.
    start = next((i for i, value in enumerate(levels['coords']) if value in ('x', 'y')), 0)
    columns = list(zip(levels.get('individuals', [''] * len(levels['coords'])), levels['bodyparts'], levels['coords']))
    joints = list(dict.fromkeys(bodypart for _, bodypart, _ in columns[start:]))
    individuals = list(dict.fromkeys(individual for individual, _, _ in columns[start:]))
    images = []
    for row in rows:
        name = '/'.join(str(part).replace('\\', '/') for part in row[:start] if part not in ('', None))
        image = LabeledImage(name)
        points = {each: np.zeros((len(joints), 3)) for each in individuals}
        found: Dict[Tuple[str, str], Dict[str, float]] = {}
        for (individual, bodypart, coord), value in zip(columns[start:], row[start:]):
            number = _number(value, path)
            if coord in ('x', 'y') and math.isfinite(number):
                found.setdefault((individual, bodypart), {})[coord] = number
        for (individual, bodypart), point in found.items():
            if len(point) == 2:
                points[individual][joints.index(bodypart)] = point['x'], point['y'], VISIBLE
        image.instances = [each for each in points.values() if each[:, 2].any()]
        images.append(image)
    return Labels(joints, images, root if root is not None else _root_of(path, images[0].name))


def _read_csv(path: str) -> Tuple[List[List[str]], List[List[Any]]]:
    try:
        with open(path, encoding='utf-8-sig', newline='') as file:
            lines = [line for line in csv.reader(file) if line]
    except UnicodeDecodeError as error:
        raise ValueError(f'{path} is no text in UTF-8: {error}') from None
    header = [line for line in lines[: len(HEADERS)] if line[0] in HEADERS]
    return header, lines[len(header) :]


def _read_hdf(path: str) -> Tuple[List[List[str]], List[List[Any]]]:
    try:
        import pandas
    except ImportError:
        raise ValueError(f'{path}: reading HDF5 takes pandas and tables; install them, or name the CSV file beside it')
    try:
        table = pandas.read_hdf(path)
    except ImportError as error:
        raise ValueError(f'{path}: {error}; or name the CSV file beside it') from None
    index = [list(each) if isinstance(each, tuple) else [each] for each in table.index]
    width = len(index[0]) if index else 1
    header = [
        [str(name)] + [''] * (width - 1) + [str(value) for value in table.columns.get_level_values(level)]
        for level, name in enumerate(table.columns.names)
    ]
    return header, [each + list(values) for each, values in zip(index, table.to_numpy().tolist())]


def _number(value: Any, path: str) -> float:
    if value in ('', None):
        return math.nan
    try:
        return float(value)
    except ValueError:
        raise ValueError(f'{path} has {value!r} where a coordinate should be') from None


def _root_of(table: str, name: str) -> str:
    folder = osp.dirname(osp.abspath(table))
    while True:
        if osp.isfile(osp.join(folder, name)):
            return folder
        above = osp.dirname(folder)
        if above == folder:
            raise FileNotFoundError(f'{table} names image {name}, which is in no folder above it; name it by --images')
        folder = above
