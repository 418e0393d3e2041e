# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Stock hooks that change the pipeline or the set in the middle of training."""

from typing import Dict, List, Mapping, Optional

from mmpose_dualteach.datasets.labeled_pipeline import pipeline_of, with_labels, with_pipeline, without_labels
from mmpose_dualteach.switch.data import with_labels_of
from mmpose_dualteach.switch.names import DATASET, NEW_SET
from mmpose_dualteach.switch.networks import OwnParts

PIPELINE = 'switch_pipeline'  # Of mmdet's PipelineSwitchHook.


def switched_hooks(hooks: List[dict], dataset: dict, own: OwnParts, all_labels: bool) -> List[dict]:
    """The hooks of a switched config: they go on making all labels, and leave the unlabelled set where it is.

    Args:
        hooks (List[dict]): The stock ``custom_hooks``.
        dataset (dict): The dataset of both kinds.
        own (OwnParts): Networks with codecs of their own.
        all_labels (bool): Whether the labelled set is the stock one; of one that the user has named hooks change the
            pipeline alone.

    Returns:
        List[dict]: The hooks.
    """
    switched = []
    for hook in hooks:
        if PIPELINE in hook and own.labels:
            hook = dict(hook, **{PIPELINE: with_labels(hook[PIPELINE], own.labels)})
        new = hook.get(NEW_SET)
        if new:
            labeled = new if all_labels else with_pipeline(dataset['labeled'], pipeline_of(new))
            hook = dict(hook, **{NEW_SET: dict(dataset, labeled=labeled)})
        switched.append(hook)
    return switched


def hooks_with_labels_of(hooks: List[dict], labels: Mapping[str, Dict[str, dict]]) -> List[dict]:
    """The hooks of a switched config with labels of these networks' own alone, see :func:`with_labels_of`."""
    changed = []
    for hook in hooks:
        if PIPELINE in hook:
            hook = dict(hook, **{PIPELINE: with_labels(without_labels(hook[PIPELINE]), labels)})
        if hook.get(NEW_SET):
            hook = dict(hook, **{NEW_SET: with_labels_of(hook[NEW_SET], labels)})
        changed.append(hook)
    return changed


def hooks_on_labels_alone(hooks: List[dict]) -> List[dict]:
    """The hooks of a switched config's baseline."""
    return [
        dict(hook, **{NEW_SET: dict(hook[NEW_SET], labels_alone=True)}) if hook.get(NEW_SET) else hook for hook in hooks
    ]


def stock_hooks(hooks: List[dict], network: Optional[str]) -> List[dict]:
    """The hooks of the stock config of one of the networks again."""
    stock = []
    for hook in hooks:
        if PIPELINE in hook:
            hook = dict(hook, **{PIPELINE: without_labels(hook[PIPELINE], network)})
        if (hook.get(NEW_SET) or {}).get('type') == DATASET:
            hook = dict(hook, **{NEW_SET: hook[NEW_SET]['labeled']})
        stock.append(hook)
    return stock
