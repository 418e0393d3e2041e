# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Files below a folder, and names that must not lead out of it."""

import os
import os.path as osp
from typing import Any, Iterator, List, Optional, Sequence, Tuple

from mmengine.fileio import LocalBackend, get_file_backend

from mmpose_dualteach.datasets.sources.load_report import LoadReport

IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff')


def is_local(path: str, backend_args: Optional[dict] = None) -> bool:
    """Whether a path is of this machine's file system."""
    return isinstance(get_file_backend(path, backend_args=backend_args), LocalBackend)


def list_folder(
    folder: str, suffixes: Tuple[str, ...], load_report: LoadReport, backend_args: Optional[dict] = None
) -> List[str]:
    """List the files of some kinds below a folder.

    Links to folders are not followed, so that a loop ends and nothing is listed twice.

    Args:
        folder (str): The folder, on any of mmengine's storage backends.
        suffixes (Tuple[str, ...]): Suffixes in lower case.
        load_report (LoadReport): Is told what is broken and left out.
        backend_args (dict, optional): Of mmengine's storage backend. Defaults to what the path's prefix says.

    Returns:
        List[str]: Names relative to the folder, sorted.
    """
    names = []
    for name in _walk(folder, backend_args, load_report):
        suffix = osp.splitext(name)[1].lower()
        if any(part.startswith('.') for part in name.split(os.sep)):  # Thumbnails, and what macOS leaves on its copies.
            load_report.left_out['hidden files'] += 1
        elif suffix in suffixes:
            names.append(name)
        else:
            load_report.left_out[f'files with suffix {suffix!r}'] += 1
    return sorted(names)


def _walk(folder: str, backend_args: Optional[dict], load_report: LoadReport) -> Iterator[str]:
    if not is_local(folder, backend_args):
        backend = get_file_backend(folder, backend_args=backend_args)
        yield from backend.list_dir_or_file(folder, list_dir=False, recursive=True)
        return

    def unreadable(error: OSError) -> None:
        load_report.broken[f'folder {error.filename} cannot be read ({error.strerror})'] += 1

    for inside, folders, files in os.walk(folder, onerror=unreadable):
        for name in folders:
            if osp.islink(osp.join(inside, name)):
                load_report.left_out['links to folders'] += 1
        for name in files:
            yield osp.relpath(osp.join(inside, name), folder)


def leads_outside(name: Any, allow_absolute: bool) -> Optional[str]:
    """Say why a file name that a JSON file gives must not be opened.

    Args:
        name (Any): What the file has for a name.
        allow_absolute (bool): Whether the user allows absolute names.

    Returns:
        Optional[str]: The problem, or None.
    """
    if not isinstance(name, str) or not name or '\0' in name:
        return f'file name {name!r} is no name'
    if '://' in name:
        return f'file name {name!r} is an address; nothing is ever downloaded'
    if osp.isabs(name):
        return (
            None
            if allow_absolute
            else (
                f'file name {name!r} is absolute; set unlabeled.allow_outside=True '
                '(--allow-outside) if you trust the file'
            )
        )
    if osp.normpath(name).split(os.sep)[0] == os.pardir:
        return f'file name {name!r} leads out of the folder of images'
    return None


def link_outside(path: str, folders: Sequence[str]) -> Optional[str]:
    """Say where a path leads that does not lie in any of some folders, or None.

    Args:
        path (str): The path.
        folders (Sequence[str]): Folders as ``os.path.realpath`` gives them.

    Returns:
        Optional[str]: The problem.
    """
    real = osp.realpath(path)
    if any(osp.commonpath([real, folder]) == folder for folder in folders):
        return None
    return (
        f'is a link to {real}, outside of the folder of images; set unlabeled.allow_outside=True '
        '(--allow-outside) if you trust it'
    )


def is_address(path: str) -> bool:
    """Whether reading a path would download it."""
    return path.startswith(('http://', 'https://'))
