# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""One adapter for each kind of network output. Nothing else in the package asks what kind of head there is."""
from .base import OutputAdapter, Target
from .heatmap import HeatmapAdapter

ADAPTERS = (HeatmapAdapter, )

__all__ = ['ADAPTERS', 'HeatmapAdapter', 'OutputAdapter', 'Target', 'adapter_for', 'find_adapter']


def find_adapter(head: dict) -> type:
    """Find the adapter for a head's config.

    Args:
        head (dict): The ``model.head`` of an MMPose config.

    Returns:
        type: A subclass of :class:`OutputAdapter`.

    Raises:
        ValueError: If there is none; names the head, its codec and what is supported.
    """
    refusals = []
    for adapter in ADAPTERS:
        refusal = adapter.refusal(head)
        if refusal is None:
            return adapter
        refusals.append(refusal)
    raise ValueError('mutual teaching cannot use this config: ' + '; '.join(refusals))


def adapter_for(head: dict, **options) -> OutputAdapter:
    """Build the adapter for a head's config; see :func:`find_adapter`."""
    return find_adapter(head)(head, **options)
