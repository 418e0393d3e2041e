# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Work directories side by side: scores, peaks, agreement, losses and lessons of every network of every run."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Mapping, Optional, Sequence, Tuple, Union

from mmpose_dualteach.engine.run.teaching_verdict import GAIN, gains_in_words, verdict_of
from mmpose_dualteach.visualization.lesson_sheet import SHEET_NOTE
from mmpose_dualteach.visualization.report.charts import Chart, Series
from mmpose_dualteach.visualization.report.page import Picture, Table, write_report
from mmpose_dualteach.visualization.report.scalars import read_scalars, read_scores

Curves = Dict[str, List[Tuple[float, float]]]
MEAN = 'mean'
SHEETS = 2  # The last ones of each run.


@dataclass
class RunLog:
    """What a run logged.

    Attributes:
        name (str): What it is called.
        curves (Curves): Of each key (step, value).
        scores (Curves): Of each score of a validation, without the name of the network; by network.
        sheets (List[Path]): Pictures of lessons, in order.
    """

    name: str
    curves: Curves
    scores: Dict[str, Curves]
    sheets: List[Path]

    @classmethod
    def of(cls, name: str, work_dir: Union[str, Path]) -> 'RunLog':
        """Read a run of this package, or of stock MMPose.

        Raises:
            FileNotFoundError: If nothing was logged there.
        """
        curves, found = read_scalars(work_dir), read_scores(work_dir)
        learning = {key.split('/')[0] for key in curves if re.match('[^/]+/loss', key)}
        # A frozen network has no loss; what it sees is logged as that of others, and of further teachers: a_ema.
        seeing = {key.split('/')[0] for key in curves if re.match('[^/]+/peak_unlabeled', key)} - learning
        frozen = {name for name in seeing if not any(name.startswith(f'{each}_') for each in learning)}
        networks = [name for name in dict.fromkeys(key.split('/')[0] for key in curves) if name in learning | frozen]
        scores: Dict[str, Curves] = {}
        for key, curve in found.items():
            prefix, _, rest = key.partition('/')
            named = rest and prefix in (*networks, MEAN)
            scores.setdefault(prefix if named else '', {})[rest if named else key] = curve
        # The one that answers has the stock names.
        others = [network for network in networks if network not in scores]
        answering = others[0] if others else MEAN if networks else ''
        if '' in scores:
            scores = {answering: scores.pop(''), **scores}
        sheets = sorted(Path(work_dir).rglob('lessons_*.png'), key=lambda sheet: int(sheet.stem.split('_')[-1]))
        return cls(name, curves, scores, sheets)

    def title(self, network: str) -> str:
        """What a network of the run is called beside others."""
        if len(self.scores) < 2:
            return self.name
        return f'{self.name}, {"mean of all" if network == MEAN else network}'

    @property
    def verdict(self) -> Optional[str]:
        """str, optional: Whether teaching helps, as the log of the last validation says it; None of a run without a
        baseline."""
        gains = {network: scores[GAIN][-1][1] for network, scores in self.scores.items() if GAIN in scores}
        if not gains:
            return None
        return f'{self.name}: teaching {verdict_of(gains)} (gains over the labels alone: {gains_in_words(gains)}).'

    def series(self, pattern: str) -> List[Series]:
        """The curves of keys that match ``network/...``."""
        found = [(re.fullmatch(pattern, key), curve) for key, curve in self.curves.items()]
        return [Series(self.title(match.group(1)), curve) for match, curve in found if match]


