# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Which instances to label next."""

import os.path as osp
from logging import WARNING
from typing import Any, Dict, Hashable, List, Mapping, Optional, Sequence

import numpy as np
from mmengine.config import Config
from mmengine.logging import print_log
from scipy.cluster.vq import kmeans2
from scipy.spatial.distance import cdist

from mmpose_dualteach.datasets import UnlabeledPoseDataset
from mmpose_dualteach.datasets.checks import build_labeled, image_paths
from mmpose_dualteach.label_loop.coco import Choice, as_coco, category_of
from mmpose_dualteach.label_loop.drawing import place_of
from mmpose_dualteach.label_loop.instances import labeled_file
from mmpose_dualteach.label_loop.looking import Look
from mmpose_dualteach.label_loop.suggestion_sheet import Suggestion, write_sheet
from mmpose_dualteach.utils.file_io import atomic_write, dump_json

# The best first: see "Suggested labels" in docs/results.md.
STRATEGIES = ('spread', 'disagreement', 'random')
MOST = 1.0  # Of an instance's size: joints that are farther apart than that count no more.
LEAST_CERTAINTY = 0.3  # Of instances that networks find by themselves.


def suggest_labels(
    config: Config,
    checkpoint: str,
    unlabeled: Mapping[str, Any],
    count: int,
    output: str,
    by: str = 'spread',
    seed: int = 0,
    batch: int = 32,
    workers: int = 2,
    device: Optional[str] = None,
) -> List[Suggestion]:
    """Choose instances to label next, and write them with what networks see.

    ``OUTPUT`` becomes a COCO-style file of the chosen instances, with the networks' mean joints to start from and
    ``suggestion`` (rank, reason) in each annotation. Beside it: ``OUTPUT.html``, a sheet of what was chosen with each
    network's joints, ``OUTPUT.txt``, the names of images, and ``OUTPUT.skipped.json``, what cannot be used. Of a video
    no two frames of one second are chosen, and of any image but one instance.

    Args:
        config (Config): A switched config, or the stock one of an ordinary checkpoint.
        checkpoint (str): The checkpoint.
        unlabeled (Mapping): Config of the unlabelled set.
        count (int): How many to choose.
        output (str): The file to write.
        by (str): One of :data:`STRATEGIES`, see :func:`choose`. Defaults to ``'spread'``.
        seed (int): Of what is drawn. Defaults to 0.
        batch (int): Instances at a time. Defaults to 32.
        workers (int): Processes that read images. Defaults to 2.
        device (str, optional): Defaults to a GPU if there is one.

    Returns:
        List[Suggestion]: What was chosen, the first first; nothing in all processes but the first.

    Raises:
        FileNotFoundError: If the checkpoint or source is missing.
        ValueError: If there are fewer instances than asked for, a single network is asked for its disagreement, or more
            instances cannot be used than the set's ``max_broken``.
    """
    if count < 1 or by not in STRATEGIES:
        raise ValueError(f'count={count} must be at least 1, and by={by!r} one of {", ".join(STRATEGIES)}')
    look = Look(config, checkpoint, unlabeled, output, device=device)
    if by == 'disagreement' and len(look.networks.peers) < 2:
        raise ValueError(f'by={by!r} needs two networks that see the same images; {checkpoint} has one')
    lines = look.lines(batch, workers, features=True)
    if lines is None:
        return []
    lines = _without_labels([line for line in lines if line.get('seen')], look, config)
    disagreement = np.array([mean_disagreement(line) for line in lines])
    features = np.array([line['features'] for line in lines])
    groups = [_group(look.instances.unlabeled, line['number']) for line in lines]
    chosen = choose(disagreement, features, groups, count, by, seed)
    if len(chosen) < count:
        raise ValueError(
            f'{count} instances were asked for and there are {len(chosen)} on different images, or in different '
            'seconds of a video; ask for fewer'
        )
    suggestions = [
        Suggestion(rank, lines[place], round(float(disagreement[place]), 4), _reason(lines[place], look, by))
        for rank, place in enumerate(chosen, 1)
    ]
    _write(suggestions, look, config, checkpoint, output)
    look.forget()
    return suggestions


