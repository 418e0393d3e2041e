# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Labels that come back from Label Studio."""

import re
from collections import defaultdict
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np

from mmpose_dualteach.datasets.checks import listed_side
from mmpose_dualteach.datasets.sources.files import IMAGE_SUFFIXES
from mmpose_dualteach.label_loop.coco import VISIBLE
from mmpose_dualteach.label_loop.formats.label_studio import IMAGE
from mmpose_dualteach.prepare.identity import image_name

UPLOADED = re.compile(r'^.*/data/upload/(\d+/)?([0-9a-f]{8}-)?')  # What Label Studio puts before an uploaded image.
CHANGED = ('updated_at', 'created_at')


def is_label_studio(content: Any) -> bool:
    """Whether a JSON file is an export of Label Studio's own format: a list of tasks."""
    return isinstance(content, list) and all(isinstance(task, dict) and 'data' in task for task in content)


def coco_of_tasks(tasks: Sequence[dict], category: dict, source: str) -> dict:
    """The labels of an export, in COCO's format.

    Args:
        tasks (Sequence[dict]): The export. Of each task the annotation counts that was changed last and not cancelled;
            a task without one was not corrected.
        category (dict): The category of all instances.
        source (str): The file, for errors.

    Returns:
        dict: Content of a COCO-style file.

    Raises:
        ValueError: If a region cannot be understood, or two tasks are of one image; names the tasks.
    """
    images: List[dict] = []
    annotations: List[dict] = []
    task_of: Dict[str, Any] = {}
    for number, task in enumerate(tasks):
        this = task.get('id', number)
        where = f'{source}: task {this}'
        regions = _last_regions(task, where)
        if regions is None:
            continue
        image: Dict[str, Any] = dict(id=len(images) + 1, file_name=_name_of(task['data'], where))
        name = image_name(image)
        if name in task_of:
            raise ValueError(
                f'{source}: tasks {task_of[name]} and {this} are both of image {name}; delete one, or, if these are '
                'two images, give each task its path below the folder of images as file_name in data'
            )
        task_of[name] = this
        for keypoints, box in _instances(regions, category, image, where):
            annotations.append(
                dict(
                    id=len(annotations) + 1,
                    image_id=image['id'],
                    category_id=category['id'],
                    iscrowd=0,
                    keypoints=keypoints,
                    num_keypoints=sum(visible > 0 for visible in keypoints[2::3]),
                    **(dict(bbox=box, area=box[2] * box[3]) if box else {}),
                )
            )
        images.append(image)
    return dict(images=images, annotations=annotations, categories=[category])


def _last_regions(task: dict, where: str) -> Optional[Sequence[dict]]:
    """The regions of the annotation that was changed last, None where there is none."""
    annotations = task.get('annotations') or []
    if isinstance(task['data'], dict) and _are_dicts(annotations):
        done = [each for each in annotations if not each.get('was_cancelled')]
        for key in reversed(CHANGED):  # The first counts most.
            if all(isinstance(each.get(key), str) for each in done):
                done = sorted(done, key=lambda each: each[key])
        regions = (done[-1].get('result') or []) if done else None
        if regions is None or _are_dicts(regions):
            return regions
    raise ValueError(
        f'{where} is not as Label Studio writes it, a dict of data and a list of annotations; export it again'
    )


def _are_dicts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, dict) for each in value)


def _name_of(data: Mapping[str, Any], where: str) -> str:
    """The image's name, as it was written into the task, or else the path of its address."""
    if data.get('file_name'):
        return str(data['file_name'])
    texts = [each for each in data.values() if isinstance(each, str)]
    address = data.get(IMAGE) or next((each for each in texts if _path_of(each).lower().endswith(IMAGE_SUFFIXES)), None)
    if not isinstance(address, str):
        raise ValueError(f'{where} has no image; its data should have file_name, or an address as {IMAGE}')
    return _path_of(address)


def _path_of(address: str) -> str:
    """The path that an address names, without what Label Studio has put before it."""
    parts = urlsplit(address)
    local = parse_qs(parts.query).get('d')
    return local[0] if local else UPLOADED.sub('', unquote(parts.path)).lstrip('/')


