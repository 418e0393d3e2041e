# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""The two sets of a switched config, the loader of both, and what goes by the size of a batch."""

from typing import Any, Dict, List, Mapping, Optional, Union

from mmpose.datasets.datasets.base import BaseCocoStyleDataset
from mmpose.registry import DATASETS

from mmpose_dualteach.datasets.labeled_pipeline import (
    innermost,
    pipeline_of,
    with_labels,
    with_pipelines,
    without_labels,
)
from mmpose_dualteach.datasets.unlabeled_pipeline import unlabeled_pipeline
from mmpose_dualteach.models.pseudo_labels.lessons import Teacher
from mmpose_dualteach.switch.names import DATASET, UNLABELED
from mmpose_dualteach.switch.networks import OwnParts
from mmpose_dualteach.utils.ancestors import ancestor, class_of
from mmpose_dualteach.utils.arguments import argument_names
from mmpose_dualteach.utils.branches import LABELED, own_branch
from mmpose_dualteach.utils.config_dicts import plain

# What the stock loader has that a batch of both kinds cannot keep.
STOCK_LOADER_KEYS = ('sampler', 'batch_sampler', 'drop_last')


def labeled_set(stock: dict, labeled: Union[str, dict, None]) -> dict:
    """The labelled dataset: the stock training set, with what the user named in whatever wrapper it is.

    Raises:
        ValueError: If what is named is no annotation file, or does not say which of joined datasets it means.
    """
    return _with_source(stock, _source(labeled, 'labeled'))


def unlabeled_set(
    labeled: dict,
    unlabeled: Union[str, dict],
    validation: List[dict],
    whole_images: bool,
    views: Optional[dict],
    rand_augment: Union[dict, bool, None],
    teachers: List[Teacher],
    own: OwnParts,
) -> dict:
    """The unlabelled dataset: the labelled one's keypoints, folders and way to read a box, and views of each instance.

    Args:
        labeled (dict): The labelled dataset.
        unlabeled (str | dict): See :func:`mutual_teaching`.
        validation (List[dict]): The pipeline of validation.
        whole_images (bool): Whether networks find all instances of an image by themselves.
        views, rand_augment: See :func:`mutual_teaching`.
        teachers (List[Teacher]): They see as many easy views as the highest of theirs.
        own (OwnParts): Networks that see images of their own get views of their own.

    Returns:
        dict: Its config.
    """
    source = _source(unlabeled, 'unlabeled')
    if not ancestor(dict(dict(type=UNLABELED), **source), DATASETS, [UNLABELED]):
        raise ValueError(
            f'unlabeled.type={source["type"]!r}: instances without labels are listed by {UNLABELED}, from one file, '
            'folder or list of boxes; join several into one'
        )
    config = dict(_instances_like(labeled), **source)
    kind, stock = (class_of(dict(type=each), DATASETS) for each in (config['dataset_type'], innermost(labeled)['type']))
    if 'dataset_options' not in source and kind and stock and not issubclass(kind, stock):
        config.pop('dataset_options', None)  # Of the labelled set's class.
    if whole_images:
        config.setdefault('whole_images', True)
    if 'pipeline' not in config:
        views = dict(views or {})
        easy_views = max([teacher.view for teacher in teachers], default=1)
        if easy_views > 1:
            views.setdefault('easy_views', easy_views)
        config['pipeline'] = unlabeled_pipeline(pipeline_of(labeled), validation, views, rand_augment, own=own.cuts)
    return config


def both_sets(labeled: dict, unlabeled: dict, own: OwnParts, alone: bool) -> dict:
    """The dataset of both kinds.

    Args:
        labeled, unlabeled (dict): The two.
        own (OwnParts): Networks with codecs of their own get labels of their own.
        alone (bool): Whether labels alone are learned.

    Returns:
        dict: Its config.
    """
    dataset = dict(type=DATASET, labeled=labeled, unlabeled=unlabeled)
    if own.labels:
        dataset = with_labels_of(dataset, own.labels)
    return dict(dataset, labels_alone=True) if alone else dataset