def choose(
    disagreement: np.ndarray,
    features: np.ndarray,
    groups: Sequence[Hashable],
    count: int,
    by: str = 'spread',
    seed: int = 0,
) -> List[int]:
    """Choose instances.

    Args:
        disagreement (np.ndarray): How far networks disagree on each, in shape (N,).
        features (np.ndarray): What tells them from each other, in shape (N, F).
        groups (Sequence[Hashable]): Of those in one group no two are chosen, in length N.
        count (int): How many.
        by (str): ``'spread'``: in each of ``count`` clusters of features the one in the middle. ``'disagreement'``:
            those on which networks disagree most. ``'random'``. Defaults to ``'spread'``.
        seed (int): Of clusters and of random choice. Defaults to 0.

    Returns:
        List[int]: Their places, those of most disagreement first; fewer than ``count`` if there are too few groups.
    """
    random = np.random.default_rng(seed)
    order = np.argsort(-disagreement, kind='stable') if by == 'disagreement' else random.permutation(len(disagreement))
    if by == 'spread' and len(disagreement) > count:
        order = np.concatenate([_middles(features, count, random), order])
    chosen: Dict[Hashable, int] = {}
    for place in order:
        if len(chosen) < count:
            chosen.setdefault(groups[place], int(place))
    return sorted(chosen.values(), key=lambda place: -disagreement[place])


def _middles(features: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """Of each cluster the instance nearest to its middle."""
    middles, cluster = kmeans2(features, count, minit='++', seed=random)
    chosen = []
    for number in np.unique(cluster):
        members = np.flatnonzero(cluster == number)
        chosen.append(members[np.argmin(cdist(features[members], middles[number][None]))])
    return np.array(chosen)


def mean_disagreement(line: dict) -> float:
    """How far networks see the joints of an instance, or of all on an image, apart: the mean, in shares of the longer
    side.

    Args:
        line (dict): What is seen, see :meth:`Look.lines`.
    """
    return float(np.mean(joint_disagreement(line) if _certain(line) else 0.0))


def joint_disagreement(line: dict) -> np.ndarray:
    """The same of each joint in shape (K,); there is an instance of which networks are certain."""
    return np.mean([_shares(seen) for seen in _certain(line)], axis=0)


def _certain(line: dict) -> List[dict]:
    return [seen for seen in line['seen'] if seen['certainty'] >= LEAST_CERTAINTY]


def _shares(seen: dict) -> np.ndarray:
    left, top, right, bottom = seen['box']
    side = max(right - left, bottom - top, 1.0)
    return np.array([MOST if apart is None else min(apart / side, MOST) for apart in seen['apart']])


def _group(unlabeled: UnlabeledPoseDataset, number: int) -> Hashable:
    """Of which image, or second of which video, an instance is."""
    place = place_of(unlabeled, number)
    return (place.video, int(place.seconds)) if place.video is not None else unlabeled.data_list[number]['img_path']


def _without_labels(lines: List[dict], look: Look, config: Config) -> List[dict]:
    """Those whose image has no labels; all of them where the labelled set is not here."""
    dataset = (config.get('train_dataloader') or {}).get('dataset') or {}
    try:
        labeled = {osp.realpath(path) for path in image_paths(build_labeled(dataset.get('labeled', dataset)))}
    except FileNotFoundError as missing:
        print_log(f'labelled images may be suggested again: {missing}', logger='current', level=WARNING)
        return lines
    index = look.instances.unlabeled.data_list
    return [line for line in lines if osp.realpath(index[line['number']]['img_path']) not in labeled]


def _reason(line: dict, look: Look, by: str) -> str:
    """Why an instance was chosen, in words."""
    names = look.instances.unlabeled.metainfo['keypoint_id2name']
    reasons = []
    if len(look.networks.peers) > 1 and _certain(line):
        shares = joint_disagreement(line)
        worst = ', '.join(f'{names[joint]} {shares[joint]:.0%}' for joint in np.argsort(-shares)[:2])
        reasons.append(f'networks differ by {mean_disagreement(line):.0%} of its size ({worst})')
    if by == 'spread':
        reasons.append('like others that are not labelled')
    return '; '.join(reasons) or 'drawn at random'


def _write(suggestions: Sequence[Suggestion], look: Look, config: Config, checkpoint: str, output: str) -> None:
    """Write the file, the sheet and the list."""
    unlabeled = look.instances.unlabeled
    lines = [
        dict(each.line, about=dict(suggestion=dict(rank=each.rank, reason=each.reason, disagreement=each.disagreement)))
        for each in suggestions
    ]
    description = f'suggested by network {look.networks.answers} of {osp.basename(checkpoint)}'
    category = category_of(unlabeled, labeled_file(config))
    coco, _ = as_coco(unlabeled, lines, Choice(min_score=0.0), category, description)
    write_sheet(suggestions, look, f'{output}.html')
    with atomic_write(f'{output}.txt') as file:
        file.writelines(f'{image["file_name"]}\n' for image in coco['images'])
    dump_json(coco, output)
