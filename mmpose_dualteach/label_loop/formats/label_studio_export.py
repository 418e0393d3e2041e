# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Labels that come back from Label Studio."""

import re
from collections import defaultdict
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple
from urllib.parse import parse_qs, unquote, urlsplit

from mmpose_dualteach.label_loop.coco import VISIBLE

UPLOADED = re.compile(r'^[0-9a-f]{8}-')  # What Label Studio puts before the name of an uploaded image.


def is_label_studio(content: Any) -> bool:
    """Whether a JSON file is an export of Label Studio's own format: a list of tasks."""
    return isinstance(content, list) and all(isinstance(task, dict) and 'data' in task for task in content)


def coco_of_tasks(tasks: Sequence[dict], category: dict, source: str) -> dict:
    """The labels of an export, in COCO's format.

    Args:
        tasks (Sequence[dict]): The export. Of each task the last annotation counts that was not cancelled; a task
            without one was not corrected.
        category (dict): The category of all instances.
        source (str): The file, for errors.

    Returns:
        dict: Content of a COCO-style file.

    Raises:
        ValueError: If a region cannot be understood; names the task.
    """
    images: List[dict] = []
    annotations: List[dict] = []
    for number, task in enumerate(tasks):
        done = [each for each in task.get('annotations') or () if not each.get('was_cancelled')]
        if not done:
            continue
        where = f'{source}: task {task.get("id", number)}'
        image: Dict[str, Any] = dict(id=len(images) + 1, file_name=_name_of(task['data'], where))
        for keypoints, box in _instances(done[-1].get('result') or (), category, image, where):
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


def _name_of(data: Mapping[str, Any], where: str) -> str:
    """The image's name, as it was written into the task, or else from its address."""
    if data.get('file_name'):
        return data['file_name']
    address = next((value for value in data.values() if isinstance(value, str) and '/' in value), None)
    if address is None:
        raise ValueError(f'{where} has no image; its data should have file_name, or an address')
    parts = urlsplit(address)
    local = parse_qs(parts.query).get('d')
    return local[0] if local else UPLOADED.sub('', unquote(parts.path).rpartition('/')[2])


def _instances(
    regions: Sequence[dict], category: dict, image: Dict[str, Any], where: str
) -> List[Tuple[List[float], Optional[List[float]]]]:
    """Keypoints and box of each instance; the image is told its size."""
    names = {name: place for place, name in enumerate(category['keypoints'])}
    boxes: Dict[str, List[float]] = {}
    joints: Dict[Optional[str], Dict[str, Tuple[float, float]]] = defaultdict(dict)
    for region in regions:
        value = region.get('value') or {}
        width, height = region.get('original_width'), region.get('original_height')
        if region.get('type') not in ('rectanglelabels', 'keypointlabels'):
            continue
        if not width or not height:
            raise ValueError(
                f'{where} does not say original_width and original_height, without which percents say little'
            )
        image.update(width=width, height=height)
        if region['type'] == 'rectanglelabels':
            scale = (width / 100, height / 100, width / 100, height / 100)
            boxes[region['id']] = [value[key] * unit for key, unit in zip(('x', 'y', 'width', 'height'), scale)]
        else:
            (name, *_) = value.get('keypointlabels') or ['']
            if name not in names:
                raise ValueError(f'{where} has a keypoint {name!r}; the labelled set has {", ".join(names)}')
            # See label_studio.py for the half pixel.
            joints[region.get('parentID')][name] = (value['x'] * width / 100 - 0.5, value['y'] * height / 100 - 0.5)
    alone = joints.pop(None, {})
    for name, place in alone.items():
        joints[_box_around(place, boxes, where)].setdefault(name, place)
    found = []
    for key in dict.fromkeys([*boxes, *joints]):
        flat: List[float] = []
        for name in names:
            flat += [*joints[key][name], VISIBLE] if name in joints.get(key, {}) else [0, 0, 0]
        if any(flat):
            found.append((flat, boxes.get(key) if key is not None else None))
    return found


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
