# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What a labelled set must be."""

from concurrent.futures import ThreadPoolExecutor
from typing import Iterator, List, Optional, Set, Tuple

import mmcv
from mmengine.dataset import BaseDataset
from mmengine.dist import master_only
from mmengine.fileio import exists, get
from mmpose.datasets.datasets.base import BaseCocoStyleDataset
from mmpose.registry import DATASETS

from mmpose_dualteach.datasets.checks.annotation_files import short
from mmpose_dualteach.datasets.checks.coco_labels import label_problems
from mmpose_dualteach.datasets.checks.keypoints import number_problem
from mmpose_dualteach.datasets.labeled_pipeline import parts_of


def build_labeled(config: dict) -> BaseDataset:
    """Build a labelled dataset.

    Args:
        config (dict): A stock dataset's config.

    Returns:
        BaseDataset: The dataset.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If one of the sets in it lists no instance or cannot be read, of which stock datasets say no more
            than "need at least one array to concatenate" or "KeyError"; names the file.
    """
    try:
        return DATASETS.build(config)
    except Exception as error:  # Whatever a stock dataset stumbles over in its file; of options it tells itself.
        for part in _readers(config):
            dataset = DATASETS.build(dict(part, pipeline=[], lazy_init=True))
            if dataset.ann_file and not exists(dataset.ann_file):
                raise FileNotFoundError(f'labelled set: annotation file {dataset.ann_file} does not exist') from None
            for problem in label_problems(dataset):
                raise ValueError(problem) from None
            try:
                instances = dataset.load_data_list()
            except Exception as problem:
                reason = short(f'{type(problem).__name__}: {problem}')
                raise ValueError(
                    f'labelled set: {type(dataset).__name__} cannot read {dataset.ann_file} ({reason}); '
                    'correct it or name another file'
                ) from error
            if not instances:
                raise ValueError(
                    f'labelled set is empty: {dataset.ann_file} lists no usable instance; label some '
                    'instances in it or name another file'
                ) from error
        raise


def _readers(config: dict) -> Iterator[dict]:
    inside = parts_of(config)
    for part in inside:
        yield from _readers(part)
    if not inside:
        yield config


@master_only
def check_labeled(dataset: BaseDataset) -> List[str]:
    """Check everything a labelled dataset names, before training. That images decode is left to
    ``tools/check_data.py``.

    Args:
        dataset (BaseDataset): The labelled dataset.

    Returns:
        List[str]: Paths of its images, each once; None in all processes but the first, which alone checks.

    Raises:
        ValueError: If it is empty, a box or keypoint is unusable, all of them are not as the config takes them, or an
            image is missing.
    """
    problems, paths = labeled_problems(dataset)
    if problems:
        raise ValueError(problems[0])
    with ThreadPoolExecutor() as pool:
        for path, there in zip(paths, pool.map(exists, paths)):
            if not there:
                raise ValueError(
                    f'labelled image {path}: is missing; bring it back or take it out of the annotation file'
                )
    return paths


def labeled_problems(dataset: BaseDataset) -> Tuple[List[str], List[str]]:
    """Look through a labelled dataset once.

    Args:
        dataset (BaseDataset): The labelled dataset.

    Returns:
        tuple: What is wrong, in lines that name the file, and the paths of its images, each once.
    """
    dataset.full_init()
    problems: List[str] = []
    paths: Set[str] = set()
    read: Set[Tuple[str, type]] = set()
    for part in readers_of(dataset):
        if (part.ann_file, type(part)) not in read:
            problems += label_problems(part)
            read.add((part.ann_file, type(part)))
        if len(part) == 0:
            problems.append(f'labelled set is empty: {part.ann_file} lists no usable instance')
        number, unlike = part.metainfo.get('num_keypoints'), None
        for instance in instances_of(part):
            if 'img_path' in instance:  # Else a class of the user's has its images elsewhere.
                paths.add(instance['img_path'])
            unlike = unlike or number_problem(instance, part, number)
        if unlike:
            problems.append(f'{part.ann_file}: {unlike}')
    return problems, sorted(paths)


def readers_of(dataset: BaseDataset) -> Iterator[BaseDataset]:
    """The datasets inside wrappers, which have pipelines of their own.

    Args:
        dataset (BaseDataset): A dataset, in whatever wrappers.

    Yields:
        BaseDataset: Those that read files.
    """
    inside = getattr(dataset, 'datasets', None) or [getattr(dataset, 'dataset', None)]
    for part in inside:
        if part is None:
            yield dataset
        else:
            yield from readers_of(part)


def instances_of(dataset: BaseDataset) -> Iterator[dict]:
    """The instances of a dataset that reads files, as it has read them.

    Args:
        dataset (BaseDataset): The dataset.

    Yields:
        dict: Each one's information. Stock datasets' copies of their metainfo in it, which take six times as long as
            all the rest, are left out.
    """
    dataset.full_init()
    read = type(dataset).get_data_info
    if read is BaseCocoStyleDataset.get_data_info:
        read = BaseDataset.get_data_info
    for index in range(len(dataset)):
        yield read(dataset, index)


def image_problem(path: str) -> Optional[str]:
    """Decode an image. Returns what is wrong with it, or None."""
    try:
        if mmcv.imfrombytes(get(path)) is None:
            return 'does not decode'
    except FileNotFoundError:
        return 'is missing'
    except Exception as error:  # Any decoder's own error means the same: this image cannot be used.
        return f'does not decode ({error})'.replace('\n', ' ')
    return None
