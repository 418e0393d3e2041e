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
        given (Dict[str, Any]): The user's arguments by name; None where the method's holds.

    Returns:
        Dict[str, Any]: The arguments; keys of dicts are merged. Of the method's networks those stay that lessons of the
            user's name.

    Raises:
        ValueError: If there is no such method, which names those there are, or a lesson of the user's is none.
    """
    options = find_method(method).options
    chosen = {
        key: options.get(key) if value is None else on_top(value, options.get(key)) for key, value in given.items()
    }
    model = given.get('model')
    if isinstance(model, dict) and isinstance(model.get('networks'), dict):
        chosen['model'] = dict(chosen['model'] or {}, networks=_networks(model, options.get('model', {})))
    return chosen


def _networks(given: Dict[str, Any], own: Dict[str, Any]) -> Dict[str, Any]:
    """The user's networks on top of a method's; in the user's order, where all are the user's."""
    networks = on_top(given['networks'], own.get('networks', NETWORKS))
    if 'lessons' in given:
        lessons = parse_lessons(given['lessons'], list(networks))
        named = {name for lesson in lessons for name in lesson.networks}.union(given['networks'])
        networks = {name: parts for name, parts in networks.items() if name in named}
    order = given['networks'] if len(networks) == len(given['networks']) else networks
    return {name: networks[name] for name in order}
