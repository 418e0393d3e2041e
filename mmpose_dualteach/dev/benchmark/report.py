# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""A plan's tables, on a terminal and in Markdown, and its page of tables, curves and pictures."""

import math
import os.path as osp
import statistics
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple, Union

from mmpose_dualteach.dev.benchmark.metric import Metric
from mmpose_dualteach.dev.benchmark.plan import Plan
from mmpose_dualteach.dev.benchmark.results import BASELINE, Results
from mmpose_dualteach.dev.benchmark.runs import Runs
from mmpose_dualteach.visualization.lesson_sheet import SHEET_NOTE
from mmpose_dualteach.visualization.report import Chart, Picture, Series, Table, read_scalars, write_report

INTRODUCTION = """All train under the same schedule, from the same initial weights where seeds are equal, in the same
number of steps but where a method's name says otherwise. Scores are those of the last weights on the test instances,
computed once; the curves are of the validation instances. Mean ± standard deviation over seeds."""
OF_GAIN = 'The gain is relative to the supervised baseline of the same seed.'


def score_table(plan: Plan, results: Results, metric: Metric) -> Table:
    """One score of every method and network at every count of labels, and its gain over a baseline, if any."""
    columns = ['method', 'cost', 'network']
    gains = BASELINE in plan.methods
    for labels in plan.labels:
        columns += [f'{metric.name} in {metric.unit}, {labels} labels', *(['gain'] if gains else [])]
    rows = []
    for method in plan.methods:
        for network in results.networks(method):
            row = [plan.titles[method], f'{plan.costs[method]:.2g}', 'mean of all' if network == 'mean' else network]
            for labels in plan.labels:
                found = results.mean(method, labels, network, metric.key)
                row.append(_spread(found, metric.factor))
                if gains:
                    row.append(_gain(results.gain(method, labels, network, metric)))
            rows.append(row)
    less = 'Less' if metric.better == 'less' else 'More'
    return Table(
        f'{metric.name} on the test instances',
        columns,
        rows,
        note=f'{less} is better. Cost: passes through a network, in runs of one network on labels alone.',
    )


def peak_table(plan: Plan, results: Results) -> Table:
    """How high predictions still are on unlabelled instances at the end."""
    columns, rows = ['method'], []
    for labels in plan.labels:
        columns += [f'unlabelled, {labels} labels', 'labelled', 'ratio']
    for method in plan.methods:
        row = [plan.titles[method]]
        first = (results.networks(method) or ['a'])[0]
        if not any(results.values(method, labels, first, 'peak_unlabeled') for labels in plan.labels):
            continue
        for labels in plan.labels:
            unlabeled, labeled = (
                results.mean(method, labels, first, f'peak_{kind}') for kind in ('unlabeled', 'labeled')
            )
            ratio = f'{unlabeled[0] / labeled[0]:.2f}' if unlabeled and labeled and labeled[0] else '–'
            row += [_spread(unlabeled, 1, 3), _spread(labeled, 1, 3), ratio]
        rows.append(row)
    return Table(
        'Mean peak response at the end of training',
        columns,
        rows,
        note='Of the first network; 1 is as sharp as a label. Near 0 on unlabelled instances is collapse.',
    )


def _spread(found: Optional[tuple], factor: float, digits: int = 2) -> str:
    if found is None:
        return '–'
    mean, deviation, count = found
    text = f'{mean * factor:.{digits}f}'
    return f'{text} ± {deviation * factor:.{digits}f}' if count > 1 else f'{text} (one seed)'


def _gain(found: Optional[tuple]) -> str:
    return '' if found is None else f'{100 * found[0]:+.1f}%'.replace('-', '−')


def as_markdown(table: Table) -> str:
    """A table for a terminal and a README."""
    lines: List[Sequence[Union[str, float]]] = [table.columns, ['---'] * len(table.columns), *table.rows]
    return '\n'.join('| ' + ' | '.join(str(cell) for cell in line) + ' |' for line in lines)


