# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Networks of a switched config that have a stock config of their own."""

from typing import Any, Dict, List

from mmengine.config import Config
from mmengine.hub import get_config

from mmpose_dualteach.datasets.unlabeled_pipeline import find_transform
from mmpose_dualteach.models.adapters.kinds import class_name, hashable
from mmpose_dualteach.models.estimators.network_ensemble import merged_parts

PARTS = ('backbone', 'neck', 'head', 'test_cfg', 'train_cfg')


def with_own_config(name: str, own: dict, stock: dict, pipeline: List[dict]) -> Dict[str, Any]:
    """What is a network's own, with the model of the config that it names.

    Args:
        name (str): The network's name.
        own (dict): What is its own; ``config`` is a file or, of MMPose's, ``'mmpose::...'``.
        stock (dict): The stock config that is switched.
        pipeline (List[dict]): Its labelled training pipeline.

    Returns:
        Dict[str, Any]: The keys of the stock model that differ, without ``config``.

    Raises:
        ValueError: If the two cannot see the same images, or the network would need labels of its own; names the
            network and the key.
    """
    own = dict(own)
    source = own.pop('config', None)
    if source is None:
        return own
    where = f'model.networks.{name}.config={source!r}'
    other = (get_config(source) if '::' in source else Config.fromfile(source)).to_dict()
    model = other['model']
    if class_name(model) != class_name(stock['model']):
        raise ValueError(f'{where}: its model is {class_name(model)}, the switched one {class_name(stock["model"])}')
    _check_same_images(where, other, stock, pipeline)
    found = merged_parts({part: model.get(part) for part in PARTS}, own)
    for part in ('test_cfg', 'train_cfg'):  # They take the places of the stock ones, as parts with a type do.
        found[part] = dict(found[part] or {}, _delete_=True)
    if not own.get('frozen') and _labels(found['head']) != _labels(stock['model']['head']):
        raise ValueError(
            f'{where}: {class_name(found["head"])} would learn labels of its own, which the labelled pipeline does not '
            'make; give frozen=True, so that it teaches alone, or a config with the same codec'
        )
    return {**found, **{key: own[key] for key in ('frozen', 'seed') if key in own}}


def _check_same_images(where: str, other: dict, stock: dict, pipeline: List[dict]) -> None:
    dataset = other.get('train_dataloader', {}).get('dataset', {})
    theirs = dataset.get('pipeline') or other.get('train_pipeline') or []
    ours, own = [tuple(find_transform(each, 'TopdownAffine')['input_size']) for each in (pipeline, theirs)]
    if ours != own:
        raise ValueError(
            f'{where}: its input_size is {own}, the switched one {ours}; networks see the same images, take a config '
            'of the same input'
        )
    for key in ('mean', 'std', 'bgr_to_rgb'):
        ours, own = [each['model'].get('data_preprocessor', {}).get(key) for each in (stock, other)]
        if hashable(ours) != hashable(own):
            raise ValueError(
                f'{where}: model.data_preprocessor.{key} is {own}, the switched one {ours}; networks see the same '
                'images, take a config of the same normalisation'
            )


def _labels(head: dict) -> Any:
    return hashable(head.get('decoder') or {})
