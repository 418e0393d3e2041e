# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""One adapter for each kind of network output. Nothing else in the package asks what kind of head there is."""

from typing import Any, Collection, Dict, List, Optional, Tuple, Type

from mmpose.registry import KEYPOINT_CODECS, MODELS

from mmpose_dualteach.models.adapters.base import ADAPTERS, OutputAdapter, Target
from mmpose_dualteach.models.adapters.bottom_up import CIDAdapter, DEKRAdapter, YOLOXPoseAdapter
from mmpose_dualteach.models.adapters.combined import CombinedAdapter
from mmpose_dualteach.models.adapters.coordinates import CoordinateAdapter
from mmpose_dualteach.models.adapters.heatmap import HeatmapAdapter
from mmpose_dualteach.models.adapters.instances import InstanceAdapter
from mmpose_dualteach.models.adapters.keypoints import KeypointAdapter
from mmpose_dualteach.models.adapters.kinds import KEYPOINT_KEYS, Refusal
from mmpose_dualteach.models.adapters.labels import LabelsAdapter
from mmpose_dualteach.models.adapters.simcc import SimCCAdapter
from mmpose_dualteach.models.adapters.visibility import VisibilityAdapter
from mmpose_dualteach.utils.ancestors import ancestor, class_of
from mmpose_dualteach.utils.config_dicts import class_name

__all__ = [
    'ADAPTERS',
    'CIDAdapter',
    'CombinedAdapter',
    'CoordinateAdapter',
    'DEKRAdapter',
    'HeatmapAdapter',
    'InstanceAdapter',
    'KeypointAdapter',
    'OutputAdapter',
    'Refusal',
    'SimCCAdapter',
    'Target',
    'VisibilityAdapter',
    'YOLOXPoseAdapter',
    'adapter_for',
    'find_adapter',
    'finds_instances',
    'keypoint_count',
]

# Heads of MMPose 1.3.2 whose own loss does not work.
UNTRAINABLE = dict(
    EDPoseHead="MMPose's EDPoseHead has no loss, it only predicts",
    AssociativeEmbeddingHead="MMPose's AssociativeEmbeddingHead cannot be trained: its loss takes one weight a joint "
    'and image, its codec makes one a joint and instance',
)
# MMPose's own; where it is a fork, others stand beside them in its modules.
STOCK_HEADS = (
    *('HeatmapHead', 'CPMHead', 'MSPNHead', 'ViPNASHead', 'RegressionHead', 'IntegralRegressionHead', 'SimCCHead'),
    *('RLEHead', 'DSNTHead', 'AssociativeEmbeddingHead', 'DEKRHead', 'VisPredictHead', 'CIDHead', 'RTMCCHead'),
    *('TemporalRegressionHead', 'TrajectoryRegressionHead', 'MotionRegressionHead', 'EDPoseHead', 'InternetHead'),
    *('RTMWHead', 'RTMOHead', 'YOLOXPoseHead'),
)
STOCK_CODECS = (
    *('MSRAHeatmap', 'MegviiHeatmap', 'UDPHeatmap', 'RegressionLabel', 'SimCCLabel', 'IntegralRegressionLabel'),
    *('AssociativeEmbedding', 'SPR', 'DecoupledHeatmap', 'VideoPoseLifting', 'ImagePoseLifting', 'MotionBERTLabel'),
    *('YOLOXPoseAnnotationProcessor', 'EDPoseLabel', 'Hand3DHeatmap'),
)
TOPDOWN, BOTTOM_UP = 'TopdownPoseEstimator', 'BottomupPoseEstimator'


def finds_instances(model: dict) -> bool:
    """Whether networks find all instances of an image by themselves, and see no boxes."""
    return ancestor(model, MODELS, [BOTTOM_UP]) is not None


def keypoint_count(head: dict) -> Optional[int]:
    """How many keypoints a head predicts.

    Args:
        head (dict): Its config.

    Returns:
        Optional[int]: The number; None where the config does not say, or the head is of a class that may count
        otherwise: none of MMPose's own, or one with an ``__init__`` of its own.
    """
    if head.get('pose_cfg'):  # Of a head around another one.
        return keypoint_count(head['pose_cfg'])
    told = [head[key] for key in KEYPOINT_KEYS if head.get(key)]
    if not told or not ancestor(head, MODELS, STOCK_HEADS, ['__init__']):
        return None
    combined = (head.get('decoder') or {}).get('heatmap_type') == 'combined'
    return told[0] // 3 if combined else told[0]


