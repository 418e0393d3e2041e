# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What must hold before training begins. Everything raises one line that names the file or key and the remedy."""
from concurrent.futures import ThreadPoolExecutor
from typing import Iterator, Optional

import mmcv
import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.dist import master_only
from mmengine.fileio import exists, get, load
from mmengine.utils import ProgressBar
from mmpose.registry import DATASETS


def check_same_keypoints(labeled: dict, unlabeled: dict) -> None:
    """Compare the keypoint definitions of two datasets' metainfo.

    Raises:
        ValueError: If they differ.
    """
    for key in ('num_keypoints', 'keypoint_id2name', 'flip_indices'):
        if labeled.get(key) != unlabeled.get(key):
            raise ValueError(
                'labelled and unlabelled set have different keypoint definitions: '
                f'{key} is {_short(labeled.get(key))} in the labelled dataset ({labeled.get("dataset_name")}), '
                f'{_short(unlabeled.get(key))} in the unlabelled one ({unlabeled.get("dataset_name")}); give '
                'train_dataloader.dataset.unlabeled the dataset_type and metainfo of the labelled one')


def build_labeled(config: dict) -> BaseDataset:
    """Build a labelled dataset.

    Args:
        config (dict): A stock dataset's config.

    Returns:
        BaseDataset: The dataset.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If one of the sets in it lists no person, of which stock datasets say no more than "need at least
            one array to concatenate"; names the file.
    """
    try:
        return DATASETS.build(config)
    except AssertionError as error:  # Stock datasets assert that their files exist.
        raise FileNotFoundError(f'labelled set: {error}') from None
    except ValueError as error:
        for part in _parts(config):
            dataset = DATASETS.build(dict(part, pipeline=[], lazy_init=True))
            if not dataset.load_data_list():
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
        ValueError: If a person with labelled keypoints has an unusable box or non-finite keypoints.
    """
    if not ann_file.endswith('.json'):
        return
    content = read_json(ann_file)
    if not isinstance(content, dict) or not isinstance(content.get('annotations'), list):
        return
    images = {image['id']: image for image in content.get('images', [])}
    for annotation in content['annotations']:
        keypoints = np.asarray(annotation.get('keypoints', []), dtype=np.float64)
        if annotation.get('iscrowd') or not keypoints.any() or keypoints.size % 3:
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


def box_problem(box: np.ndarray, width: Optional[float], height: Optional[float]) -> Optional[str]:
    """Say what is wrong with a box.

    Args:
        box (np.ndarray): (left, top, width, height) in pixels.
        width (float, optional): Width of its image in pixels, if known.
        height (float, optional): Height of its image in pixels, if known.

    Returns:
        Optional[str]: The problem, or None.
    """
    try:
        left, top, box_width, box_height = np.asarray(box, dtype=np.float64)
    except (TypeError, ValueError):
        return f'box {box} is not four numbers'
    if not np.isfinite([left, top, box_width, box_height]).all():
        return f'box {list(box)} is not finite'
    if box_width <= 0 or box_height <= 0:
        return f'box {list(box)} has no area'
    if left + box_width <= 0 or top + box_height <= 0 or (width and left >= width) or (height and top >= height):
        return f'box {list(box)} lies outside its image of {width}x{height}'
    return None


def boxes_are_usable(boxes: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Where :func:`box_problem` would say nothing, for many boxes at once.

    Args:
        boxes (np.ndarray): (left, top, width, height) in pixels in shape (N, 4), float64.
        sizes (np.ndarray): (width, height) of each one's image in shape (N, 2), infinite where unknown.

    Returns:
        np.ndarray: In shape (N,), bool.
    """
    corner, extent = boxes[:, :2], boxes[:, 2:]
    with np.errstate(invalid='ignore'):
        inside = (extent > 0) & (corner + extent > 0) & (corner < sizes)
    return np.isfinite(boxes).all(axis=1) & inside.all(axis=1)


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


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + '...'
