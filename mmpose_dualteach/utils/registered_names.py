# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Classes by the names under which they are registered: configs in pure Python name them by import path."""

import sys
from typing import Any, Iterator

import mmengine.registry
import mmpose.registry
from mmengine.registry import Registry
from mmengine.utils import get_object_from_string

OTHERS = ('mmdet.registry', 'mmpretrain.registry')  # Of packages that a config may have imported.
ROOT = mmengine.registry.MODELS.scope


def registered_name(kind: Any) -> Any:
    """The name by which an old-style config asks for a class.

    Args:
        kind (Any): What a config has as ``type``: a name, a class, or the path by which mmengine writes a class,
            ``'mmpose.models.HeatmapHead'``.

    Returns:
        Any: The registered name, with its scope where it is neither MMPose's nor mmengine's; ``kind`` itself where it
        is a name already (at most one dot, after the scope) or no registered class.
    """
    if isinstance(kind, str):
        if kind.count('.') < 2:
            return kind
        try:
            found = get_object_from_string(kind)
        except Exception:  # An import is code: it may raise anything. Building the class will say what.
            return kind
    else:
        found = kind
    if not isinstance(found, type):
        return kind
    names = (_name_in(registry, found) for registry in _registries())
    return next((name for name in names if name), kind)


def _registries() -> Iterator[Registry]:
    modules = [mmpose.registry, mmengine.registry, *(sys.modules[name] for name in OTHERS if name in sys.modules)]
    for module in modules:
        yield from (each for each in vars(module).values() if isinstance(each, Registry))


def _name_in(registry: Registry, found: type) -> str:
    for name, each in registry.module_dict.items():
        if each is found:
            own = registry.scope in (ROOT, mmpose.registry.MODELS.scope)
            return name if own else f'{registry.scope}.{name}'
    return ''