def find_adapter(head: dict, several: bool = False, kind: Optional[str] = None) -> Type[OutputAdapter]:
    """Find the adapter for a head's config: the last registered one that knows it, or else the general way.

    Args:
        head (dict): The ``model.head`` of an MMPose config.
        several (bool): Whether the network finds several instances, see :func:`finds_instances`. Defaults to False.
        kind (str, optional): A registered adapter's name, which is then taken. Defaults to None.

    Returns:
        type: A subclass of :class:`OutputAdapter`.

    Raises:
        ValueError: If there is none, of that name or at all; names the head, its codec and what is supported.
    """
    if kind is not None:
        there = _candidates(several)
        if kind not in there:
            raise ValueError(f'model.adapter={kind!r} is no registered adapter; there are {", ".join(there)}')
        # Whoever names an exact one knows better; what makes labels anew says what it cannot make.
        anew = issubclass(there[kind], LabelsAdapter) and there[kind].codec_of(head)  # Else the codec is elsewhere.
        refusal = there[kind].refusal(head) if anew else None
        if refusal:
            raise ValueError(f'model.adapter={kind!r} cannot be taken: {refusal}')
        return there[kind]
    last_resort = InstanceAdapter if several else KeypointAdapter
    candidates = list(_candidates(several).values())
    refusals = {adapter: adapter.refusal(head) for adapter in reversed(candidates) if adapter is not last_resort}
    for_its_loss = any(_refused_part(refusal) == 'loss' for refusal in refusals.values() if refusal)
    if for_its_loss or not _all_stock(head, several):
        refusals[last_resort] = last_resort.refusal(head)
    for adapter, refusal in refusals.items():
        if refusal is None:
            return adapter
    # A kind that knows the head and not its codec has more to say than one that does not know the head.
    least = min(filter(None, refusals.values()), key=lambda refusal: _refused_part(refusal) == 'head')
    reason = UNTRAINABLE.get(class_name(head)) if several else None
    reason = reason or refusals.get(last_resort) or least
    exact = [adapter for adapter in candidates if adapter is not last_resort]
    supported = '; '.join(adapter.supports() for adapter in [*exact, last_resort])
    raise ValueError(
        f'mutual teaching cannot use this config: {reason}; supported are {supported}. For another head of your own '
        'set model.adapter or register one, see docs/models.md'
    )


def _refused_part(refusal: str) -> str:
    """What of a head an adapter refuses; one of another package may give its reason in a plain str."""
    return getattr(refusal, 'part', 'head')


def _candidates(several: bool) -> Dict[str, Type[OutputAdapter]]:
    """The adapters of networks that find several instances, or of those that see boxes, by name."""
    every = ADAPTERS.module_dict.items()
    return {name: kind for name, kind in every if issubclass(kind, InstanceAdapter) == several}


def _all_stock(head: dict, several: bool) -> bool:
    """Whether head and codec are MMPose's own; two of those that no exact adapter knows do not belong together."""
    parts: List[Tuple[Any, Collection[str]]] = [(class_of(head, MODELS), STOCK_HEADS)]
    if not several:
        parts.append((class_of(KeypointAdapter.codec_of(head), KEYPOINT_CODECS), STOCK_CODECS))
    return all(
        part is not None and part.__module__.startswith('mmpose.') and part.__name__ in names for part, names in parts
    )


def adapter_for(
    head: dict,
    kind: Optional[str] = None,
    keypoint_labels: Optional[dict] = None,
    several: bool = False,
    instance_thr: Optional[float] = None,
    **options,
) -> OutputAdapter:
    """Build the adapter for a head's config.

    Args:
        head (dict): The ``model.head`` of an MMPose config.
        kind (str, optional): See :func:`find_adapter`.
        keypoint_labels (dict, optional): What a :class:`LabelsAdapter` needs besides. Defaults to nothing.
        several (bool): See :func:`find_adapter`. Defaults to False.
        instance_thr (float, optional): Of :class:`InstanceAdapter`. Defaults to its own.
        **options: Of the adapter.

    Raises:
        ValueError: If there is none for this head, or none of that name.
    """
    found = find_adapter(head, several, kind)
    if instance_thr is not None:
        if not several:
            raise ValueError(
                f'model.instance_thr={instance_thr}: networks that see boxes find no instances; leave it out'
            )
        options['instance_thr'] = instance_thr
    if issubclass(found, LabelsAdapter):
        options.update(keypoint_labels or {})
    return found(head, **options)
