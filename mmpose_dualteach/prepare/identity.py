# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What makes two images of annotation files one."""

import posixpath
from typing import Any, Dict, List, Mapping


def image_name(image: Mapping[str, Any]) -> str:
    """The name by which an image is the same in every file: its path below the folder of images, written one way.
    Numbers of images are a file's own, labelling tools give new ones."""
    return posixpath.normpath(str(image.get('file_name', '')).replace('\\', '/')).lstrip('/')


def first_of_each(images: List[dict]) -> Dict[Any, Any]:
    """From the id of each image of a file to that of the first one with its name; an image without a name is itself."""
    first: Dict[str, Any] = {}
    return {
        image['id']: first.setdefault(image_name(image), image['id']) if image.get('file_name') else image['id']
        for image in images
    }
