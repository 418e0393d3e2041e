# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Instances of files in MPII's own format: a centre and a scale in place of a box."""

import json
import tempfile
from typing import Any, Dict, Optional, Union

import numpy as np
from mmengine.dataset import BaseDataset

from mmpose_dualteach import compat
from mmpose_dualteach.datasets.sources.files import leads_outside
from mmpose_dualteach.datasets.sources.instance_index import InstanceIndex
from mmpose_dualteach.datasets.sources.load_report import LoadReport
from mmpose_dualteach.datasets.sources.stock_boxes import columns_of


def instances_of_mpii(
    content: Union[list, dict],
    reader: BaseDataset,
    source: str,
    folder: Dict[str, str],
    load_report: LoadReport,
    allow_absolute: bool = False,
) -> InstanceIndex:
    """The instances of a file in MPII's own format, or MPII-TRB's.

    Args:
        content (list | dict): What the file has.
        reader (BaseDataset): Of the labelled dataset's class.
        source (str): The file, for errors.
        folder (Dict[str, str]): The dataset's ``data_prefix``.
        load_report (LoadReport): Is told what is broken.
        allow_absolute (bool): Whether file names may be absolute. Defaults to False.

    Returns:
        InstanceIndex: The instances.

    Raises:
        ValueError: If the labelled dataset's class does not read such files; names the file.
    """
    if not compat.reads_own_format(reader):
        raise ValueError(
            f"{source} is in MPII's format, which {type(reader).__name__} does not read; set "
            "unlabeled.dataset_type='MpiiDataset'"
        )
    listed = content if isinstance(content, list) else content['annotations']
    usable = []
    # Ones in place of labels, which are not read.
    count = reader.metainfo['num_keypoints']
    labels = dict(joints=[[1.0, 1.0]] * count, joints_vis=[1.0] * count, keypoints=[1.0] * (3 * count), num_joints=1)
    for number, instance in enumerate(listed):
        problem = _circle_problem(instance['center'], instance['scale'])
        if not problem and 'image' in instance:
            problem = leads_outside(instance['image'], allow_absolute)
        if problem:
            load_report.broken[f'instance {number}: {problem}'] += 1
        else:
            usable.append(dict(dict(id=number, iscrowd=0), **dict(instance, **labels)))
    if not usable:
        return InstanceIndex([], [])
    with tempfile.NamedTemporaryFile('w', suffix='.json', encoding='utf-8') as file:
        json.dump(usable if isinstance(content, list) else dict(content, annotations=usable), file)
        file.flush()
        reader.ann_file, reader.data_prefix = file.name, folder
        try:
            found = compat.load_annotations(reader)
        except (KeyError, ValueError) as error:
            raise ValueError(
                f"{source}: {type(reader).__name__} cannot read it ({error}); it must be as MPII's own files are"
            ) from error
    return InstanceIndex(
        [each['img_path'] for each in found],
        [each['img_id'] for each in found],
        ids=[each['id'] for each in found],
        boxes=columns_of(found),
    )


def is_mpii(content: Any) -> bool:
    """Whether instances have a centre and a scale and no box: MPII's list of them, or MPII-TRB's annotations."""
    listed = content.get('annotations') if isinstance(content, dict) else content
    keys = {'image', 'center', 'scale'} if isinstance(content, list) else {'center', 'scale'}
    return (
        isinstance(listed, list)
        and bool(listed)
        and all(isinstance(each, dict) and keys <= set(each) and 'bbox' not in each for each in listed)
    )


def _circle_problem(center: Any, scale: Any) -> Optional[str]:
    try:
        numbers = np.asarray([*center, scale], dtype=np.float64)
    except (TypeError, ValueError):
        numbers = np.array([])
    problem = numbers.shape != (3,) or not (np.abs(numbers) < 1e30).all() or numbers[2] <= 0
    # MMPose computes a box of some two hundred times the scale in single precision, in which it must have an area.
    if problem or (np.float32(numbers[:2] + 50 * numbers[2]) <= np.float32(numbers[:2])).any():
        return f'centre {center} and scale {scale} are no place of a size'
    return None
