# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Methods by name, each a file of data: arguments of :func:`mmpose_dualteach.switch.mutual_teaching`, on top of which
come the user's.

A file's docstring begins with the method in one sentence and goes on with what its source says and what is done
otherwise here. It has ``TITLE``, ``SOURCE`` and ``OPTIONS``. A method's hyphens are its file's underscores.
"""

import pkgutil
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Dict, List, Mapping

from mmpose_dualteach.models.pseudo_labels.lessons import LESSONS, NETWORKS, parse_lessons
from mmpose_dualteach.utils.config_dicts import on_top

DEFAULT = 'mutual-teaching'


@dataclass(frozen=True)
class Method:
    """A method.

    Attributes:
        name (str): Its name.
        title (str): What it is called in tables.
        source (str): Where it comes from.
        summary (str): What it does, in one sentence.
        options (Dict[str, Any]): Arguments of :func:`mutual_teaching`.
    """

    name: str
    title: str
    source: str
    summary: str
    options: Dict[str, Any]

    @property
    def passes(self) -> int:
        """int: What a step costs in forward passes of one network on one batch, where a backward pass costs two."""
        return passes_of(self.options.get('model', {}))


def passes_of(model: Mapping[str, Any]) -> int:
    """What a step costs, see :attr:`Method.passes`.

    Args:
        model (Mapping[str, Any]): Arguments of :class:`MutualTeachingPoseEstimator`.
    """
    networks, lessons = model.get('networks', NETWORKS), model.get('lessons', LESSONS)
    named = [lesson['teacher'] for lesson in lessons]
    teachers = {name for names in named for name in ([names] if isinstance(names, str) else names)}
    learning = [name for name, own in networks.items() if not own.get('frozen')]
    return 3 * len(learning) + len(teachers) + 3 * len(lessons) * len(model.get('paths', [[]]))


def method_names() -> List[str]:
    """The methods there are, the default first."""
    names = [module.name.replace('_', '-') for module in pkgutil.iter_modules(__path__)]
    return sorted(names, key=lambda name: (name != DEFAULT, name))


def find_method(name: str) -> Method:
    """A method by its name.

    Raises:
        ValueError: If there is no such method; names those there are.
    """
    if name not in method_names():
        raise ValueError(f'method={name!r} does not exist; choose one of {", ".join(method_names())}')
    module = import_module(f'{__name__}.{name.replace("-", "_")}')
    summary = (module.__doc__ or '').strip().split('\n\n')[0].replace('\n', ' ')
    return Method(name, module.TITLE, module.SOURCE, summary, module.OPTIONS)


def options_of(method: str, given: Dict[str, Any]) -> Dict[str, Any]:
    """A method's arguments with what the user gives.

    Args:
        method (str): The method's name.
        given (Dict[str, Any]): The user's arguments by name; None where the method's holds, and within them None for
            what of the method's is taken away.

    Returns:
        Dict[str, Any]: The arguments; keys of dicts are merged. Where the user gives networks and lessons, those of the
            method's networks stay that the lessons name.

    Raises:
        ValueError: If there is no such method, which names those there are, a lesson of the user's is none, or networks
            of the user's are in no lesson of the method's.
    """
    options = find_method(method).options
    chosen: Dict[str, Any] = {
        key: options.get(key) if value is None else on_top(value, options.get(key, {})) for key, value in given.items()
    }
    model, own = given.get('model'), options.get('model', {})
    if isinstance(model, dict) and isinstance(model.get('networks'), dict):
        chosen['model']['networks'] = _networks(model, own)
    if isinstance(model, dict) and 'lessons' in model and 'predict_on' not in model:
        chosen['model'].pop('predict_on', None)  # Who answers is who the method's lessons have made.
    return chosen


def _networks(given: Dict[str, Any], own: Dict[str, Any]) -> Dict[str, Any]:
    """The user's networks on top of a method's; in the user's order, where all are the user's."""
    there = own.get('networks', NETWORKS)
    networks = on_top(given['networks'], there)
    if 'lessons' not in given and not there.keys() & given['networks'].keys():
        raise ValueError(
            f"model.networks={list(given['networks'])}: the method's lessons are of {list(there)}; name these, or give "
            'model.lessons too'
        )
    if 'lessons' in given:
        lessons = parse_lessons(given['lessons'], list(networks))
        named = {name for lesson in lessons for name in lesson.networks}.union(given['networks'])
        networks = {name: parts for name, parts in networks.items() if name in named}
    order = given['networks'] if len(networks) == len(given['networks']) else networks
    return {name: networks[name] for name in order}
