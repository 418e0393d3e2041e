# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Images that are in several sets."""

import os.path as osp
from itertools import combinations, product
from typing import Callable, Dict, Hashable, Iterable, Iterator, List, Mapping, Optional

from mmengine.dataset import BaseDataset

from mmpose_dualteach.datasets.checks.labels import instances_of, readers_of
from mmpose_dualteach.utils.file_io import printable

MOST_LINKS = 50000  # Asking a file system for each of more would take long; folders that are links are always followed.


def image_paths(dataset: BaseDataset) -> List[str]:
    """Paths of a dataset's images.

    Args:
        dataset (BaseDataset): A dataset, in whatever wrappers.

    Returns:
        List[str]: Each once.
    """
    paths: Dict[str, None] = {}
    for part in readers_of(dataset):
        part.full_init()
        listed = getattr(part, 'image_paths', None)
        if listed is None:
            listed = (each['img_path'] for each in instances_of(part) if 'img_path' in each)
        paths.update(dict.fromkeys(listed))
    return list(paths)


def shared_images(
    train: Mapping[str, Iterable[str]],
    held_out: Optional[Mapping[str, Iterable[str]]] = None,
    digests: Optional[Mapping[str, Hashable]] = None,
) -> List[str]:
    """Say which images are in several sets.

    Args:
        train (Mapping[str, Iterable[str]]): Paths of the images of each training set, by its name (``'labelled'``).
        held_out (Mapping[str, Iterable[str]], optional): The same of the sets that are measured on (``'validation'``),
            to be compared with the training sets. Defaults to None: those are compared with each other.
        digests (Mapping[str, Hashable], optional): Of the contents of files by path; two of the same content are the
            same image. Defaults to None: two of the same real path are.

    Returns:
        List[str]: A line for every two sets that share images, with how many and what that means.
    """
    sets = {name: _by_identity(paths, digests or {}) for name, paths in {**train, **(held_out or {})}.items()}
    pairs = combinations(train, 2) if held_out is None else product(train, held_out)
    lines = []
    for one, other in pairs:
        shared = sets[one].keys() & sets[other].keys()
        if shared:
            # A set has no order that is the same in every run.
            path, again = min((sets[one][each], sets[other][each]) for each in shared)
            example = printable(path) + (f' ({printable(again)} there)' if again != path else '')
            if held_out is not None:
                meaning = f'scores on them say little about new images; take them out of the {one} set'
            else:
                meaning = f'they teach as either; if that is not meant, take them out of the {other} set'
            lines.append(
                f'{len(shared)} of {len(sets[one])} {one} images are {other} images too, for instance '
                f'{example}: {meaning}'
            )
    return lines


def _by_identity(paths: Iterable[str], digests: Mapping[str, Hashable]) -> Dict[Hashable, str]:
    """One path of each image, by what makes it the same as another."""
    paths = list(paths)
    real = _real_paths(paths, links=len(paths) <= MOST_LINKS)
    return {digests.get(path, place): path for path, place in zip(paths, real)}


def _real_paths(paths: Iterable[str], links: bool) -> Iterator[str]:
    """Paths without links: of folders, and of files if that is asked for."""
    folders: Dict[str, str] = {}
    real: Callable[[str], str] = osp.realpath
    for path in paths:
        folder, _, name = path.rpartition('/')
        if '://' in path:  # Of a storage backend.
            yield path
        elif links and osp.islink(path):
            yield real(path)
        else:
            if folder not in folders:
                folders[folder] = real(folder or ('/' if path.startswith('/') else '.'))
            yield f'{folders[folder]}/{name}'
