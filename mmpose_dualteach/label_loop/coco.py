# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What networks see, in COCO's format, beside the images and boxes that it is seen in."""

import os.path as osp
from collections import Counter
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from mmpose_dualteach.datasets import UnlabeledPoseDataset
from mmpose_dualteach.datasets.checks import is_coco, read_json
from mmpose_dualteach.datasets.sources.folders import folder_of
from mmpose_dualteach.label_loop.label_files import free_numbers
from mmpose_dualteach.prepare.split import boxes_only

VISIBLE = 2  # What COCO says of a joint that is labelled and seen.


@dataclass
class Counts:
    """What was labelled.

    Attributes:
        images (int): Images with labels.
        instances (int): Instances with labels.
        joints (int): Joints with labels.
        left_out (int): Joints that were seen, but with too low a score, too far apart or beside the image.
        folder (str): What names of images are relative to.
    """

    images: int = 0
    instances: int = 0
    joints: int = 0
    left_out: int = 0
    folder: str = ''


@dataclass(frozen=True)
class Choice:
    """Which joints become labels.

    Attributes:
        min_score (float): Joints, and instances that a network finds by itself, with a lower score do not.
        agreement (float, optional): Nor do joints that two networks see farther apart than this share of the longer
            side of the box. Defaults to None.
    """

    min_score: float = 0.3
    agreement: Optional[float] = None

    def of(self, seen: dict, size: Sequence[int]) -> np.ndarray:
        """Which joints of an instance in shape (K,), bool.

        Args:
            seen (dict): What is seen of it, see :meth:`Look.lines`.
            size (Sequence[int]): Width and height of the image.
        """
        joints = np.array(seen['joints'])
        chosen = (np.array(seen['scores']) >= self.min_score) & (seen['certainty'] >= self.min_score)
        chosen &= ((joints >= 0) & (joints <= np.array(size) - 1)).all(axis=1)
        if self.agreement is not None:
            apart = np.array([np.inf if each is None else each for each in seen['apart']])
            left, top, right, bottom = seen['box']
            chosen &= apart <= self.agreement * max(right - left, bottom - top)
        return chosen


def as_coco(
    unlabeled: UnlabeledPoseDataset, lines: Sequence[dict], choice: Choice, category: dict, description: str
) -> Tuple[dict, Counts]:
    """Write what networks see as annotations.

    What the source says of an image or instance stays as it is, its id and box for instance. Of a source without
    numbers for ids, images and instances are counted from 1. Instances of which no joint is chosen are left out.

    Args:
        unlabeled (UnlabeledPoseDataset): The set.
        lines (Sequence[dict]): What is seen of each of its instances, see :meth:`Look.lines`; what stands under
            ``about`` becomes part of the annotation.
        choice (Choice): Which joints become labels.
        category (dict): The category of all instances.
        description (str): For the file.

    Returns:
        Tuple[dict, Counts]: The file's content, and counts.
    """
    content = read_json(unlabeled.ann_file, unlabeled.backend_args) if unlabeled.ann_file else None
    source: Mapping[str, Any] = content if isinstance(content, dict) and 'images' in content else {}
    listed = {image['id']: image for image in source.get('images', ()) if isinstance(image.get('id'), int)}
    # Boxes of detectors and of MPII's own format are no annotations.
    known = {} if unlabeled.bbox_file or unlabeled.whole_images else _by_id(source.get('annotations', ()))
    index, (folder, names) = unlabeled.data_list, names_of(unlabeled)
    counts = Counts(folder=folder)
    images: Dict[int, dict] = {}
    annotations: List[dict] = []
    free = free_numbers(known)
    used = set()
    for line in lines:
        if 'problem' in line:
            continue
        place, info = int(index.image_of_each[line['number']]), index[line['number']]
        if place not in images:
            image = listed.get(info['img_id'], dict(id=_number(info['img_id'], place + 1), file_name=names[place]))
            images[place] = dict(image, width=line['size'][0], height=line['size'][1])
        for seen in line['seen']:
            given = known.get(info['id'], {})
            chosen = choice.of(seen, line['size'])
            counts.left_out += int((~chosen).sum())
            if not chosen.any():
                continue
            own = _number(given.get('id'))
            if own in used:  # Stock datasets make several instances of one annotation, of two hands for example.
                given, own = {}, None
            own = next(free) if own is None else own
            used.add(own)
            annotation = {
                **_plain_box(seen['box']),
                **boxes_only(given),
                **labels_of(seen, chosen),
                **line.get('about', {}),
            }
            annotations.append(dict(annotation, id=own, image_id=images[place]['id'], category_id=category['id']))
            counts.instances += 1
            counts.joints += int(chosen.sum())
    counts.images = len({each['image_id'] for each in annotations})
    kept = {key: source[key] for key in ('licenses',) if key in source}
    info = dict(description=description, images_in=folder)
    return dict(info=info, **kept, images=list(images.values()), annotations=annotations, categories=[category]), counts


