# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What must hold before training begins. Everything raises one line that names the file or key and the remedy."""
from collections.abc import Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Iterator, Optional

import mmcv
import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.dist import master_only
from mmengine.fileio import exists, get, load
from mmengine.utils import ProgressBar
from mmpose.registry import DATASETS

from .people_index import as_numbers, corners


def check_same_keypoints(labeled: dict, unlabeled: dict) -> None:
    """Compare the keypoint definitions of two datasets' metainfo.

    Raises:
        ValueError: If they differ.
    """
    for key in ('num_keypoints', 'keypoint_id2name', 'flip_indices'):
        if labeled.get(key) != unlabeled.get(key):
            raise ValueError(
                'labelled and unlabelled set have different keypoint definitions: '
                f'{key} is {short(labeled.get(key))} in the labelled dataset ({labeled.get("dataset_name")}), '
                f'{short(unlabeled.get(key))} in the unlabelled one ({unlabeled.get("dataset_name")}); give '
                'train_dataloader.dataset.unlabeled the dataset_type and metainfo of the labelled one')


def build_labeled(config: dict) -> BaseDataset:
    """Build a labelled dataset.

    Args:
        config (dict): A stock dataset's config.

    Returns:
        BaseDataset: The dataset.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If one of the sets in it lists no person or cannot be read, of which stock datasets say no more than
            "need at least one array to concatenate" or "KeyError"; names the file.
    """
    try:
        return DATASETS.build(config)
    except Exception as error:  # Whatever a stock dataset stumbles over in its file; of options it tells itself.
        for part in _parts(config):
            dataset = DATASETS.build(dict(part, pipeline=[], lazy_init=True))
            if dataset.ann_file and not exists(dataset.ann_file):
                raise FileNotFoundError(f'labelled set: annotation file {dataset.ann_file} does not exist') from None
            check_labels(dataset.ann_file)
            try:
                people = dataset.load_data_list()
            except Exception as problem:
                reason = short(f'{type(problem).__name__}: {problem}')
                raise ValueError(f'labelled set: {type(dataset).__name__} cannot read {dataset.ann_file} ({reason}); '
                                 'correct it or name another file') from error
            if not people:
                raise ValueError(f'labelled set is empty: {dataset.ann_file} lists no usable person; label some people '
                                 'in it or name another file') from error
        raise


def _parts(config: dict) -> Iterator[dict]:
    inside = config.get('datasets') or ([config['dataset']] if 'dataset' in config else [])
    for part in inside:
        yield from _parts(part)
    if not inside:
        yield config


@master_only
def check_labeled(dataset: BaseDataset, decode: bool) -> None:
    """Check everything a labelled dataset names, before training.

    Args:
        dataset (BaseDataset): The labelled dataset.
        decode (bool): Whether to decode every image.

    Raises:
        ValueError: If it is empty, a box or keypoint is unusable, or an image is missing or does not decode.
    """
    dataset.full_init()
    parts = list(innermost(dataset))
    for ann_file in {part.ann_file for part in parts}:
        check_labels(ann_file)
    for part in parts:
        if len(part) == 0:
            raise ValueError(f'labelled set is empty: {part.ann_file} lists no usable person')
    paths = sorted({part.get_data_info(index)['img_path'] for part in parts for index in range(len(part))})
    examine = image_problem if decode else _missing
    with ThreadPoolExecutor() as pool:
        progress = ProgressBar(len(paths)) if decode and len(paths) > 5000 else None
        for path, problem in zip(paths, pool.map(examine, paths)):
            if problem:
                raise ValueError(f'labelled image {path}: {problem}; mend it or take it out of the annotation file')
            if progress:
                progress.update()


def innermost(dataset: BaseDataset) -> Iterator[BaseDataset]:
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
            yield from innermost(part)


