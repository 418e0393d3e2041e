# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Labels whatever file they were in."""

from dataclasses import dataclass, field
from typing import Iterable, List, Optional, Set, Tuple

import numpy as np

from mmpose_dualteach.prepare.identity import image_name


@dataclass
class LabeledImage:
    """An image and the joints of its instances.

    Attributes:
        name (str): Its path below the folder of images, with forward slashes.
        instances (List[np.ndarray]): Of each (x, y, visibility) in shape (K, 3), in pixels, 0 the centre of the first;
            visibility as COCO has it: 0 not labelled, 1 hidden, 2 visible.
        size (Tuple[float, float], optional): Its width and height in pixels as the labels' file lists them.
    """

    name: str
    instances: List[np.ndarray] = field(default_factory=list)
    size: Optional[Tuple[float, float]] = None


@dataclass
class Labels:
    """The labels of a file or project.

    Attributes:
        joints (List[str]): Names of the K joints.
        images (List[LabeledImage]): In order.
        root (str): The folder that names of images are relative to.
        skeleton (List[Tuple[str, str]]): Joints that are joined.
        kind (str): What an instance is called.
    """

    joints: List[str]
    images: List[LabeledImage]
    root: str
    skeleton: List[Tuple[str, str]] = field(default_factory=list)
    kind: str = 'instance'


def listed_twice(images: Iterable[LabeledImage]) -> Optional[str]:
    """The first image that is there twice, by its name, or None: it might be learnt from and validate, too."""
    seen: Set[str] = set()
    for image in images:
        name = image_name(dict(file_name=image.name))
        if name in seen:
            return image.name
        seen.add(name)
    return None
