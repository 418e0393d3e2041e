# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""A few people for any stock training set: real samples where there are some, drawn ones in its format elsewhere."""

import json
import os
import os.path as osp
from typing import Iterator, List, Optional, Tuple

import cv2
import numpy as np
from mmpose.registry import DATASETS

from mmpose_dualteach.datasets.labeled_pipeline import innermost
from mmpose_dualteach.utils.file_io import dump_json

# Annotation file and image folder of each dataset class below the folder of samples, which is laid out as MMPose's own
# test data.
SAMPLES = dict(
    AFLWDataset=('aflw/test_aflw.json', 'aflw'),
    AP10KDataset=('ap10k/test_ap10k.json', 'ap10k'),
    AicDataset=('aic/test_aic.json', 'aic'),
    AnimalPoseDataset=('animalpose/test_animalpose.json', 'animalpose'),
    COFWDataset=('cofw/test_cofw.json', 'cofw'),
    CocoDataset=('coco/test_coco.json', 'coco'),
    CocoWholeBodyDataset=('coco/test_coco_wholebody.json', 'coco'),
    CocoWholeBodyFaceDataset=('coco/test_coco_wholebody.json', 'coco'),
    CocoWholeBodyHandDataset=('coco/test_coco_wholebody.json', 'coco'),
    CrowdPoseDataset=('crowdpose/test_crowdpose.json', 'crowdpose'),
    DeepFashion2Dataset=('deepfasion2/deepfasion2.json', 'deepfasion2'),
    DeepFashionDataset=('fld/test_fld.json', 'fld'),
    ExlposeDataset=('exlpose/test_exlpose.json', 'exlpose'),
    Face300WDataset=('300w/test_300w.json', '300w'),
    FreiHandDataset=('freihand/test_freihand.json', 'freihand'),
    HalpeDataset=('halpe/test_halpe.json', 'coco'),
    HumanArt21Dataset=('humanart/test_humanart.json', 'humanart'),
    HumanArtDataset=('humanart/test_humanart.json', 'humanart'),
    InterHand2DDoubleDataset=('interhand2.6m/test_interhand2.6m_data.json', 'interhand2.6m'),
    JhmdbDataset=('jhmdb/test_jhmdb_sub1.json', 'jhmdb'),
    LapaDataset=('lapa/test_lapa.json', 'lapa'),
    LocustDataset=('locust/test_locust.json', 'locust'),
    MpiiDataset=('mpii/test_mpii.json', 'mpii'),
    OneHand10KDataset=('onehand10k/test_onehand10k.json', 'onehand10k'),
    PoseTrack18Dataset=('posetrack18/annotations/test_posetrack18_val.json', 'posetrack18'),
    Rhd2DDataset=('rhd/test_rhd.json', 'rhd'),
    WFLWDataset=('wflw/test_wflw.json', 'wflw'),
    ZebraDataset=('zebra/test_zebra.json', 'zebra'),
)
# Files that a class reads besides.
MORE_FILES = dict(
    InterHand2DDoubleDataset=dict(
        camera_param_file='interhand2.6m/test_interhand2.6m_camera.json',
        joint_file='interhand2.6m/test_interhand2.6m_joint_3d.json',
    )
)
PEOPLE = 8
SIZE = (320, 320)


def on_samples(dataset: dict, samples: str, folder: str, notes: List[str]) -> dict:
    """A dataset's config on people that are at hand.

    Args:
        dataset (dict): Config of a stock training set, in whatever wrapper.
        samples (str): The folder of samples.
        folder (str): Where drawn people may be written.
        notes (List[str]): Is told what is not as the stock config says.

    Returns:
        dict: The config, with other files and otherwise the same.
    """
    if 'dataset' in dataset:
        return dict(dataset, dataset=on_samples(dataset['dataset'], samples, folder, notes))
    if dataset.get('datasets'):
        parts = []
        for part in dataset['datasets']:
            if 'dataset' not in part and 'datasets' not in part and DATASETS.get(part['type']) is None:
                notes.append(f'left out {part["type"]}, which this MMPose does not have')
            else:
                parts.append(on_samples(part, samples, folder, notes))
        return dict(dataset, datasets=parts)
    plain = {key: value for key, value in dataset.items() if key not in ('bbox_file', 'indices')}
    if 'sample_interval' in plain:
        plain['sample_interval'] = 1
    for ann_file, images, more in _candidates(plain, samples, folder):
        candidate = dict(plain, data_root='', ann_file=ann_file, data_prefix=dict(img=images), **more)
        if problem_of(candidate) is None:
            return candidate
    ann_file, images = draw_people(plain, folder)
    candidate = dict(plain, data_root='', ann_file=ann_file, data_prefix=dict(img=images))
    problem = problem_of(candidate)
    if problem:
        raise RuntimeError(f'no sample of {plain["type"]} and none could be drawn: {problem}')
    if plain['type'] not in ' '.join(notes):
        notes.append(f'{plain["type"]} drawn')
    return candidate


