# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Whether what a config gives is what a class's annotations ask for."""

from numbers import Integral, Real
from typing import Any, Mapping, Sequence, Union, get_args, get_origin

import numpy as np

from mmpose_dualteach.utils.arguments import annotations_of

WORDS = {
    bool: 'True or False',
    int: 'a whole number',
    float: 'a number',
    str: 'a string',
    dict: 'a dict',
    type(None): 'None',
}
LISTS = (list, tuple)


def check_values(options: Mapping[str, Any], kind: type, where: str) -> None:
    """Check the types of a config's options.

    Args:
        options (Mapping[str, Any]): The options; those that the class does not name are left alone.
        kind (type): The class that takes them.
        where (str): The key of the config that holds them, for errors.

    Raises:
        ValueError: If one is not what the class's annotation says; names it.
    """
    annotations = annotations_of(kind)
    for key, value in options.items():
        if key in annotations and not fits(value, annotations[key]):
            raise ValueError(f'{where}.{key}={value!r} must be {in_words(annotations[key])}')


def fits(value: Any, annotation: Any) -> bool:
    """Whether a value is what an annotation says; of what is not known here, anything is."""
    origin, inner = get_origin(annotation) or annotation, get_args(annotation)
    if origin is Union:
        return any(fits(value, each) for each in inner)
    if origin is bool:
        return isinstance(value, (bool, np.bool_)) or (isinstance(value, Integral) and value in (0, 1))
    if origin in (int, float):
        number = isinstance(value, Real) and not isinstance(value, bool)
        return number and (origin is float or float(value).is_integer())
    if _is_list(origin):
        each = inner[0] if inner else Any
        fixed = origin is tuple and inner and Ellipsis not in inner
        if not isinstance(value, LISTS) or (fixed and len(value) != len(inner)):
            return False
        return all(fits(item, each) for item in value)
    if origin in WORDS:
        return isinstance(value, Mapping if origin is dict else origin)
    return True


def in_words(annotation: Any) -> str:
    """What a value must be."""
    origin, inner = get_origin(annotation) or annotation, get_args(annotation)
    if origin is Union:
        return ' or '.join(in_words(each) for each in inner)
    if _is_list(origin):
        count = f' of {len(inner)}' if origin is tuple and Ellipsis not in inner else ''
        return f'a list{count}, each of it {in_words(inner[0])}' if inner else 'a list'
    return WORDS.get(origin, 'something else')


def _is_list(origin: Any) -> bool:
    return isinstance(origin, type) and not issubclass(origin, str) and issubclass(origin, Sequence)
