# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Configs as plain dicts."""

import copy
from typing import Any, Dict

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