def unlabeled_on_samples(labeled: dict, unlabeled: dict) -> dict:
    """The people of a labelled set once more, without their labels.

    Args:
        labeled (dict): A labelled dataset's config on people that are at hand, in whatever wrapper.
        unlabeled (dict): The unlabelled dataset's config.

    Returns:
        dict: What changes in it: the file with its boxes where it is in COCO's format, whole images elsewhere.
    """
    inner = innermost(labeled)
    source = dict(data_root='', ann_file=inner['ann_file'], data_prefix=dict(img=inner['data_prefix']['img']))
    try:
        DATASETS.build(dict(unlabeled, **source, pipeline=[]))
    except ValueError:
        source['ann_file'] = ''
    return source


def _candidates(dataset: dict, samples: str, folder: str) -> Iterator[Tuple[str, str, dict]]:
    """The class's sample as it is, and then with its images looked for by name."""
    if dataset['type'] not in SAMPLES:
        return
    ann_file, images = [osp.join(samples, name) for name in SAMPLES[dataset['type']]]
    if not osp.isfile(ann_file):
        return
    more = {key: osp.join(samples, name) for key, name in MORE_FILES.get(dataset['type'], {}).items()}
    yield ann_file, images, more
    with open(ann_file, encoding='utf-8') as file:
        content = json.load(file)
    if not isinstance(content, dict):
        return
    found = {name: osp.relpath(osp.join(place, name), images) for place, _, names in os.walk(images) for name in names}
    for image in content['images']:
        image['file_name'] = found.get(osp.basename(image['file_name']), image['file_name'])
    ann_file = osp.join(folder, f'{dataset["type"]}_found.json')
    dump_json(content, ann_file)
    yield ann_file, images, more


def problem_of(dataset: dict) -> Optional[str]:
    """What keeps a dataset's config from giving people, or None."""
    try:
        built = DATASETS.build(dict(dataset, pipeline=[]))
        people = [built.get_data_info(index) for index in range(len(built))]
    except Exception as error:  # Whatever a stock class makes of a file that does not suit it.
        return f'{type(error).__name__}: {error}'
    if not people:
        return 'it gives no people'
    missing = [info['img_path'] for info in people if not osp.isfile(info['img_path'])]
    if missing:
        return f'{missing[0]} is missing'
    count = built.metainfo['num_keypoints']
    if any(info['keypoints'].shape[-2] != count for info in people):
        return f'its people do not have {count} keypoints'
    return None


def draw_people(dataset: dict, folder: str) -> Tuple[str, str]:
    """Write drawn people in the COCO format that stock datasets read, with every field that any of them asks for.

    Args:
        dataset (dict): Config of a stock training set.
        folder (str): Where to.

    Returns:
        Tuple[str, str]: Annotation file and image folder.
    """
    stock = {key: value for key, value in dataset.items() if key in ('type', 'metainfo', 'subset')}
    count = DATASETS.build(dict(stock, lazy_init=True, data_prefix=dict(img=''))).metainfo['num_keypoints']
    name = '_'.join(str(part) for part in (dataset['type'], dataset.get('subset', ''), count))
    ann_file, images = osp.join(folder, f'{name}.json'), osp.join(folder, name)
    if osp.isfile(ann_file):
        return ann_file, images
    os.makedirs(images, exist_ok=True)
    random = np.random.default_rng(0)
    content = dict(images=[], annotations=[], categories=[dict(id=1, name='person')])
    for number in range(1, PEOPLE + 1):
        width, height = SIZE
        picture = cv2.resize(random.integers(0, 256, (8, 8, 3), dtype=np.uint8), SIZE, interpolation=cv2.INTER_CUBIC)
        left, top, side = 40.0, 30.0, 220.0
        points = random.uniform([left, top], [left + side, top + side], (count, 2)).round(1)
        for x, y in points:
            cv2.circle(picture, (int(x), int(y)), 4, tuple(int(c) for c in random.integers(0, 256, 3)), -1)
        file_name = f'{number}.png'
        cv2.imwrite(osp.join(images, file_name), picture)
        content['images'].append(dict(id=number, file_name=file_name, width=width, height=height))
        content['annotations'].append(annotation(number, [left, top, side, side], points))
    dump_json(content, ann_file)  # Several processes may write the same one.
    return ann_file, images


def annotation(number: int, box: List[float], points: np.ndarray) -> dict:
    """One person's annotation with every field that some stock dataset reads."""
    left, top, width, height = box
    flat = [float(value) for x, y in points for value in (x, y, 2)]
    whole = dict(
        id=number,
        image_id=number,
        category_id=1,
        iscrowd=0,
        bbox=box,
        area=width * height,
        segmentation=[],
        num_keypoints=len(points),
        keypoints=flat,
        head_size=width / 4,
        center=[left + width / 2, top + height / 2],
        scale=height / 200,
    )
    if len(points) == 21:  # Human-Art's own name for its longer list.
        whole['keypoints_21'] = flat
    if len(points) == 133:  # COCO-WholeBody keeps the parts apart.
        ends = dict(keypoints=17, foot_kpts=23, face_kpts=91, lefthand_kpts=112, righthand_kpts=133)
        begin = 0
        for key, end in ends.items():
            whole[key], begin = flat[3 * begin : 3 * end], end
        for part in ('face', 'lefthand', 'righthand', 'foot'):
            whole.update({f'{part}_box': box, f'{part}_valid': True})
    return whole
