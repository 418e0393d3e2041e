# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""From labels of another tool to a stock config that trains on them."""

import os
import os.path as osp
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from mmengine.config import Config
from mmpose.datasets.transforms import LoadImage

from mmpose_dualteach.compat import is_pure_python
from mmpose_dualteach.datasets.sources.files import leads_outside
from mmpose_dualteach.datasets.sources.images import ImageReader, UnusableImage
from mmpose_dualteach.prepare.importing.coco_keypoints import read_coco
from mmpose_dualteach.prepare.importing.deeplabcut import is_table, join, read_project, read_table
from mmpose_dualteach.prepare.importing.labels import LabeledImage, Labels
from mmpose_dualteach.prepare.importing.metainfo import metainfo_text, swaps_of
from mmpose_dualteach.prepare.joint_boxes import box_of_joints
from mmpose_dualteach.utils.config_file import read_config
from mmpose_dualteach.utils.file_io import atomic_write, dump_json

BASE = 'mmpose::animal_2d_keypoint/topdown_heatmap/ap10k/td-hm_res50_8xb64-210e_ap10k-256x256.py'
PARTS = ('train', 'val')
STOCK = """# Labels of {source}, by tools/import_labels.py.
_base_ = {base!r}

metainfo = dict(from_file={metainfo!r})
data_root = {folder!r}
images = {images!r}

model = dict({model})
train_dataloader = dict(
    batch_size={batch},
    dataset=dict(
        type='CocoDataset',
        data_root=data_root,
        ann_file='train.json',
        data_prefix=dict(img=images),
        metainfo=metainfo,
    ),
)
val_dataloader = dict(
    dataset=dict(
        type='CocoDataset',
        data_root=data_root,
        ann_file='val.json',
        bbox_file=None,
        data_prefix=dict(img=images),
        metainfo=metainfo,
    ),
)
test_dataloader = val_dataloader
val_evaluator = [dict(type='PCKAccuracy', thr=0.1, norm_item='bbox'), dict(type='EPE')]
test_evaluator = val_evaluator
default_hooks = dict(checkpoint=dict(save_best='PCK', rule='greater'))
"""


class Imported(NamedTuple):
    """What was imported.

    Attributes:
        joints (List[str]): Names of the joints.
        swaps (Dict[str, str]): Which joint each becomes in a mirror.
        images (Dict[str, int]): Images of each part.
        instances (Dict[str, int]): Instances of each part.
        left_out (List[str]): Images that cannot be used, and why.
        config (str): The stock config.
    """

    joints: List[str]
    swaps: Dict[str, str]
    images: Dict[str, int]
    instances: Dict[str, int]
    left_out: List[str]
    config: str


def import_labels(
    sources: Sequence[str],
    folder: str,
    images: Optional[str] = None,
    val: float = 0.2,
    seed: int = 0,
    base: str = BASE,
) -> Imported:
    """Write ``train.json`` and ``val.json`` in COCO's format, ``metainfo.py`` and ``stock.py``, a config that trains.

    Images stay where they are. An instance's box is that of its joints with a margin.

    Args:
        sources (Sequence[str]): A DeepLabCut project; or tables of DeepLabCut or Lightning Pose (CSV or HDF5); or a
            COCO file with keypoints, SLEAP's for instance.
        folder (str): Where to.
        images (str, optional): The folder that images are named from. Defaults to where they are found.
        val (float): Share of the images for validation, at least one. Defaults to 0.2.
        seed (int): Which images they are depends on it. Defaults to 0.
        base (str): A top-down config of MMPose, of which network, pipelines and schedule are taken. Defaults to a
            ResNet-50 with heatmaps.

    Returns:
        Imported: What there is.

    Raises:
        FileNotFoundError: If a source or its images are missing.
        ValueError: If a source is of no such format, or has fewer than two images with labels.
    """
    if not 0 < val < 1:
        raise ValueError(f'val={val} must be a share between 0 and 1')
    labels = _read(sources, images)
    usable, left_out = _checked(labels)
    if len(usable) < 2:
        raise ValueError(f'{", ".join(sources)}: {len(usable)} images with labels can be used; at least 2 must be')
    order = np.random.default_rng(seed).permutation(len(usable))
    count = min(len(usable) - 1, max(1, round(val * len(usable))))
    numbers = dict(train=sorted(order[count:]), val=sorted(order[:count]))
    os.makedirs(folder, exist_ok=True)
    counts: Dict[str, Dict[str, int]] = dict(images={}, instances={})
    for part in PARTS:
        content = _as_coco(labels, [usable[number] for number in numbers[part]])
        dump_json(content, osp.join(folder, f'{part}.json'))
        for key, found in (('images', 'images'), ('instances', 'annotations')):
            counts[key][part] = len(content[found])
    name = osp.basename(osp.normpath(folder))
    source = ', '.join(osp.basename(osp.normpath(each)) for each in sources)
    with atomic_write(osp.join(folder, 'metainfo.py')) as file:
        file.write(metainfo_text(name, labels.joints, labels.skeleton, source))
    config = osp.join(folder, 'stock.py')
    with atomic_write(config) as file:
        file.write(_stock_config(base, folder, labels, source, counts['instances']['train']))
    return Imported(labels.joints, swaps_of(labels.joints), counts['images'], counts['instances'], left_out, config)


