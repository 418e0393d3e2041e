# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""The names of a class's arguments, as configs give them."""

import difflib
import inspect
from typing import Any, Dict, Iterable, List, Mapping, Optional, Set


def argument_names(kind: type) -> Set[str]:
    """Names of the arguments that a class takes by name, those of ``**kwargs`` left out."""
    return {each.name for each in _parameters(kind) if each.kind is not inspect.Parameter.VAR_KEYWORD}


def takes_anything(kind: type) -> bool:
    """Whether a class takes arguments by ``**kwargs``, so that a name says nothing."""
    return any(each.kind is inspect.Parameter.VAR_KEYWORD for each in _parameters(kind))


def annotations_of(kind: type) -> Dict[str, Any]:
    """The annotations of the arguments that a class takes by name; those too that it hands on by ``**options`` to the
    class that it descends from, which have a default there."""
    found: Dict[str, Any] = {}
    for each in (each for each in kind.__mro__ if '__init__' in vars(each)):
        named = [one for one in _parameters(each) if one.kind is not inspect.Parameter.VAR_KEYWORD]
        handed_on = [one for one in named if each is kind or one.default is not inspect.Parameter.empty]
        found = {**{one.name: one.annotation for one in handed_on}, **found}
        if not takes_anything(each):
            break
    return found


def _parameters(kind: Any) -> List[inspect.Parameter]:
    # Not of the class: Python 3.8 tells of torch's datasets what typing.Generic's __new__ takes.
    _, *parameters = inspect.signature(kind.__init__).parameters.values()
    return parameters


def check_arguments(options: Optional[Mapping[str, Any]], known: Iterable[str], where: str) -> None:
    """Check that a config's options are known.

    Args:
        options (Mapping[str, Any], optional): The options.
        known (Iterable[str]): Names of those there are.
        where (str): The key of the config that holds them, for errors.

    Raises:
        ValueError: If the options are no dict, or one is unknown; names it and the one that was meant.
    """
    if options is None:
        return
    if not isinstance(options, Mapping):
        raise ValueError(f'{where}={options!r} must be a dict(...) with some of {", ".join(sorted(known))}')
    known = sorted(known)
    for key in options:
        if key not in known and key != '_delete_':
            close = difflib.get_close_matches(str(key), known, n=1)
            meant = f'did you mean {close[0]}?' if close else f'it has {", ".join(known)}'
            raise ValueError(f'{where} has no {key!r}; {meant}')