def check_labels(ann_file: str) -> None:
    """Check the boxes and keypoints of a COCO-format annotation file; other formats are their dataset's to check.

    Stock datasets drop such people without a word.

    Raises:
        ValueError: If a person with labelled keypoints has an unusable box or keypoints that are no finite numbers, or
            an entry is none.
    """
    if not ann_file.endswith('.json'):
        return
    content = read_json(ann_file)
    if not is_coco(content):
        return
    check_entries(content, ann_file)
    images = {image['id']: image for image in content['images']}
    for annotation in content['annotations']:
        keypoints = annotation.get('keypoints')
        if annotation.get('iscrowd') or not keypoints:
            continue
        try:
            keypoints = np.asarray(keypoints, dtype=np.float64)
        except (TypeError, ValueError, OverflowError):
            keypoints = np.full(3, np.nan)
        if not keypoints.any() or keypoints.size % 3:
            continue
        where = f'{ann_file}: annotation {annotation.get("id")}'
        image = images.get(annotation['image_id'])
        if image is None:
            raise ValueError(f'{where} names image {annotation["image_id"]}, which the file does not list; add the '
                             'image or remove the annotation')
        problem = 'its keypoints are not finite' if not np.isfinite(keypoints).all() else None
        if 'bbox' in annotation:
            problem = problem or box_problem(annotation['bbox'], image.get('width'), image.get('height'))
        if problem:
            raise ValueError(f'{where}: {problem}; correct or remove it')


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


def read_json(path: str, backend_args: Optional[dict] = None) -> object:
    """Read a JSON file.

    Args:
        path (str): The file.
        backend_args (dict, optional): Of mmengine's storage backend. Defaults to what the path's prefix says.

    Returns:
        object: What it holds.

    Raises:
        ValueError: If it is malformed or no file; names it.
    """
    try:
        # Whatever its suffix: a pickle could run code.
        return load(path, file_format='json', backend_args=backend_args)
    except (ValueError, RecursionError) as error:
        raise ValueError(f'{path} is no valid JSON ({error}); write it again') from None
    except IsADirectoryError:
        raise ValueError(f'{path} is a folder; name a .json file') from None


def box_problem(box: Any, width: Any, height: Any) -> Optional[str]:
    """Say what is wrong with a box.

    Args:
        box (Any): (left, top, width, height) in pixels, if all is well.
        width (Any): Width of its image in pixels, if known.
        height (Any): Height of its image in pixels, if known.

    Returns:
        Optional[str]: The problem, or None.
    """
    numbers = as_numbers([box], 4)
    size = [listed_side(each) for each in (width, height)]
    if boxes_are_usable(numbers, np.array([size]))[0]:
        return None
    if not isinstance(box, (list, tuple, np.ndarray)) or len(box) != 4:
        return f'box {short(box)} is not four numbers'
    if not np.isfinite(numbers).all():
        return f'box {short(box)} is not finite'
    if (numbers[0, 2:] <= 0).any():
        return f'box {short(box)} has no area'
    known = f' of {size[0]:g}x{size[1]:g}' if np.isfinite(size).all() else ''
    return f'box {short(box)} lies outside its image{known}'


def listed_side(value: Any) -> float:
    """Width or height of an image as a file has it, infinite where that is no size."""
    return float(value) if isinstance(value, (int, float)) and 0 < value < 1e300 else np.inf


def boxes_are_usable(boxes: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Whether boxes have an area within their images, as stock datasets cut them: where :func:`box_problem` says
    nothing, for many boxes at once.

    Args:
        boxes (np.ndarray): (left, top, width, height) in pixels in shape (N, 4), float64.
        sizes (np.ndarray): (width, height) of each one's image in shape (N, 2), infinite where unknown.

    Returns:
        np.ndarray: In shape (N,), bool.
    """
    with np.errstate(invalid='ignore', over='ignore'):
        cut = corners(boxes, sizes)
        return np.isfinite(boxes).all(axis=1) & np.isfinite(cut).all(axis=1) & (cut[:, 2:] > cut[:, :2]).all(axis=1)


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


def _missing(path: str) -> Optional[str]:
    return None if exists(path) else 'is missing'


def short(value: object) -> str:
    """A value of a file as a line can hold it."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + '...'
