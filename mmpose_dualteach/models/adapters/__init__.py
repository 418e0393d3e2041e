# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""One adapter for each kind of network output. Nothing else in the package asks what kind of head there is."""

from typing import Optional, Type

from mmpose.registry import KEYPOINT_CODECS, MODELS

from mmpose_dualteach.models.adapters.base import ADAPTERS, OutputAdapter, Target
from mmpose_dualteach.models.adapters.combined import CombinedAdapter
from mmpose_dualteach.models.adapters.coordinates import CoordinateAdapter
from mmpose_dualteach.models.adapters.heatmap import HeatmapAdapter
from mmpose_dualteach.models.adapters.keypoints import KeypointAdapter
from mmpose_dualteach.models.adapters.kinds import class_of
from mmpose_dualteach.models.adapters.simcc import SimCCAdapter
from mmpose_dualteach.models.adapters.visibility import VisibilityAdapter

__all__ = [
    'ADAPTERS',
    'CombinedAdapter',
    'CoordinateAdapter',
    'HeatmapAdapter',
    'KeypointAdapter',
    'OutputAdapter',
    'SimCCAdapter',
    'Target',
    'VisibilityAdapter',
    'adapter_for',
    'find_adapter',
]


def find_adapter(head: dict) -> Type[OutputAdapter]:
    """Find the adapter for a head's config: the last registered one that knows it, or else the general way.

    Args:
        head (dict): The ``model.head`` of an MMPose config.

    Returns:
        type: A subclass of :class:`OutputAdapter`.

    Raises:
        ValueError: If there is none; names the head, its codec and what is supported.
    """
    refusals = {
        adapter: adapter.refusal(head)
        for adapter in reversed(ADAPTERS.module_dict.values())
        if adapter is not KeypointAdapter or not _all_stock(head)
    }
    if KeypointAdapter in refusals:
        refusals[KeypointAdapter] = refusals.pop(KeypointAdapter)  # The last resort.
    for adapter, refusal in refusals.items():
        if refusal is None:
            return adapter
    # A kind that knows the head and not its codec has more to say than one that does not know the head.
    least = min(filter(None, refusals.values()), key=lambda refusal: refusal.startswith('model.head is'))
    reason = refusals.get(KeypointAdapter) or least
    exact = [adapter for adapter in ADAPTERS.module_dict.values() if adapter is not KeypointAdapter]
    supported = '; '.join(adapter.supports() for adapter in [*exact, KeypointAdapter])
    raise ValueError(f'mutual teaching cannot use this config: {reason}; supported are {supported}')


def _all_stock(head: dict) -> bool:
    """Whether head and codec are MMPose's own; two of those that no exact adapter knows do not belong together."""
    parts = class_of(head, MODELS), class_of(KeypointAdapter.codec_of(head), KEYPOINT_CODECS)
    return all(part is not None and part.__module__.startswith('mmpose.') for part in parts)


def adapter_for(
    head: dict, kind: Optional[str] = None, keypoint_labels: Optional[dict] = None, **options
) -> OutputAdapter:
    """Build the adapter for a head's config.

    Args:
        head (dict): The ``model.head`` of an MMPose config.
                kind (str, optional): A registered adapter's name. Defaults to what :func:`find_adapter` finds.
        keypoint_labels (dict, optional): What :class:`KeypointAdapter` needs besides. Defaults to nothing.
        **options: Of the adapter.

    Raises:
        ValueError: If there is none for this head, or none of that name.
    """
    found = find_adapter(head) if kind is None else ADAPTERS.get(kind)
    if found is None:
        raise ValueError(
            f'model.adapter={kind!r} is no registered adapter; there are {", ".join(ADAPTERS.module_dict)}'
        )
    if found is KeypointAdapter:
        options.update(keypoint_labels or {})
    return found(head, **options)
