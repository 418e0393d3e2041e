# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What some stock configs need before the installed MMPose can run them at all. The switch does it and says so."""

import logging
from typing import Any, List

from mmengine.logging import print_log

from mmpose_dualteach.datasets.labeled_pipeline import parts_of
from mmpose_dualteach.utils.config_dicts import class_name, imported_modules

# Loops have the pipelines of networks that see images of their own.
LOOPS = ('val_cfg', 'test_cfg')
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
# Dataset classes that say ``keypoints_3d=None``.
WITHOUT_3D = ('CocoWholeBodyDataset', 'UBody2dDataset')
DROP_3D = 'DropAbsentKeypoints3D'
# An argument that MMPose 1.3 does not have, and a config of its own still gives.
PACK, UNKNOWN = 'PackPoseInputs', 'extra_mapping_labels'
UNSTABLE_LOSS, STABLE_LOSS = 'JSDiscretLoss', 'FiniteJSDiscretLoss'


def repaired(stock: dict) -> dict:
    """Repair a stock config.

    Args:
        stock (dict): A stock config in plain dicts; changed.

    Returns:
        dict: The same.
    """
    _rename_mmcls(stock)
    repair_head((stock.get('model') or {}).get('head'), 'model.head')
    if stock.get('train_dataloader') and _without_unknown_argument(stock['train_dataloader']['dataset']):
        _say(f'train_dataloader: {PACK} is built without {UNKNOWN}, which it does not know; the codec says the same')
    for loader in LOADERS:
        if stock.get(loader) and _let_converters_work(stock[loader]['dataset']):
            _say(
                f'{loader}: {DROP_3D} is put before KeypointConverter, which fails on datasets of whole bodies '
                'otherwise'
            )
    return stock


def repair_head(head: Any, where: str) -> None:
    """Repair the config of a head in place.

    Args:
        head (dict, optional): The config.
        where (str): Its key, for the log.
    """
    if head and _replace_type(head, UNSTABLE_LOSS, STABLE_LOSS):
        _say(
            f'{where}: {STABLE_LOSS} is used for {UNSTABLE_LOSS}, which has no finite gradient where a joint is not '
            'labelled'
        )


def undone(stock: dict) -> dict:
    """Take the repairs that need this package out of a config again.

    Args:
        stock (dict): A config in plain dicts.

    Returns:
        dict: The config without them.
    """
    stock = {**stock, **{key: _without_transform(stock[key]) for key in (*LOADERS, *LOOPS) if stock.get(key)}}
    _replace_type(stock['model'], STABLE_LOSS, UNSTABLE_LOSS)  # Of its networks' own heads, too.
    return stock


def _replace_type(node: Any, old: str, new: str) -> bool:
    """Replace a class wherever a config names it; returns whether it was anywhere."""
    items = node.values() if isinstance(node, dict) else node if isinstance(node, (list, tuple)) else ()
    found = [_replace_type(item, old, new) for item in items]
    if isinstance(node, dict) and node.get('type') == old:
        node['type'] = new
        return True
    return any(found)


def _rename_mmcls(stock: dict) -> None:
    """Two configs name mmcls, which has become mmpretrain and cannot be installed beside MMPose 1."""
    backbone = stock.get('model', {}).get('backbone') or {}
    name = str(backbone.get('type', ''))
    if name.startswith('mmcls.'):
        backbone['type'] = 'mmpretrain' + name[len('mmcls') :]
        if backbone.pop('output_cls_token', None) is False:
            backbone['out_type'] = 'featmap'  # The option's new name.
        _say(f'model.backbone: {name} is now {backbone["type"]}')
    names = imported_modules(stock)
    renamed = ['mmpretrain' + each[len('mmcls') :] if each.split('.')[0] == 'mmcls' else each for each in names]
    if renamed != names:
        stock['custom_imports']['imports'] = renamed


def _let_converters_work(dataset: dict) -> bool:
    """Put the transform that makes ``KeypointConverter`` work where it is needed; returns whether it was anywhere."""
    changed = [_let_converters_work(part) for part in parts_of(dataset)]
    pipeline: List[dict] = dataset.get('pipeline') or []
    places = [i for i, transform in enumerate(pipeline) if class_name(transform) == 'KeypointConverter']
    if class_name(dataset) not in WITHOUT_3D or not places:
        return any(changed)
    dataset['pipeline'] = pipeline[: places[0]] + [dict(type=DROP_3D)] + pipeline[places[0] :]
    return True


def _without_unknown_argument(dataset: dict) -> bool:
    """Take the argument out of a dataset's pipelines; returns whether it was anywhere."""
    found = [_without_unknown_argument(part) for part in parts_of(dataset)]
    for transform in dataset.get('pipeline') or []:
        if class_name(transform) == PACK and UNKNOWN in transform:
            del transform[UNKNOWN]
            found.append(True)
    return any(found)


def _without_transform(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _without_transform(value) for key, value in node.items()}
    if isinstance(node, (list, tuple)):
        return type(node)(
            _without_transform(item) for item in node if not (isinstance(item, dict) and item.get('type') == DROP_3D)
        )
    return node


def _say(what: str) -> None:
    print_log(f'stock config repaired: {what}', logger='current', level=logging.WARNING)