def labels_of(seen: dict, chosen: np.ndarray) -> dict:
    """The keypoints of an annotation, with a score of each and of all.

    Args:
        seen (dict): What is seen of the instance.
        chosen (np.ndarray): Which joints are labelled, in shape (K,), bool.
    """
    flat: List[float] = []
    for (x, y), there in zip(seen['joints'], chosen):
        flat += [x, y, VISIBLE] if there else [0, 0, 0]
    scores = np.array(seen['scores'])
    return dict(
        keypoints=flat,
        num_keypoints=int(chosen.sum()),
        keypoint_scores=seen['scores'],
        score=round(float(scores[chosen].mean()), 4),
    )


def category_of(unlabeled: UnlabeledPoseDataset, labeled_file: str = '') -> dict:
    """The category that labels are of: that of the labelled set's file, so that both can be put together, or else the
    source's own that has keypoints, or else one of the dataset's name.

    Args:
        unlabeled (UnlabeledPoseDataset): The set.
        labeled_file (str): The labelled set's annotation file. Defaults to none.
    """
    meta = unlabeled.metainfo
    count = meta['num_keypoints']
    own = dict(
        keypoints=[meta['keypoint_id2name'][joint] for joint in range(count)],
        skeleton=[[one + 1, other + 1] for one, other in meta['skeleton_links']],
    )
    for path in (labeled_file, unlabeled.ann_file):
        content: Any = read_json(path, unlabeled.backend_args) if path and osp.isfile(path) else None
        for category in content['categories'] if is_coco(content) and 'categories' in content else ():
            if len(category.get('keypoints', ())) in (0, count) and _number(category.get('id')) is not None:
                return dict(own, **category)
    name = 'person' if meta['dataset_name'] == 'coco' else meta['dataset_name']
    return dict(own, id=1, name=name, supercategory=name)


def _by_id(annotations: Sequence[dict]) -> Dict[Any, dict]:
    """Annotations by their ids, or where they have none by their places, as the set has them; an id that several have
    tells none."""
    entries = [(each.get('id', place), each) for place, each in enumerate(annotations) if isinstance(each, dict)]
    counts = Counter(key for key, _ in entries)
    return {key: each for key, each in entries if counts[key] == 1}


def _plain_box(sides: Sequence[float]) -> dict:
    left, top, right, bottom = sides
    box = [round(each, 2) for each in (left, top, right - left, bottom - top)]
    return dict(bbox=box, area=round(box[2] * box[3], 2), iscrowd=0)


def names_of(unlabeled: UnlabeledPoseDataset) -> Tuple[str, List[str]]:
    """The folder that names of images are relative to, and their names: those of video frames that are written are
    below the folder of frames."""
    folder, paths = folder_of(unlabeled.data_prefix['img']), list(unlabeled.data_list.paths)
    frames = unlabeled.frames.folder
    if frames and any(path.startswith(osp.join(frames, '')) for path in paths):
        folder = osp.commonpath([osp.abspath(path) for path in (folder, frames)])
        if all(path.startswith(osp.join(frames, '')) for path in paths):
            folder = frames
        paths = [osp.abspath(path) for path in paths]
    return folder, [osp.relpath(path, folder or '.') if '://' not in path else path for path in paths]


def _number(value: Any, otherwise: Optional[int] = None) -> Any:
    return value if isinstance(value, int) and not isinstance(value, bool) else otherwise
