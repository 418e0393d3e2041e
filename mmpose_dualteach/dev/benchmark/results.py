# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Results as data: one row a run, network and metric."""

import csv
import statistics
from typing import Dict, List, Optional, Tuple

from mmpose_dualteach.dev.benchmark.metric import Metric
from mmpose_dualteach.dev.benchmark.plan import Plan, Run
from mmpose_dualteach.dev.benchmark.runs import Runs
from mmpose_dualteach.utils.file_io import atomic_write
from mmpose_dualteach.visualization.report import read_scalars

COLUMNS = ('dataset', 'method', 'labels', 'seed', 'steps', 'network', 'metric', 'value', 'device', 'commit')
PEAKS = ('peak_unlabeled', 'peak_labeled')
LAST_LOOKS = 3  # A peak in the results is the mean of this many looks, which are of one batch each.
BASELINE = 'supervised'


def rows_of(plan: Plan, run: Run, result: dict, curves: Dict[str, list]) -> List[dict]:
    """A finished run's rows.

    Args:
        plan (Plan): The plan.
        run (Run): The run.
        result (dict): What it gave.
        curves (Dict[str, list]): What it logged in training, see :func:`read_scalars`.

    Returns:
        List[dict]: Rows of ``COLUMNS``: test scores as the evaluators give them, and the mean peaks at the end.
    """
    missing = [metric.key for metric in plan.metrics if metric.key not in result['scores']]
    if missing:
        raise ValueError(
            f'plan {plan.name}: the evaluators of {run.name} give no {", ".join(missing)}; they give '
            f'{", ".join(result["scores"])}'
        )
    others = [key[: -len(plan.metrics[0].key)] for key in result['scores'] if key.endswith(f'/{plan.metrics[0].key}')]
    networks = {result['answering']: '', **{prefix[:-1]: prefix for prefix in others}}
    values = [
        (network, metric.key, result['scores'][f'{prefix}{metric.key}'])
        for network, prefix in networks.items()
        for metric in plan.metrics
    ]
    for network in networks:
        for peak in PEAKS:
            looks = [value for _, value in curves.get(f'{network}/{peak}', [])][-LAST_LOOKS:]
            values += [(network, peak, statistics.fmean(looks))] if looks else []
    common = dict(
        dataset=plan.dataset,
        method=run.method,
        labels=run.labels,
        seed=run.seed,
        steps=result['steps'],
        device=result['device'],
        commit=result['commit'],
    )
    return [dict(common, network=network, metric=metric, value=round(value, 6)) for network, metric, value in values]


def collect(runs: Runs) -> List[dict]:
    """The rows of all finished runs of a plan, in the plan's order."""
    rows = []
    for run in runs.plan.runs():
        result = runs.result(run)
        if result is not None:
            rows += rows_of(runs.plan, run, result, read_scalars(runs.work_dir(run)))
    return rows


def write_csv(rows: List[dict], path: str) -> None:
    """Write rows; a reader never finds half of them."""
    with atomic_write(path, newline='') as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator='\n')
        writer.writeheader()
        writer.writerows(rows)


class Results:
    """Rows, looked up and averaged over seeds.

    Args:
        rows (List[dict]): Rows of ``COLUMNS``; of several of one run, the last counts.
    """

    def __init__(self, rows: List[dict]) -> None:
        self._values: Dict[tuple, Dict[int, float]] = {}
        for row in rows:
            key = (row['method'], row['labels'], row['network'], row['metric'])
            self._values.setdefault(key, {})[row['seed']] = row['value']

    def networks(self, method: str) -> List[str]:
        """The networks of a method that have rows, their mean last."""
        return sorted({key[2] for key in self._values if key[0] == method}, key=lambda name: (name == 'mean', name))

    def values(self, method: str, labels: int, network: str, metric: str) -> Dict[int, float]:
        """Values by seed; empty where nothing was run."""
        return self._values.get((method, labels, network, metric), {})

    def mean(self, method: str, labels: int, network: str, metric: str) -> Optional[Tuple[float, float, int]]:
        """Mean, standard deviation (0 for one seed) and number of seeds, or None where nothing was run."""
        values = list(self.values(method, labels, network, metric).values())
        if not values:
            return None
        return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0, len(values)

    def gain(self, method: str, labels: int, network: str, metric: Metric) -> Optional[Tuple[float, float]]:
        """How much better than the supervised baseline, relative to it, seed by seed.

        Returns:
            Tuple[float, float], optional: Mean and standard deviation over the seeds that both have.
        """
        own = self.values(method, labels, network, metric.key)
        base = self.values(BASELINE, labels, 'a', metric.key)
        sign = -1 if metric.better == 'less' else 1
        gains = [sign * (own[seed] - base[seed]) / base[seed] for seed in own if base.get(seed)]
        if not gains or method == BASELINE:
            return None
        return statistics.fmean(gains), statistics.stdev(gains) if len(gains) > 1 else 0.0
