# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Which stock class a config's class is, or descends from."""

from typing import Any, Collection, Optional, Sequence

from mmengine.registry import Registry


def class_of(config: dict, registry: Registry) -> Any:
    """The class that a config asks for, or None if it is not registered."""
    kind = config.get('type')
    return registry.get(kind) if isinstance(kind, str) else kind


def ancestor(config: dict, registry: Registry, names: Collection[str], intact: Sequence[str] = ()) -> Optional[str]:
    """The stock class that a config's class is, or descends from.

    Args:
        config (dict): With a ``type``.
        registry (Registry): Where it is registered.
        names (Collection[str]): Names of stock classes.
        intact (Sequence[str]): Methods that a descendant must not override, if it is to be told by its ancestor.

    Returns:
        Optional[str]: The nearest one's name; None if it descends from none, or overrides one of the methods.
    """
    kind = class_of(config, registry)
    for parent in getattr(kind, '__mro__', ()):
        if parent.__name__ in names and registry.get(parent.__name__) is parent:
            overrides = any(getattr(kind, name, None) is not getattr(parent, name, None) for name in intact)
            return None if overrides else parent.__name__
    return None
