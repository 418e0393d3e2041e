# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Classes by the names under which they are registered: configs in pure Python name them by import path."""

from importlib import import_module
from typing import Any, Iterator, Optional, Tuple

import mmpose.registry
from mmengine.registry import Registry
from torch import nn

# Whose classes are registered wherever MMPose runs; others may be known by the import alone.
KNOWN = ('mmengine', 'mmcv', 'mmpose', 'mmdet', 'mmpretrain', 'torch')
BY_CLASS_NAME = 'albumentations'  # MMPose's transform of this name looks classes up there.


def with_registered_names(config: Any) -> Any:
    """A config in plain dicts whose classes go by their registered names, under ``type``, as an old-style config has
    them. What is named by import path is imported: no config of a file that is not trusted.

    Args:
        config (Any): The config.

    Returns:
        Any: The same, with other names.
    """
    if isinstance(config, dict):
        named = {key: with_registered_names(value) for key, value in config.items()}
        if 'type' in named:
            name = registered_name(named['type'])
            # mmcv registers it once for each of its modes, which are its argument.
            named['type'] = named.get('mode', name) if found_class(named['type']) is nn.Upsample else name
        return named
    if isinstance(config, (list, tuple)):
        return type(config)(with_registered_names(item) for item in config)
    return config


def registered_name(kind: Any) -> Any:
    """The name by which an old-style config asks for a class.

    Args:
        kind (Any): What a config has as ``type``: a name, a class, or the path by which mmengine writes a class,
            ``'mmpose.models.HeatmapHead'``.

    Returns:
        Any: The registered name, with its scope where MMPose's registries know another class by the bare one; ``kind``
        itself where it is a name already (at most one dot, after the scope), no registered class, or somebody's own,
        whose import registers it.
    """
    found = found_class(kind)
    package = getattr(found, '__module__', '').partition('.')[0]
    if found is not None and package == BY_CLASS_NAME:
        return found.__name__
    if found is None or package not in KNOWN:
        return kind
    return next((name for registry in _registries() for name in _names(registry, found)), kind)


def found_class(kind: Any) -> Optional[type]:
    """The class that ``type`` gives as such or by import path, or None."""
    if isinstance(kind, str) and kind.count('.') >= 2:
        module, _, name = kind.rpartition('.')
        try:
            kind = getattr(import_module(module), name)
        except Exception:  # An import is code: it may raise anything. Building the class will say what.
            return None
    return kind if isinstance(kind, type) else None


def _registries() -> Iterator[Registry]:
    there = (each for each in vars(mmpose.registry).values() if isinstance(each, Registry))
    return (each for each in there if each.scope == mmpose.registry.MODELS.scope)


def _names(registry: Registry, found: type) -> Iterator[str]:
    """Names by which one of MMPose's registries gives a class."""
    for holder, prefix in _holders(registry):
        for name, each in holder.module_dict.items():
            if each is found and registry.get(prefix + name) is found:
                yield prefix + name


def _holders(registry: Registry) -> Iterator[Tuple[Registry, str]]:
    """Where classes of a kind are registered: MMPose's own registry, mmengine's, those of others."""
    yield registry, ''
    root = registry.parent
    if root is not None:
        yield root, ''
        yield root, f'{root.scope}.'
        yield from ((each, f'{scope}.') for scope, each in root.children.items() if each is not registry)
