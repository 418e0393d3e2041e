# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Images of several COCO-style files under one name each."""

import os.path as osp
from typing import Mapping, Optional, Tuple

from mmpose_dualteach.label_loop.label_files import corrected_names, images_by_name
from mmpose_dualteach.prepare.identity import image_name, known_names


def common_root(roots: Tuple[str, str]) -> str:
    """The folder that holds two folders of images.

    Raises:
        ValueError: If there is none but the file system's root.
    """
    root = osp.commonpath([osp.abspath(each) for each in roots])
    if root == osp.dirname(root):
        raise ValueError(f'{roots[0]} and {roots[1]} are in no folder together; move one, or link both into a folder')
    return root


def named_from_root(
    roots: Tuple[str, str], old: dict, new: dict, rest: dict, corrected: str, unlabeled: Optional[str]
) -> Tuple[dict, dict, dict, int]:
    """Three COCO-style files, images of which are named from the folder that holds both of two, and of how many
    corrected images the name below their folder is another."""
    root = common_root(roots)
    new, renamed = _named_as_there(roots[1], new, rest, corrected, unlabeled)
    old, new, rest = (_named_from(root, each, folder) for each, folder in zip((old, new, rest), (*roots, roots[1])))
    if rest['images'] and not images_by_name(new).keys() & images_by_name(rest).keys():
        raise ValueError(
            f'{corrected} and {unlabeled} have no image of the same name; the second folder of --images is that '
            'from which both name theirs'
        )
    return old, new, rest, renamed


def _named_as_there(folder: str, new: dict, rest: dict, corrected: str, unlabeled: Optional[str]) -> Tuple[dict, int]:
    """The corrected file, images of which are named as the unlabelled file or a folder has them; see
    :func:`named_as_known`."""
    images, listed = images_by_name(new), images_by_name(rest)
    names = [
        name
        for name in corrected_names(new)
        if name in listed
        or not any(osp.isfile(osp.join(folder, way)) for way in (name, images[name]['file_name'].lstrip('/')))
    ]
    found = known_names(names, listed, corrected)
    strange = [name for name in names if name not in found]
    if strange and osp.isdir(folder):  # Else labels are merged where images are not at hand.
        raise ValueError(
            f'{corrected}: {len(strange)} corrected images are neither in {folder} nor in '
            f'{unlabeled or "an unlabelled file"} ({", ".join(strange[:3])}); name them by their paths below that '
            'folder, the second of --images; corrections of images of the first one are merged without --images'
        )
    return _renamed(new, found), sum(name != other for name, other in found.items())


def _named_from(root: str, content: dict, folder: str) -> dict:
    """A COCO-style file of a folder's images, named by their paths from one that holds it."""
    way = osp.relpath(osp.abspath(folder), root)
    named = [dict(image, file_name=osp.join(way, image['file_name'])) for image in content['images']]
    return dict(content, images=named)


def named_as_known(old: dict, new: dict, rest: dict, corrected: str, unlabeled: Optional[str]) -> Tuple[dict, int]:
    """The corrected file, images of which are named as the others name them, and of how many the name is another."""
    names = corrected_names(new)
    found = known_names(names, {**images_by_name(rest), **images_by_name(old)}, corrected)
    strange = [name for name in names if name not in found]
    if unlabeled and strange:
        raise ValueError(
            f'{corrected}: {len(strange)} corrected images are neither in the labelled file nor in {unlabeled} '
            f'({", ".join(strange[:3])}); name them as these do, or give --images if the labelled ones are in another '
            'folder'
        )
    return _renamed(new, found), sum(name != other for name, other in found.items())


def _renamed(content: dict, names: Mapping[str, str]) -> dict:
    """A COCO-style file with other names of some images; Windows' are written as every system reads them."""
    named = [
        dict(image, file_name=names.get(image_name(image), image['file_name'].replace('\\', '/')))
        for image in content['images']
    ]
    return dict(content, images=named)
