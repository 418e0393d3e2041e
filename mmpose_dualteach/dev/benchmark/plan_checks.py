# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What must hold of a plan's keys before anything is run."""

import inspect
from dataclasses import fields
from typing import Any, Dict, List, Mapping

from mmpose_dualteach.dev.benchmark.metric import Metric
from mmpose_dualteach.engine.run.pseudo_schedule import Length, PseudoSchedule
from mmpose_dualteach.switch import mutual_teaching
from mmpose_dualteach.utils.argument_values import fits, in_words
from mmpose_dualteach.utils.arguments import check_arguments

KEYS: Dict[str, Any] = dict(
    stock=str,
    dataset=str,
    labels=List[int],
    steps=int,
    burn_in=Length,
    seeds=List[int],
    methods=List[str],
    metrics=List[dict],
    switch=dict,
)
# Least value of each number; torch takes no negative seed.
LEAST = dict(labels=1, steps=1, seeds=0)
SWITCH = set(inspect.signature(mutual_teaching).parameters) - {'stock', 'labeled'}  # Which the plan says itself.
METHOD = {'title', 'times', *SWITCH}


def check_plan(plan: Mapping[str, Any]) -> None:
    """Check a plan's keys and values.

    Args:
        plan (Mapping[str, Any]): The plan.

    Raises:
        ValueError: If a key is missing or unknown, or its value is not what it must be; names it.
    """
    missing, unknown = [key for key in KEYS if key not in plan], [key for key in plan if key not in KEYS]
    if missing or unknown:
        wrong = f'{", ".join(missing)} missing' if missing else f'{", ".join(unknown)} not known'
        raise ValueError(f'{wrong}; its keys are {", ".join(KEYS)}')
    for key, kind in KEYS.items():
        if not fits(plan[key], kind):
            raise ValueError(f'{key}={plan[key]!r} must be {in_words(kind)}')
        _check_numbers_and_lists(key, plan[key])
    PseudoSchedule.of_run(plan['burn_in'], 0, 1)
    for number, metric in enumerate(plan['metrics']):
        names = [field.name for field in fields(Metric)]
        check_arguments(metric, names, f'metrics.{number}')
        if missing := [name for name in names if name not in metric]:
            raise ValueError(f'metrics.{number} has no {", ".join(missing)}; give {", ".join(names)}')
    check_arguments(plan['switch'], SWITCH, 'switch')
    if not plan['switch'].get('unlabeled'):
        raise ValueError('switch has no unlabeled; name the instances without labels')


def check_method(method: Mapping[str, Any]) -> None:
    """Check the keys of a method's file.

    Raises:
        ValueError: If one is unknown, or there is no title.
    """
    check_arguments(method, METHOD, 'the file')
    if not isinstance(method.get('title'), str):
        raise ValueError('the file has no title; give one, for tables')


def _check_numbers_and_lists(key: str, value: Any) -> None:
    several = isinstance(value, (list, tuple))
    if several and not value:
        raise ValueError(f'{key}={value!r} must not be empty')
    if several and any(each in value[:place] for place, each in enumerate(value)):
        raise ValueError(f'{key}={value!r} must name each but once')
    for each in (value if several else [value]) if key in LEAST else ():
        if each < LEAST[key]:
            raise ValueError(f'{key}={value!r} must be {LEAST[key]} or more')