def _read(sources: Sequence[str], images: Optional[str]) -> Labels:
    first = sources[0]
    if len(sources) == 1 and osp.isdir(first):
        labels = read_project(first)
        labels.root = images or labels.root
        return labels
    if all(is_table(each) for each in sources):
        return join([read_table(each, images) for each in sources], sources)
    if len(sources) == 1 and first.endswith('.json'):
        return read_coco(first, images)
    raise ValueError(
        f'{", ".join(sources)}: give a DeepLabCut project, tables of labels (.csv, .h5), or one COCO file (.json)'
    )


class _Usable(NamedTuple):
    """An image that can be used, with its width and height in pixels."""

    image: LabeledImage
    size: List[int]


def _checked(labels: Labels) -> Tuple[List[_Usable], List[str]]:
    """Images that have labels and decode; and what is wrong with the others that have."""
    reader = ImageReader(LoadImage())
    usable: List[_Usable] = []
    left_out: List[str] = []
    for image in labels.images:
        if not image.instances:
            continue
        problem = leads_outside(image.name, False)
        try:
            if problem:
                raise UnusableImage(problem)
            height, width = reader.read(osp.join(labels.root, image.name)).shape[:2]
        except UnusableImage as error:
            left_out.append(f'{image.name} {error}')
            continue
        usable.append(_Usable(image, [width, height]))
    return usable, left_out


def _as_coco(labels: Labels, images: Sequence[_Usable]) -> dict:
    links = [[labels.joints.index(a) + 1, labels.joints.index(b) + 1] for a, b in labels.skeleton]
    category = dict(id=1, name='instance', keypoints=labels.joints, skeleton=links)
    content: Dict[str, Any] = dict(images=[], annotations=[], categories=[category])
    for number, (image, (width, height)) in enumerate(images, 1):
        content['images'].append(dict(id=number, file_name=image.name, width=width, height=height))
        for points in image.instances:
            left, top, right, bottom = box_of_joints(points, width, height)
            content['annotations'].append(
                dict(
                    id=len(content['annotations']) + 1,
                    image_id=number,
                    category_id=1,
                    keypoints=[round(float(value), 3) for value in points.ravel()],
                    num_keypoints=int((points[:, 2] > 0).sum()),
                    bbox=[round(value, 2) for value in (left, top, right - left, bottom - top)],
                    area=round((right - left) * (bottom - top), 2),
                    iscrowd=0,
                )
            )
    return content


def _stock_config(base: str, folder: str, labels: Labels, source: str, instances: int) -> str:
    config: Config = read_config(base)
    if is_pure_python(base):
        raise ValueError(f'{base} is in pure Python, from which no config inherits; name one with a _base_')
    head = config.model.get('head') or {}
    key = next((key for key in ('out_channels', 'num_joints', 'num_keypoints') if key in head), None)
    if key is None:
        raise ValueError(f'{base}: its model.head has no out_channels, num_joints or num_keypoints to set')
    if 'ann_file' not in config.train_dataloader.dataset:
        raise ValueError(f'{base} joins or wraps datasets; name a config that trains on a single one')
    stock = base if '::' in base else osp.abspath(base)
    return STOCK.format(
        source=source,
        base=stock,
        metainfo=osp.join(osp.abspath(folder), 'metainfo.py'),
        folder=osp.join(osp.abspath(folder), ''),
        images=osp.join(osp.abspath(labels.root), ''),
        model=f'head=dict({key}={len(labels.joints)})',
        batch=min(config.train_dataloader.batch_size, 16, max(1, instances)),
    )