def with_labels_of(dataset: dict, labels: Mapping[str, Dict[str, dict]]) -> dict:
    """A dataset of both kinds with labels of these networks' own in place of all others'.

    Args:
        dataset (dict): Its config.
        labels (Mapping[str, Dict[str, dict]]): Transforms by network, see :attr:`OwnParts.labels`.

    Returns:
        dict: The config.
    """
    labeled = dataset['labeled']
    changed = {key: value for key, value in dataset.items() if key != 'labeled_branches'}
    changed['labeled'] = with_pipelines(labeled, lambda pipeline: with_labels(without_labels(pipeline), labels))
    if labels:
        changed['labeled_branches'] = [own_branch(LABELED, name) for name in (None, *labels)]
    return changed


def loader_of_both(stock: dict, dataset: dict, batch: tuple, epoch: str) -> dict:
    """The training loader.

    Args:
        stock (dict): The stock one; what it has in the sampler's place is kept in the sampler, for the way back.
        dataset (dict): The dataset of both kinds.
        batch (tuple): Labelled and unlabelled instances in a batch.
        epoch (str): The set that an epoch passes over.

    Returns:
        dict: Its config.
    """
    return dict(
        {key: value for key, value in stock.items() if key not in STOCK_LOADER_KEYS},
        batch_size=batch[0] if dataset.get('labels_alone') else sum(batch),
        sampler=dict(
            type='LabeledUnlabeledSampler',
            labeled=batch[0],
            unlabeled=batch[1],
            epoch=epoch,
            stock={key: stock[key] for key in STOCK_LOADER_KEYS if key in stock},
        ),
        dataset=dataset,
    )


def stock_of_sampler(sampler: dict) -> dict:
    """What the stock loader had in the sampler's place."""
    return sampler.get('stock') or dict(sampler=dict(type='DefaultSampler', shuffle=True))


def scaled_lr_rule(rule: Mapping[str, Any], up: int, down: int) -> Dict[str, Any]:
    """``auto_scale_lr`` for a batch that is ``up / down`` times as large.

    mmengine compares the loader's whole batch with its number, and the labelled part alone is the stock batch.
    """
    exact = rule['base_batch_size'] * up / down
    return dict(rule, base_batch_size=int(exact) if exact == int(exact) else exact)


def _source(source: Union[str, dict, None], name: str) -> dict:
    """Dataset arguments from what the user named."""
    if source is None and name == 'labeled':
        return {}
    if isinstance(source, dict):
        return plain(source)
    if not isinstance(source, str) or not source:
        raise ValueError(f'{name}={source!r}: name one file or folder, or give dict(...) of dataset arguments')
    if source.endswith('.json'):
        return dict(ann_file=source)
    if name == 'labeled':
        raise ValueError(f'labeled={source!r} is no .json annotation file; labelled instances need one')
    return dict(data_root='', ann_file='', data_prefix=dict(img=source))


def _with_source(dataset: dict, source: dict) -> dict:
    """A labelled dataset that reads what the user named, in whatever wrapper it is."""
    if not source:
        return dataset
    if 'dataset' in dataset and 'dataset' not in source:
        return dict(dataset, dataset=_with_source(dataset['dataset'], source))
    if 'datasets' in dataset and 'datasets' not in source:
        names = ', '.join(sorted({innermost(each)['type'] for each in dataset['datasets']}))
        raise ValueError(
            f'the labelled set joins {len(dataset["datasets"])} datasets ({names}), so '
            f'labeled={source} does not say which; give labeled=dict(datasets=[...]), with indices in each of them'
        )
    return dict(dataset, **source)


def _instances_like(labeled: dict) -> dict:
    """The unlabelled dataset that has a labelled one's keypoints, folders and way to read a box."""
    inner = innermost(labeled)
    instances = dict(type=UNLABELED, dataset_type=inner['type'])
    instances.update({key: inner[key] for key in ('metainfo', 'data_root', 'data_prefix') if key in inner})
    own = {key: value for key, value in inner.items() if key not in ('type', *argument_names(BaseCocoStyleDataset))}
    while 'dataset' in labeled:
        labeled = labeled['dataset']
    if 'datasets' in labeled and 'metainfo' in labeled:
        # Joined datasets are converted to keypoints of their own: a class that reads any COCO box, and that definition.
        instances.update(dataset_type='CocoDataset', metainfo=labeled['metainfo'])
    elif own:
        instances['dataset_options'] = own
    return instances