def compare_runs(
    path: Union[str, Path],
    title: str,
    work_dirs: Mapping[str, Union[str, Path]],
    introduction: str = '',
    tables: Optional[Sequence[Table]] = None,
    footer: str = '',
    scores: Optional[Sequence[str]] = None,
) -> None:
    """Write one self-contained page that compares runs.

    Args:
        path (str | Path): The HTML file.
        title (str): Its title.
        work_dirs (Mapping[str, str | Path]): The work directory of each run by what it is called.
        introduction (str): Paragraphs in front; behind them stands of each run with a baseline whether teaching helps.
        tables (Sequence[Table], optional): Defaults to the scores of the last validation.
        footer (str): The last line.
        scores (Sequence[str], optional): The scores that are shown. Defaults to all whose names are one word:
            ``coco/AP`` and not ``coco/AP .75``.

    Raises:
        FileNotFoundError: If nothing was logged in one.
        ValueError: If no run has one of ``scores``; names those there are.
    """
    runs = [RunLog.of(name, work_dir) for name, work_dir in work_dirs.items()]
    there = list(dict.fromkeys(key for run in runs for curves in run.scores.values() for key in curves))
    for key in scores or ():
        if key not in there:
            raise ValueError(f'no validation gave a score {key!r}; there are {", ".join(there)}')
    keys = list(scores or [key for key in there if ' ' not in key])
    charts = [_score_chart(runs, key) for key in keys]
    charts += [chart for chart in _health_charts(runs) if chart.series]
    pictures = [
        Picture(f'{run.name}: lessons at iteration {sheet.stem.split("_")[-1]}', sheet, SHEET_NOTE)
        for run in runs
        for sheet in run.sheets[-SHEETS:]
    ]
    tables = [score_table(runs, keys)] if tables is None else tables
    introduction = '\n\n'.join(filter(None, [introduction, *(run.verdict for run in runs)]))
    write_report(path, title, introduction, list(tables), charts, pictures, footer=footer)


def score_table(runs: Sequence[RunLog], keys: Sequence[str]) -> Table:
    """Every network's scores at its last validation."""
    rows: List[List[Union[str, float]]] = []
    for run in runs:
        for network, scores in run.scores.items():
            rows.append([run.title(network), *(scores[key][-1][1] if key in scores else '–' for key in keys)])
    of_gain = f' {GAIN}: over the best network on the labels alone, as a share of its score.' if GAIN in keys else ''
    return Table('The last validation', ['network', *keys], rows, note=f'As the evaluators give them.{of_gain}')


def _score_chart(runs: Sequence[RunLog], key: str) -> Chart:
    series = [
        Series(run.title(network), scores[key])
        for run in runs
        for network, scores in run.scores.items()
        if key in scores
    ]
    return Chart(f'{key} of validations', _unit(runs, key), key, series)


def _unit(runs: Sequence[RunLog], key: str) -> str:
    """Whether validations were logged by iteration."""
    for run in runs:
        last = max((curves[key][-1][0] for curves in run.scores.values() if key in curves), default=0)
        if run.curves.get('loss', [(0, 0)])[-1][0] > 1.5 * last:
            return 'epoch'
    return 'iteration'


def _health_charts(runs: Sequence[RunLog]) -> List[Chart]:
    def drawn(pattern: str) -> List[Series]:
        return [series for run in runs for series in run.series(pattern)]

    peaks = [
        Series(f'{each.name}, {kind}', each.points)
        for kind, key in (('unlabelled', 'peak_unlabeled'), ('labelled', 'peak_labeled'))
        for each in drawn(rf'([^/]+)/{key}')
    ]
    agreement = [Series(run.name, run.curves['agreement_px']) for run in runs if 'agreement_px' in run.curves]
    return [
        Chart(
            'Peak response',
            'iteration',
            'mean peak',
            peaks,
            y_range=(0, 1),
            note='Near 0 on unlabelled instances would be collapse.',
        ),
        Chart('Agreement of the networks', 'iteration', 'mean distance in input pixels', agreement),
        Chart(
            'Labelled images normalised as unlabelled ones',
            'iteration',
            'times their loss',
            drawn(r'([^/]+)/labeled_as_easy'),
            note='About 1 where both are alike; above hook.max_drift teachers drift, if joints move as well.',
        ),
        Chart('Loss of the labels', 'iteration', 'loss', drawn(r'([^/]+)/loss_(?!pseudo).*') + _stock_losses(runs)),
        Chart(
            'Pseudo loss',
            'iteration',
            'loss',
            drawn(r'([^/]+)/loss_pseudo'),
            note='Where joints count as much as teachers are sure of them, it rises as they become sure.',
        ),
    ]


def _stock_losses(runs: Sequence[RunLog]) -> List[Series]:
    """Of runs of stock MMPose, which names no network."""
    return [Series(run.name, run.curves['loss']) for run in runs if '' in run.scores and 'loss' in run.curves]
