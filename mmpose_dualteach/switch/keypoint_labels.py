# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What a model needs to make labels of the joints that teachers see."""

from typing import Any, Dict, List, Mapping

from mmpose_dualteach.datasets.labeled_pipeline import CUT, LABELS, PACK, WHOLE_IMAGE_CUT
from mmpose_dualteach.datasets.unlabeled_pipeline import find_transform
from mmpose_dualteach.models.adapters import LabelsAdapter, find_adapter, finds_instances
from mmpose_dualteach.models.estimators.network_ensemble import merged_parts
from mmpose_dualteach.utils.config_dicts import class_name, hashable

LABELLING = (LABELS, PACK)


def keypoint_labels(
    stock: dict, model: Mapping[str, Any], networks: Mapping[str, dict], pipeline: List[dict]
) -> Dict[str, Any]:
    """The argument ``keypoint_labels`` of a switched model, where one of its adapters needs it.

    Args:
        stock (dict): The stock model.
        model (Mapping[str, Any]): What the user gave for the switched one.
        networks (Mapping[str, dict]): What is each network's own.
        pipeline (List[dict]): The labelled training pipeline.

    Returns:
        Dict[str, Any]: The argument by its name, or nothing.

    Raises:
        ValueError: If batches are resized and the input is no whole multiple of what they are padded to.
    """
    if finds_instances(stock):
        return dict(keypoint_labels=_instance_labels(stock, pipeline))
    heads = [merged_parts(stock, own)['head'] for own in networks.values()]
    kinds = {find_adapter(head, kind=model.get('adapter')) for head in heads}
    unlike = len({hashable((head.get('decoder'), class_name(head))) for head in heads}) > 1
    unlike = unlike or any('transforms' in own for own in networks.values())
    if not unlike and not any(issubclass(kind, LabelsAdapter) for kind in kinds):
        return {}
    labels = [find_transform(pipeline, name) for name in LABELLING]
    return dict(keypoint_labels=dict(input_size=find_transform(pipeline, CUT)['input_size'], labels=labels))


def _instance_labels(stock: dict, pipeline: List[dict]) -> Dict[str, Any]:
    """What makes labels of instances, see :class:`InstanceAdapter`."""
    preprocessor = stock.get('data_preprocessor') or {}
    cut = find_transform(pipeline, WHOLE_IMAGE_CUT)
    masks = [each for each in pipeline if class_name(each) == 'BottomupGetHeatmapMask']
    resized = bool(preprocessor.get('batch_augments'))
    size, divisor = tuple(cut['input_size']), preprocessor.get('pad_size_divisor', 1)
    if resized and any(side % divisor for side in size):
        raise ValueError(
            f'{WHOLE_IMAGE_CUT}.input_size={size} is padded to a multiple of data_preprocessor.pad_size_divisor='
            f'{divisor} and resized by batch_augments; set an input_size of whole multiples'
        )
    return dict(
        input_size=size,
        labels=[find_transform(pipeline, name) for name in LABELLING],
        corners=cut.get('bbox_keep_corner', True),
        clip=cut.get('clip_border', False),
        mask=('invalid' if masks[0].get('get_invalid') else 'valid') if masks else None,
        resized=resized,
    )