def write_page(runs: Runs, results: Results, path: str) -> None:
    """Write the plan's ``report.html``."""
    plan = runs.plan
    ended = {run: result for run in plan.runs() if (result := runs.result(run)) is not None}
    logs = {run: read_scalars(runs.work_dir(run)) for run in ended}
    done = {f'{labels} labels': sum(run.labels == labels for run in logs) for labels in plan.labels}
    charts: List[Chart] = []
    introduction = f'{plan.labels_in_words} {INTRODUCTION}'
    if BASELINE in plan.methods:
        introduction += f' {OF_GAIN}'
        charts += [_over_cost(plan, results, labels) for labels in plan.labels]
    if len(plan.labels) > 1:
        charts += [_over_labels(plan, results, metric) for metric in plan.metrics]
    for labels in plan.labels:

        def curve(method: str, key: str, factor: float = 1, labels: int = labels) -> Series:
            found = [
                logs[run][key] for run in logs if (run.method, run.labels) == (method, labels) and key in logs[run]
            ]
            return _mean_curve(plan.titles[method], found, factor)

        for metric in plan.metrics:
            curves = _drawn([curve(method, metric.key, metric.factor) for method in plan.methods])
            charts.append(
                Chart(
                    f'{metric.name} on the validation instances, {labels} labels',
                    'iteration',
                    f'{metric.name} in {metric.unit}',
                    curves,
                    note='First network; bars or bands are a standard deviation over seeds.',
                    y_range=_readable(curves, metric),
                )
            )
        charts.append(
            Chart(
                f'Peak response on unlabelled instances, {labels} labels',
                'iteration',
                'mean peak',
                _drawn([curve(method, 'a/peak_unlabeled') for method in plan.methods]),
                y_range=(0, 1),
                note='First network, from the end of the burn-in on. Falling towards 0 is collapse.',
            )
        )
    made = {(result['device'], result['commit']) for result in ended.values()}
    footer = '; '.join(f'{device}, commit {commit}' for device, commit in sorted(made))
    counts = ', '.join(f'{count} at {labels}' for labels, count in done.items())
    write_report(
        path,
        f'Benchmark: {plan.dataset} ({plan.name})',
        f'{introduction}\n\nRuns in this report: {counts}.',
        [score_table(plan, results, metric) for metric in plan.metrics] + [peak_table(plan, results)],
        charts,
        _pictures(runs),
        footer=footer,
    )


def _over_cost(plan: Plan, results: Results, labels: int) -> Chart:
    """What each method gains over the baseline, by the first score, at what it costs."""
    metric, series = plan.metrics[0], []
    for method in plan.methods:
        gain = results.gain(method, labels, (results.networks(method) or ['a'])[0], metric)
        if gain is not None:
            series.append(Series(plan.titles[method], [(plan.costs[method], 100 * gain[0])], [100 * gain[1]]))
    return Chart(
        f'Gain over cost, {labels} labels',
        'passes through a network, in runs of the baseline',
        f'gain in {metric.name} over the baseline in %',
        series,
        note='First network; bars are a standard deviation over seeds.',
    )


def _over_labels(plan: Plan, results: Results, metric: Metric) -> Chart:
    series = []
    for method in plan.methods:
        means = {labels: results.mean(method, labels, 'a', metric.key) for labels in plan.labels}
        found = {labels: value for labels, value in means.items() if value and math.isfinite(value[0])}
        series.append(
            Series(
                plan.titles[method],
                [(n, value[0] * metric.factor) for n, value in found.items()],
                [value[1] * metric.factor for value in found.values()],
            )
        )
    return Chart(
        f'{metric.name} over labels, test instances',
        'labelled instances',
        f'{metric.name} in {metric.unit}',
        _drawn(series),
        note='First network; bars are a standard deviation over seeds.',
    )


def _mean_curve(title: str, curves: List[list], factor: float) -> Series:
    """The mean of several runs' curves where more than one has a point, with its spread."""
    values: Dict[float, List[float]] = {}
    for curve in curves:
        for x, y in curve:
            if math.isfinite(y):
                values.setdefault(x, []).append(y * factor)
    points = sorted(values)
    spread = [statistics.stdev(values[x]) if len(values[x]) > 1 else 0.0 for x in points]
    return Series(title, [(x, statistics.fmean(values[x])) for x in points], spread if any(spread) else None)


def _readable(curves: List[Series], metric: Metric) -> Optional[Tuple[float, float]]:
    """Errors fall steeply at first, and a network that fails has any error: a range in which ends can be compared."""
    ends = [series.points[-1][1] for series in curves]
    if metric.better != 'less' or not ends:
        return None
    return 0.9 * min(ends), 1.5 * statistics.median(ends)


def _drawn(series: List[Series]) -> List[Series]:
    return [each for each in series if each.points]


def _pictures(runs: Runs) -> List[Picture]:
    """The last lessons of each method at the first count of labels and seed."""
    plan, pictures = runs.plan, []
    for run in plan.runs():
        if (run.labels, run.seed) != (plan.labels[0], plan.seeds[0]) or run.method == BASELINE:
            continue
        sheets = sorted(Path(runs.work_dir(run)).rglob('lessons_*.png'), key=lambda p: int(p.stem.split('_')[-1]))
        if sheets:
            title = f'{plan.titles[run.method]}: lessons at iteration {sheets[-1].stem.split("_")[-1]}'
            pictures.append(Picture(title, Path(osp.abspath(sheets[-1])), SHEET_NOTE))
    return pictures
