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
from itertools import groupby
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np
import yaml

from mmpose_dualteach.datasets.checks import short
from mmpose_dualteach.prepare.importing.labels import LabeledImage, Labels, listed_twice

HEADERS = ('scorer', 'individuals', 'bodyparts', 'coords')
PROJECT = 'config.yaml'
VISIBLE = 2.0


def is_table(path: str) -> bool:
    """Whether a path is of a table of labels."""
    return path.lower().endswith(('.csv', '.h5', '.hdf5'))


def read_project(folder: str) -> Labels:
    """Read all labels of a DeepLabCut project; where a video has several tables, that of the project's scorer.

    Raises:
        FileNotFoundError: If there are none.
        ValueError: If a table or the project's settings are none, or a video has several tables of others; names them.
    """
    tables = sorted(glob.glob(osp.join(glob.escape(folder), 'labeled-data', '*', 'CollectedData*.csv')))
    if not tables:
        raise FileNotFoundError(
            f'{folder} has no labeled-data/*/CollectedData*.csv; name a DeepLabCut project, or a table itself'
        )
    settings = _settings(folder)
    own = f'CollectedData_{settings.get("scorer")}.csv'
    tables = [_one_of(list(group), own) for _, group in groupby(tables, key=osp.dirname)]
    labels = join([read_table(table, folder) for table in tables], tables)
    links = settings.get('skeleton') or []
    for link in links if isinstance(links, list) else [links]:
        if not (isinstance(link, list) and len(link) == 2):
            raise ValueError(
                f'{osp.join(folder, PROJECT)}: {short(link)} in its skeleton is no pair of joints; correct or remove it'
            )
        one, other = (str(joint) for joint in link)
        if {one, other} <= set(labels.joints):
            labels.skeleton.append((one, other))
    return labels


def _settings(folder: str) -> Dict[str, Any]:
    """What a project's ``config.yaml`` says, nothing where there is none."""
    path = osp.join(folder, PROJECT)
    if not osp.isfile(path):
        return {}
    try:
        with open(path, encoding='utf-8') as file:
            settings = yaml.safe_load(file) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f'{path} is no valid YAML ({" ".join(str(error).split())}); correct it') from None
    if not isinstance(settings, dict):
        raise ValueError(f"{path} is no dict of settings; take DeepLabCut's")
    return settings


def _one_of(tables: Sequence[str], own: str) -> str:
    """Which of a video's tables counts: copies, or those of other scorers, have labels of the same images."""
    found = tables if len(tables) == 1 else [table for table in tables if osp.basename(table) == own]
    if not found:
        raise ValueError(
            f'{" and ".join(tables)} label the same images; move all but one, or name its scorer in {PROJECT}'
        )
    return found[0]


def join(parts: Sequence[Labels], names: Sequence[str]) -> Labels:
    """Labels of several tables as one, joints in the order of the first.

    Raises:
        ValueError: If they have other joints or folders, or an image in common; names the tables.
    """
    first = parts[0]
    for part, name in zip(parts, names):
        if sorted(part.joints) != sorted(first.joints):
            raise ValueError(
                f'{names[0]} has joints {", ".join(first.joints)}, but {name} {", ".join(part.joints)}; name the same '
                'in each, or import them apart'
            )
        if osp.realpath(part.root) != osp.realpath(first.root):
            raise ValueError(
                f'images of {names[0]} are in {first.root}, those of {name} in {part.root}; import them apart'
            )
    images = [image for part in parts for image in part.images]
    twice = listed_twice(images)
    if twice is not None:
        both = [name for part, name in zip(parts, names) if twice in [image.name for image in part.images]]
        raise ValueError(f'{" and ".join(both)} have image {twice} both; name tables that have each image once')
    for part in parts:
        order = [part.joints.index(joint) for joint in first.joints]
        for image in part.images:
            image.instances = [points[order] for points in image.instances]
    return Labels(first.joints, images, first.root, first.skeleton)


def read_table(path: str, root: Optional[str] = None) -> Labels:
    """Read a table.

    Args:
        path (str): The CSV or HDF5 file.
        root (str, optional): The folder that its images are named from. Defaults to the nearest folder above the table
            in which the first image is.

    Raises:
        FileNotFoundError: If the table, or the folder of its images, is missing.
        ValueError: If it is no such table, or has an image twice; names it.
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
    twice = listed_twice(images)
    if twice is not None:
        raise ValueError(f'{path} has image {twice} in two rows; keep one of them')
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
