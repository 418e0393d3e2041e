# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Whether keypoints are those that the config defines: their number, and the order of their names."""

import re
from collections import Counter
from typing import Any, List, Optional, Tuple

from mmengine.dataset import BaseDataset

from mmpose_dualteach.datasets.checks.annotation_files import is_entry, short

# MMPose's classes whose own files list names in another order than their labels have.
MISNAMED = ('Rhd2DDataset',)
# Points of one kind that are only counted, face-0 to face-67 for instance: files count from 0 or from 1.
MOST_OF_A_KIND = 10


def check_parsed(metainfo: dict, kind: str) -> None:
    """Check that a dataset's metainfo is as MMPose parses it.

    Raises:
        ValueError: If it is not; names the class.
    """
    if 'num_keypoints' not in metainfo:
        raise ValueError(
            f'{kind} has a metainfo without num_keypoints; let it descend from BaseCocoStyleDataset, or return '
            'parse_pose_metainfo(...) in its _load_metainfo()'
        )


def check_same_keypoints(labeled: dict, unlabeled: dict) -> None:
    """Compare the keypoint definitions of two datasets' metainfo.

    Raises:
        ValueError: If they differ, or the labelled one's is not parsed.
    """
    check_parsed(labeled, 'the class of the labelled dataset')
    for key in ('num_keypoints', 'keypoint_id2name', 'flip_indices'):
        if labeled.get(key) != unlabeled.get(key):
            raise ValueError(
                'labelled and unlabelled set have different keypoint definitions: '
                f'{key} is {short(labeled.get(key))} in the labelled dataset ({labeled.get("dataset_name")}), '
                f'{short(unlabeled.get(key))} in the unlabelled one ({unlabeled.get("dataset_name")}); give '
                'train_dataloader.dataset.unlabeled the dataset_type and metainfo of the labelled one'
            )


def names_problem(categories: Any, dataset: BaseDataset) -> Optional[str]:
    """Say if an annotation file names the keypoints in another order than a dataset's metainfo.

    Args:
        categories (Any): What the file has under ``categories``.
        dataset (BaseDataset): The dataset that reads the file.

    Returns:
        Optional[str]: The first name that both have in different places, or None.
    """
    defined = dataset.metainfo.get('keypoint_id2name') or {}
    names = [defined[number] for number in sorted(defined)]
    if type(dataset).__name__ in MISNAMED:
        return None
    for category in categories if isinstance(categories, list) else ():
        listed = category.get('keypoints') if is_entry(category) else None
        if not isinstance(listed, list) or len(listed) != len(names):
            continue
        places = {name: place for place, name in reversed(list(enumerate(_plain(listed))))}
        for place, name in enumerate(_told_apart(_plain(names))):
            if name and places.get(name, place) != place:
                return (
                    f'its categories list keypoint {short(listed[places[name]])} as number {places[name]}, the '
                    f"config's metainfo as number {place} (counted from 0); give the labelled dataset the metainfo "
                    "of this file's order, or correct the names in the file"
                )
    return None


def number_problem(instance: dict, dataset: BaseDataset, number: Optional[int]) -> Optional[str]:
    """Say if an instance has another number of keypoints than its dataset's metainfo.

    Args:
        instance (dict): As the dataset has read it.
        dataset (BaseDataset): The dataset.
        number (int, optional): Of the metainfo's keypoints.

    Returns:
        Optional[str]: The problem, or None.
    """
    shape: Tuple[int, ...] = getattr(instance.get('keypoints'), 'shape', ())
    if number is None or len(shape) < 2 or shape[-2] == number:
        return None
    return (
        f'annotation {short(instance.get("id"))} has {shape[-2]} keypoints, the metainfo of '
        f'{type(dataset).__name__} has {number}; give the labelled dataset the metainfo of these labels, or name a '
        'file with keypoints of that metainfo'
    )


def _plain(names: List[Any]) -> List[str]:
    """Names without case, spaces, underscores and hyphens."""
    return [re.sub(r'[\s_-]', '', str(name)).lower() for name in names]


def _told_apart(names: List[str]) -> List[Optional[str]]:
    """Those names that say more than a number."""
    kinds = [re.sub(r'\d+', '', name) for name in names]
    counts = Counter(kinds)
    return [name if counts[kind] <= MOST_OF_A_KIND else None for name, kind in zip(names, kinds)]
