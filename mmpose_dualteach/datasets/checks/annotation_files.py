# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Reading JSON files whose entries may be anything."""

from collections.abc import Hashable
from typing import Any, Optional

from mmengine.fileio import load


def read_json(path: str, backend_args: Optional[dict] = None) -> Any:
    """Read a JSON file.

    Args:
        path (str): The file.
        backend_args (dict, optional): Of mmengine's storage backend. Defaults to what the path's prefix says.

    Returns:
        Any: What it holds.

    Raises:
        ValueError: If it is malformed or no file; names it.
    """
    try:
        # Whatever its suffix: a pickle could run code.
        return load(path, file_format='json', backend_args=backend_args)
    except (ValueError, RecursionError) as error:
        remedy = 'write it again' if path.endswith('.json') else 'instances are listed by a COCO file (.json) alone'
        raise ValueError(f'{path} is no valid JSON ({error}); {remedy}') from None
    except IsADirectoryError:
        raise ValueError(f'{path} is a folder; name a .json file') from None


def read_coco_json(path: str) -> dict:
    """Read an annotation file in COCO's format.

    Raises:
        ValueError: If it is no valid JSON, in another format, an entry is none, or an image has no name; names it.
    """
    content = read_json(path)
    if not is_coco(content):
        raise ValueError(f"{path} is not in COCO's format, a dict with 'images' and 'annotations'")
    check_entries(content, path)
    for image in content['images']:
        if not isinstance(image.get('file_name'), str) or not image['file_name']:
            raise ValueError(f'{path}: image {short(image["id"])} has no file_name; correct or remove it')
    return content


def is_coco(content: Any) -> bool:
    """Whether a JSON file holds what COCO's annotation files hold: a dict with two lists."""
    return isinstance(content, dict) and all(isinstance(content.get(key), list) for key in ('images', 'annotations'))


def check_entries(content: dict, ann_file: str) -> None:
    """Check that what COCO's lists hold are entries.

    Raises:
        ValueError: If one is not; names the file.
    """
    for what, key, listed in (('image', 'id', content['images']), ('annotation', 'image_id', content['annotations'])):
        for number, entry in enumerate(listed):
            if not is_entry(entry, key):
                raise ValueError(f'{ann_file}: {what} {number} is no entry with {key}; correct or remove it')


def is_entry(entry: Any, key: Optional[str] = None) -> bool:
    """Whether something is a dict, and has something under a key that can be looked up by."""
    return isinstance(entry, dict) and (key is None or isinstance(entry.get(key, []), Hashable))


def listed_categories(categories: Any) -> dict:
    """The categories of a file by id."""
    return {each['id']: each for each in categories if is_entry(each, 'id')} if isinstance(categories, list) else {}


def short(value: object) -> str:
    """A value of a file as a line can hold it."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + '...'
