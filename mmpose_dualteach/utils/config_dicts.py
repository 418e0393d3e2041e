# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Configs as plain dicts, and the classes that they ask for."""

import copy
from typing import Any, Dict, List, Mapping

from mmengine.config import Config


def plain(value: Any) -> Any:
    """A deep copy in plain dicts, without the scope marks that mmengine leaves in values of a foreign base."""
    if isinstance(value, Config):
        value = value.to_dict()
    if isinstance(value, dict):
        return {key: plain(value[key]) for key in value if key != '_scope_'}
    if isinstance(value, (list, tuple)):
        return type(value)(plain(item) for item in value)
    return copy.deepcopy(value)


def merged(base: dict, changes: Dict[str, Any]) -> dict:
    """A config with what a file assigns on top, as mmengine merges it."""
    merged = Config(copy.deepcopy(base))
    merged.merge_from_dict(plain(changes), allow_list_keys=False)
    return plain(merged)


def on_top(given: Any, own: Any) -> Any:
    """What is given over what a method has of its own; keys of dicts are merged, and None takes one away. Unlike in
    :func:`merged` there are no words such as ``_delete_``."""
    if isinstance(given, dict) and isinstance(own, dict):
        left = {key: value for key, value in own.items() if given.get(key, value) is not None}
        more = {key: on_top(value, own.get(key)) for key, value in given.items() if value is not None or key not in own}
        return {**left, **more}
    return given


def with_own_parts(stock: Any, own: Any) -> Any:
    """A copy of a model with what a network has of its own. Unlike :func:`merged`, a part with a ``type`` takes the
    stock one's place, at any depth, as one with ``_delete_`` does."""
    if not isinstance(own, dict):
        return copy.deepcopy(own)
    replaces = 'type' in own or own.get('_delete_') or not isinstance(stock, dict)
    base = {} if replaces else dict(copy.deepcopy(stock))
    base.update({key: with_own_parts(base.get(key), value) for key, value in own.items() if key != '_delete_'})
    return base


def class_name(config: Mapping[str, Any]) -> str:
    """The class name that a config asks for, without its scope."""
    kind = config.get('type', 'unnamed')
    return kind.rpartition('.')[2] if isinstance(kind, str) else getattr(kind, '__name__', str(kind))


def imported_modules(config: Mapping[str, Any]) -> List[str]:
    """The modules of a config's ``custom_imports``, of which a single one may stand there without a list."""
    modules = (config.get('custom_imports') or {}).get('imports') or []
    return [modules] if isinstance(modules, str) else list(modules)


def hashable(value: Any) -> Any:
    """A config as what can be compared and hashed; lists and tuples are alike."""
    if isinstance(value, Mapping):
        return tuple(sorted((key, hashable(item)) for key, item in value.items()))
    return tuple(hashable(item) for item in value) if isinstance(value, (list, tuple)) else value
