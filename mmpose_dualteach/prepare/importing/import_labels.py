# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""From labels of another tool to a stock config that trains on them."""

import os
import os.path as osp
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from mmengine.config import Config
from mmpose.datasets.transforms import LoadImage

from mmpose_dualteach.compat import is_pure_python
from mmpose_dualteach.datasets.sources.files import leads_outside
from mmpose_dualteach.datasets.sources.images import ImageReader, UnusableImage
from mmpose_dualteach.prepare.importing.coco_keypoints import read_coco
from mmpose_dualteach.prepare.importing.deeplabcut import is_table, join, read_project, read_table
from mmpose_dualteach.prepare.importing.labels import LabeledImage, Labels
from mmpose_dualteach.prepare.importing.metainfo import metainfo_text, swaps_of, unpaired
from mmpose_dualteach.prepare.split import choose
from mmpose_dualteach.utils.config_file import as_base, read_config
from mmpose_dualteach.utils.file_io import atomic_write, dump_json, holds_other, refuse_to_overwrite
from mmpose_dualteach.utils.joint_boxes import box_of_joints

BASE = 'mmpose::animal_2d_keypoint/topdown_heatmap/ap10k/td-hm_res50_8xb64-210e_ap10k-256x256.py'
PARTS = ('train', 'val')
TOLD = 3  # Of the images left out, where too few are left.
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
        unpaired (List[str]): Joints of one side, by their names, that have no counterpart.
        images (Dict[str, int]): Images of each part.
        instances (Dict[str, int]): Instances of each part.
        left_out (List[str]): Images that cannot be used, and why.
        kept (List[str]): Files that were there with another text, and stay as they are.
        config (str): The stock config.
    """

    joints: List[str]
    swaps: Dict[str, str]
    unpaired: List[str]
    images: Dict[str, int]
    instances: Dict[str, int]
    left_out: List[str]
    kept: List[str]
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

    Images stay where they are. An instance's box is that of its joints with a margin. A ``metainfo.py`` or ``stock.py``
    of an earlier import stays as it is where it has another text.

    Args:
        sources (Sequence[str]): A DeepLabCut project; or tables of DeepLabCut or Lightning Pose (CSV or HDF5); or a
            COCO file with keypoints, SLEAP's for instance.
        folder (str): Where to.
        images (str, optional): The folder that images are named from. Defaults to where they are found.
        val (float): Share of the images for validation, at least one. Defaults to 0.2.
        seed (int): Which images they are depends on it and on their names alone. Defaults to 0.
        base (str): A config of MMPose, top-down or one-stage, that trains on a single dataset: its network, pipelines
            and schedule are taken. Defaults to a ResNet-50 with heatmaps.

    Returns:
        Imported: What there is.

    Raises:
        FileNotFoundError: If a source or its images are missing.
        ValueError: If a source is of no such format, has fewer than two images with labels, an image twice, or labels
            of images of another size, or would be overwritten.
    """
    if not 0 < val < 1:
        raise ValueError(f'val={val} must be a share between 0 and 1')
    refuse_to_overwrite([osp.join(folder, f'{part}.json') for part in PARTS], sources)
    labels = _read(sources, images)
    usable, left_out = _checked(labels, ', '.join(sources))
    if len(usable) < 2:
        why = ': ' + '; '.join(left_out[:TOLD]) + ('; ...' if len(left_out) > TOLD else '') if left_out else ''
        raise ValueError(
            f'{", ".join(sources)}: {len(usable)} images with labels can be used of those below {labels.root}; at '
            f'least 2 must be{why}'
        )
    count = min(len(usable) - 1, max(1, round(val * len(usable))))
    chosen = choose({each.image.name: 1 for each in usable}, count, seed)
    parts = dict(
        train=[each for each in usable if each.image.name not in chosen],
        val=[each for each in usable if each.image.name in chosen],
    )
    contents = {part: _as_coco(labels, parts[part]) for part in PARTS}
    images_of, instances = ({part: len(contents[part][key]) for part in PARTS} for key in ('images', 'annotations'))
    name = osp.basename(osp.normpath(folder))
    origin = ', '.join(osp.basename(osp.normpath(each)) for each in sources)
    config = osp.join(folder, 'stock.py')
    texts = {
        osp.join(folder, 'metainfo.py'): metainfo_text(name, labels.joints, labels.skeleton, origin),
        config: _stock_config(base, folder, labels, origin, instances['train']),
    }
    os.makedirs(folder, exist_ok=True)
    for part in PARTS:
        dump_json(contents[part], osp.join(folder, f'{part}.json'))
    kept = [path for path, text in texts.items() if not _written(path, text)]
    swaps, alone = swaps_of(labels.joints), unpaired(labels.joints)
    return Imported(labels.joints, swaps, alone, images_of, instances, left_out, kept, config)


def _written(path: str, text: str) -> bool:
    """Write a file, unless there is one with another text."""
    if holds_other(path, text):
        return False
    with atomic_write(path) as file:
        file.write(text)
    return True


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


def _checked(labels: Labels, source: str) -> Tuple[List[_Usable], List[str]]:
    """Images that have labels and decode; and what is wrong with the others that have.

    Raises:
        ValueError: If labels are of an image of another size; names the image and both sizes.
    """
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
        if image.size == (height, width) and width != height:  # Stock pipelines turn what they learn from.
            left_out.append(
                f'{image.name} is turned by EXIF data to {width}x{height} pixels, its labels are of {height}x{width}; '
                'take the orientation out of its EXIF data, or label it as it is shown'
            )
            continue
        if image.size and image.size != (width, height):
            raise ValueError(
                f'{source} has labels of {image.name} with {image.size[0]:g}x{image.size[1]:g} pixels, but '
                f'{osp.join(labels.root, image.name)} has {width}x{height}; name the folder of the images that were '
                'labelled by --images'
            )
        usable.append(_Usable(image, [width, height]))
    return usable, left_out


def _as_coco(labels: Labels, images: Sequence[_Usable]) -> dict:
    links = [[labels.joints.index(a) + 1, labels.joints.index(b) + 1] for a, b in labels.skeleton]
    category = dict(id=1, name=labels.kind, keypoints=labels.joints, skeleton=links)
    content: Dict[str, Any] = dict(images=[], annotations=[], categories=[category])
    for number, (image, (width, height)) in enumerate(images, 1):
        content['images'].append(dict(id=number, file_name=image.name, width=width, height=height))
        for points in image.instances:
            left, top, right, bottom = box_of_joints(points[points[:, 2] > 0, :2], width, height)
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
    return STOCK.format(
        source=source,
        base=as_base(base),
        metainfo=osp.join(osp.abspath(folder), 'metainfo.py'),
        folder=osp.join(osp.abspath(folder), ''),
        images=osp.join(osp.abspath(labels.root), ''),
        model=f'head=dict({key}={len(labels.joints)})',
        batch=min(config.train_dataloader.batch_size, 16, max(1, instances)),
    )
