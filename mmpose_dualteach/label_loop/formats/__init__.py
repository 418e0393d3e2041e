# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What labelling tools read, made of a file in COCO's format."""

from typing import Any, Callable, Dict, NamedTuple, Optional

from mmpose_dualteach.label_loop.formats.cvat import cvat_annotations, cvat_labels
from mmpose_dualteach.label_loop.formats.label_studio import label_studio_config, label_studio_tasks


class SetUp(NamedTuple):
    """A file that sets a labelling tool up for the keypoints.

    Attributes:
        suffix (str): Stands behind the name of the file with labels.
        text (Callable): Makes its text of a COCO-style file's content.
        hint (str): What to do with both.
    """

    suffix: str
    text: Callable[[dict], str]
    hint: str


class Format(NamedTuple):
    """A format.

    Attributes:
        convert (Callable): Makes the file's content of a COCO-style one and of what stands before names of images.
        beside (SetUp, optional): The file beside it.
    """

    convert: Callable[[dict, str], Any]
    beside: Optional[SetUp] = None


FORMATS: Dict[str, Format] = {
    'coco': Format(lambda coco, address: coco),
    'cvat': Format(
        lambda coco, address: cvat_annotations(coco),
        SetUp(
            '.labels.json',
            cvat_labels,
            'in CVAT, paste it into the Raw tab of a new task, add the images, and upload the annotations as COCO '
            'Keypoints 1.0',
        ),
    ),
    'label-studio': Format(
        label_studio_tasks,
        SetUp('.xml', label_studio_config, 'in Label Studio, make it the labelling interface, and import the tasks'),
    ),
}


def beside(output: str, form: Format) -> str:
    """The name of the file beside another one that sets the labelling tool up."""
    assert form.beside is not None
    return output + form.beside.suffix