def _instances(
    regions: Sequence[dict], category: dict, image: Dict[str, Any], where: str
) -> List[Tuple[List[float], Optional[List[float]]]]:
    """Keypoints and box of each instance; the image is told its size."""
    names = list(category['keypoints'])
    boxes: Dict[str, List[float]] = {}
    joints: Dict[Optional[str], Dict[str, Tuple[float, float]]] = defaultdict(dict)
    alone: List[Tuple[str, Tuple[float, float]]] = []
    for region in regions:
        size = [region.get(key) for key in ('original_width', 'original_height')]
        width, height = map(listed_side, size)
        if region.get('type') not in ('rectanglelabels', 'keypointlabels'):
            continue
        if not np.isfinite([width, height]).all():
            raise ValueError(
                f'{where} does not say original_width and original_height, without which percents say little'
            )
        image.update(width=size[0], height=size[1])
        if region['type'] == 'rectanglelabels':
            if not isinstance(region.get('id'), str):
                raise ValueError(f'{where} has a rectangle without id; export it again')
            boxes[region['id']] = _upright(region, width, height, where)
        else:
            x, y = _percents(region, ('x', 'y'), where)
            (name, *_) = region['value'].get('keypointlabels') or ['']
            if name not in names:
                raise ValueError(f'{where} has a keypoint {name!r}; the labelled set has {", ".join(names)}')
            place = (x * width / 100 - 0.5, y * height / 100 - 0.5)  # See label_studio.py for the half pixel.
            if region.get('parentID'):
                _add(joints[region['parentID']], name, place, where)
            else:
                alone.append((name, place))
    for name, place in alone:
        _add(joints[_box_around(place, boxes, where)], name, place, where)
    found = []
    for key in dict.fromkeys([*boxes, *joints]):
        flat: List[float] = []
        for name in names:
            flat += [*joints[key][name], VISIBLE] if name in joints.get(key, {}) else [0, 0, 0]
        if any(flat):
            found.append((flat, boxes.get(key) if key is not None else None))
    return found


def _add(joints: Dict[str, Tuple[float, float]], name: str, place: Tuple[float, float], where: str) -> None:
    """Add a joint to an instance that has none of this name."""
    if name in joints:
        raise ValueError(
            f'{where} has two keypoints {name!r} of one instance; draw a rectangle around each instance and drag its '
            'keypoints into that region, or delete one'
        )
    joints[name] = place


def _percents(region: dict, keys: Sequence[str], where: str) -> List[float]:
    try:
        return [float(region['value'][key]) for key in keys]
    except (KeyError, TypeError, ValueError):
        raise ValueError(
            f'{where}: region {region.get("id")} has no numbers {", ".join(keys)}; export it again'
        ) from None


def _upright(region: dict, width: float, height: float, where: str) -> List[float]:
    """The box (left, top, width, height) in pixels around a rectangle, which may be turned clockwise about its left top
    corner."""
    left, top, across, down = _percents(region, ('x', 'y', 'width', 'height'), where)
    angle = np.deg2rad(region['value'].get('rotation') or 0)
    along = across * width / 100 * np.array([np.cos(angle), np.sin(angle)])
    aside = down * height / 100 * np.array([-np.sin(angle), np.cos(angle)])
    corners = np.array([left * width / 100, top * height / 100]) + [0 * along, along, aside, along + aside]
    return [*corners.min(axis=0).tolist(), *np.ptp(corners, axis=0).tolist()]


def _box_around(place: Tuple[float, float], boxes: Mapping[str, List[float]], where: str) -> Optional[str]:
    """The box that a keypoint without one lies in, None where there are no boxes."""
    around = [
        key
        for key, (left, top, width, height) in boxes.items()
        if left <= place[0] <= left + width and top <= place[1] <= top + height
    ]
    if boxes and len(around) != 1:
        raise ValueError(
            f'{where} has a keypoint that belongs to no box, or lies in {len(around)}; drag it into the region of its '
            'instance'
        )
    return around[0] if around else None
