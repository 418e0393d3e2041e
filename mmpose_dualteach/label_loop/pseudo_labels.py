# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What networks see on instances without labels, written as labels."""

import os.path as osp
from typing import Any, Mapping, Optional

from mmengine.config import Config

from mmpose_dualteach.datasets.sources.videos import is_frame
from mmpose_dualteach.label_loop.coco import Choice, Counts, as_coco, category_of
from mmpose_dualteach.label_loop.drawing import draw, refuse_to_draw_over
from mmpose_dualteach.label_loop.formats import FORMATS, beside
from mmpose_dualteach.label_loop.formats.label_studio import LOCAL_FILES
from mmpose_dualteach.label_loop.instances import labeled_file
from mmpose_dualteach.label_loop.looking import Look
from mmpose_dualteach.utils.file_io import atomic_write, dump_json


def pseudo_labels(
    config: Config,
    checkpoint: str,
    unlabeled: Mapping[str, Any],
    output: str,
    choice: Choice = Choice(),
    network: Optional[str] = None,
    batch: int = 32,
    workers: int = 2,
    device: Optional[str] = None,
    format_name: str = 'coco',
    address: str = LOCAL_FILES,
    drawn: Optional[str] = None,
) -> Counts:
    """Let networks see every instance of a set, and write what they see as labels.

    What is seen is written down in ``OUTPUT.part``, from which an interrupted call goes on; the output appears when it
    is whole. Images that cannot be used are listed in ``OUTPUT.skipped.json``. Under a launcher of torch.distributed
    each process sees its share.

    Args:
        config (Config): A switched config, or the stock one of an ordinary checkpoint.
        checkpoint (str): The checkpoint.
        unlabeled (Mapping): Config of the unlabelled set.
        output (str): The file to write.
        choice (Choice): Which joints become labels. Defaults to those with a score of 0.3 or more.
        network (str, optional): Who answers, see :class:`Networks`.
        batch (int): Instances at a time. Defaults to 32; images with several instances are taken one by one.
        workers (int): Processes that read images. Defaults to 2.
        device (str, optional): Defaults to a GPU if there is one.
        format_name (str): One of :data:`FORMATS`. Defaults to ``'coco'``.
        address (str): What stands before names of images, where the format has addresses. Defaults to that of Label
            Studio's local files.
        drawn (str, optional): A folder for videos and images of what is seen, see :func:`draw`. Defaults to None.

    Returns:
        Counts: Of what was written and left out.

    Raises:
        FileNotFoundError: If the checkpoint or source is missing.
        ValueError: If an option is out of range, the checkpoint is none of the config, ``OUTPUT.part`` is of another
            call, more instances cannot be used than the set's ``max_broken``, or a source would be drawn over.
    """
    if not 0 <= choice.min_score <= 1 or (choice.agreement is not None and choice.agreement <= 0) or batch < 1:
        raise ValueError(f'{choice}: min_score must be 0 to 1, agreement above 0; batch {batch} must be at least 1')
    look = Look(config, checkpoint, unlabeled, output, network, device)
    networks, instances = look.networks, look.instances
    if choice.agreement is not None and len(networks.peers) < 2:
        raise ValueError(f'agreement needs two networks that see the same images; {checkpoint} has one')
    form = FORMATS[format_name]
    if form.beside and any(is_frame(path) for path in instances.unlabeled.data_list.paths):
        raise ValueError(
            f'--format {format_name}: labelling tools open images, no frames of videos; write them: --frames'
        )
    if drawn:
        refuse_to_draw_over(instances.unlabeled, drawn)
    lines = look.lines(batch, workers)
    if lines is None:
        return Counts()
    category = category_of(instances.unlabeled, labeled_file(config))
    description = f'pseudo-labels of network {networks.answers} of {osp.basename(checkpoint)}, {choice}'
    coco, counts = as_coco(instances.unlabeled, lines, choice, category, description)
    dump_json(form.convert(coco, address), output)
    if form.beside:
        with atomic_write(beside(output, form)) as file:
            file.write(form.beside.text(coco))
    if drawn:
        draw(instances, lines, choice, drawn)
    look.forget()
    return counts
