# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What a benchmark runs: a stock config x labelled counts x methods x seeds, in so many steps."""

import copy
import os.path as osp
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Dict, List

from mmengine.config import Config, ConfigDict

from mmpose_dualteach.dev.benchmark.metric import Metric
from mmpose_dualteach.dev.benchmark.plan_checks import check_method, check_plan
from mmpose_dualteach.dev.benchmark.schedule import stretch_schedule
from mmpose_dualteach.engine.run.pseudo_schedule import Length
from mmpose_dualteach.methods import find_method, method_names, passes_of
from mmpose_dualteach.switch import mutual_teaching

EVERY = '*'
ALONE: Dict[str, Any] = dict(networks=dict(a=dict()), lessons=[])


@dataclass(frozen=True)
class Run:
    """One training run and its test."""

    method: str
    labels: int
    seed: int

    @property
    def name(self) -> str:
        """str: Name of its folder."""
        return f'{self.method}_{self.labels}_seed{self.seed}'


class Plan:
    """A plan file.

    It is a config with ``stock`` (the stock config, relative to the plan), ``dataset`` (its name in results),
    ``labels`` (how many labelled instances, the first in file order), ``steps`` (to which the stock config's schedule
    is stretched), ``burn_in`` (in iterations of the stock config's schedule, of the package's methods that weigh all
    joints alike and say nothing of it), ``seeds``, ``methods`` (files of the folder ``methods`` beside the plan, or
    else :mod:`mmpose_dualteach.methods` by name; ``'*'`` is every one of those that is not named beside it),
    ``metrics`` (arguments of :class:`Metric`, the one that counts first) and ``switch`` (arguments of
    :func:`mutual_teaching` for every method).

    A method's file has a ``title``, arguments of :func:`mutual_teaching` on top of the plan's, and, where its steps
    cost less than those it is compared with, ``times`` as many steps.

    Args:
        path (str): The plan file.

    Raises:
        FileNotFoundError: If the plan, its stock config or a method is missing.
        ValueError: If a key is missing or unknown, or its value is not what it must be.
    """

    labels_in_words = 'All methods see the same labelled instances.'

    def __init__(self, path: str) -> None:
        if not osp.isfile(path):
            raise FileNotFoundError(f'plan {path} does not exist; there are some in configs/benchmark')
        config = Config.fromfile(path)
        try:
            check_plan(config)
            self.metrics = [Metric(**metric) for metric in config.metrics]
        except ValueError as error:
            raise ValueError(f'plan {path}: {error}') from None
        self.name = osp.splitext(osp.basename(path))[0]
        self.dataset: str = config.dataset
        self.labels = [int(count) for count in config.labels]
        self.steps = int(config.steps)
        self.seeds = [int(seed) for seed in config.seeds]
        self.stock = _beside(path, config.stock, 'stock config')
        every = [name for name in method_names() if name not in config.methods]
        self.methods = [name for given in config.methods for name in (every if given == EVERY else [given])]
        self._switch: ConfigDict = config.switch
        self._arguments = {name: _method(path, name, config.burn_in) for name in self.methods}

    @property
    def titles(self) -> Dict[str, str]:
        """Dict[str, str]: What each method is called in tables."""
        return {name: arguments['title'] for name, arguments in self._arguments.items()}

    @cached_property
    def costs(self) -> Dict[str, float]:
        """Dict[str, float]: What a run of each method costs in passes through a network, in runs of one network on
        labels alone."""
        models = {name: self.config(Run(name, self.labels[0], self.seeds[0])).model for name in self.methods}
        times = {name: arguments.get('times', 1) for name, arguments in self._arguments.items()}
        return {name: passes_of(model) * times[name] / passes_of(ALONE) for name, model in models.items()}

    @cached_property
    def _stock(self) -> Config:
        return Config.fromfile(self.stock)

    def runs(self) -> List[Run]:
        """Every run, seed by seed, so that an unfinished plan has compared all methods already."""
        return [Run(method, labels, seed) for seed in self.seeds for labels in self.labels for method in self.methods]

    def config(self, run: Run) -> Config:
        """The whole config of a run."""
        own = copy.deepcopy(self._arguments[run.method])
        own.pop('title')
        times = own.pop('times', 1)
        # mmengine takes a method's _delete_ only from what it merges into.
        options = Config(
            dict(switch=dict({key: {} for key in own if isinstance(own[key], dict)}, **self._switch.to_dict()))
        )
        options.merge_from_dict(dict(switch=own))
        config = copy.deepcopy(self._stock)
        config.merge_from_dict(mutual_teaching(config, labeled=dict(indices=run.labels), **options.switch.to_dict()))
        config.merge_from_dict(dict(randomness=dict(seed=run.seed)))
        stretch_schedule(config, self.steps * times)
        return config


def _method(plan: str, name: str, burn_in: Length) -> Dict[str, Any]:
    """A method's title and arguments of :func:`mutual_teaching`."""
    path = osp.join(osp.dirname(plan), 'methods', f'{name}.py')
    if osp.isfile(path):
        own = Config.fromfile(path).to_dict()
        try:
            check_method(own)
        except ValueError as error:
            raise ValueError(f'method {path}: {error}') from None
        return own
    if name not in method_names():
        there = ', '.join(method_names())
        raise FileNotFoundError(f'plan {plan}: method {path} does not exist, and the package has {there}; name one')
    method = find_method(name)
    alike = method.options.get('model', {}).get('confidence') is False
    wants = alike and 'burn_in' not in method.options.get('hook', {})
    # The stock schedule's iterations, whatever the plan's own switch counts in.
    own = dict(hook=dict(burn_in=burn_in, by_epoch=False)) if wants else {}
    return dict(title=method.title, method=name, **own)


def _beside(plan: str, path: str, what: str) -> str:
    path = osp.normpath(osp.join(osp.dirname(plan), path))
    if not osp.isfile(path):
        raise FileNotFoundError(f'plan {plan}: {what} {path} does not exist; name one that does')
    return path
