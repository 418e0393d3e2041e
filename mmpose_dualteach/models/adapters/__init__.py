# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""One adapter for each kind of network output. Nothing else in the package asks what kind of head there is."""

from typing import Tuple, Type

from mmpose_dualteach.models.adapters.base import OutputAdapter, Target
from mmpose_dualteach.models.adapters.combined import CombinedAdapter
from mmpose_dualteach.models.adapters.coordinates import CoordinateAdapter
from mmpose_dualteach.models.adapters.heatmap import HeatmapAdapter
from mmpose_dualteach.models.adapters.simcc import SimCCAdapter
from mmpose_dualteach.models.adapters.visibility import VisibilityAdapter

ADAPTERS: Tuple[Type[OutputAdapter], ...] = (
    HeatmapAdapter,
    CombinedAdapter,
    VisibilityAdapter,
    SimCCAdapter,
    CoordinateAdapter,
)

__all__ = [
    'ADAPTERS',
    'CombinedAdapter',
    'CoordinateAdapter',
    'HeatmapAdapter',
    'OutputAdapter',
    'SimCCAdapter',
    'Target',
    'VisibilityAdapter',
    'adapter_for',
    'find_adapter',
]


def find_adapter(head: dict) -> Type[OutputAdapter]:
    """Find the adapter for a head's config.

    Args:
        head (dict): The ``model.head`` of an MMPose config.

    Returns:
        type: A subclass of :class:`OutputAdapter`.

    Raises:
        ValueError: If there is none; names the head, its codec and what is supported.
    """
    refusals = {adapter: adapter.refusal(head) for adapter in ADAPTERS}
    for adapter, refusal in refusals.items():
        if refusal is None:
            return adapter
    # A kind that knows the head and not its codec has more to say than one that does not know the head.
    reason = min(filter(None, refusals.values()), key=lambda refusal: refusal.startswith('model.head is'))
    supported = '; '.join(adapter.supports() for adapter in ADAPTERS)
    raise ValueError(f'mutual teaching cannot use this config: {reason}; supported are {supported}')


def adapter_for(head: dict, **options) -> OutputAdapter:
    """Build the adapter for a head's config; see :func:`find_adapter`."""
    return find_adapter(head)(head, **options)
