# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What makes two images of annotation files one."""

import posixpath
import unicodedata
from typing import Any, Collection, Dict, Iterable, List, Mapping


def image_name(image: Mapping[str, Any]) -> str:
    """The name by which an image is the same in every file: its path below the folder of images, written one way
    (with forward slashes and composed letters, whatever the system). Numbers of images are a file's own, labelling
    tools give new ones."""
    path = unicodedata.normalize('NFC', str(image.get('file_name', '')))
    return posixpath.normpath(path.replace('\\', '/')).lstrip('/')


def first_of_each(images: List[dict]) -> Dict[Any, Any]:
    """From the id of each image of a file to that of the first one with its name; an image without a name is itself."""
    first: Dict[str, Any] = {}
    return {
        image['id']: first.setdefault(image_name(image), image['id']) if image.get('file_name') else image['id']
        for image in images
    }


def known_names(names: Iterable[str], known: Collection[str], source: str) -> Dict[str, str]:
    """By which name other files know each image: the same one, else the longest end of its path that they know, else
    the only one whose path ends in its own. Labelling tools leave out folders or put some before.

    Args:
        names (Iterable[str]): See :func:`image_name`.
        known (Collection[str]): The names in other files.
        source (str): The file that ``names`` are of, for errors.

    Returns:
        Dict[str, str]: From name to known name, without those that are unknown.

    Raises:
        ValueError: If a name fits several known ones, or several names the same one; names them.
    """
    names = dict.fromkeys(names)
    found = {name: name for name in names if name in known}
    free = set(known) - set(found)
    by_last: Dict[str, List[str]] = {}
    for each in sorted(free):
        by_last.setdefault(posixpath.basename(each), []).append(each)
    taken: Dict[str, str] = {}
    for name in names:
        same = () if name in found else by_last.get(posixpath.basename(name), ())
        ends = sorted((each for each in same if name.endswith(f'/{each}')), key=len)[-1:]
        fits = ends or [each for each in same if each.endswith(f'/{name}')]
        if len(fits) > 1:
            raise ValueError(f'{source}: image {name} may be {" or ".join(fits[:3])}; name it with its folders')
        for each in fits:
            if each in taken:
                raise ValueError(
                    f'{source}: images {taken[each]} and {name} both seem to be {each}; name them as the other files do'
                )
            taken[each], found[name] = name, each
    return found
