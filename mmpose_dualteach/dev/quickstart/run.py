# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""The quick start's main job: draw people, train a baseline and mutual teaching, compare, report."""

import json
import time
from functools import partial
from pathlib import Path
from typing import Dict, List, Union

from mmpose_dualteach.dev.progress import tell
from mmpose_dualteach.dev.quickstart.drawn_people import draw_people
from mmpose_dualteach.utils.mmpose_files import finish_tool, last_checkpoint, start_tool
from mmpose_dualteach.visualization.report import Table, compare_runs

SPLITS = dict(train=1200, val=100, test=300)
SCORES = ('coco/AP', 'PCK')
SUPERVISED, MUTUAL = 'supervised_res18_1xb16-14e_drawn30-64x96.py', 'mutual-teaching_res18_1xb16-14e_drawn30-64x96.py'
INTRODUCTION = """{labels} of {people} drawn people lend their labels. The baseline, an ordinary network, learns from
these {labels} alone. With mutual teaching two such networks learn from the same labels in the same steps and, each
joint as much as its teacher is sure of it, from each other on all {people} people, whose labels they never see.

The table is computed once, at the end, on {test} people that no training saw. AP is the mean over object keypoint
similarities of 0.50 to 0.95, with a sigma of 0.1 for every joint. PCK is the share of joints found within a tenth of
the box's longer side."""
say = partial(tell, 'quickstart')


def quickstart(configs: str, work_dir: str, seed: int) -> None:
    """Draw people, train and test both, print the table and write ``report.html``.

    Args:
        configs (str): Folder of the two configs.
        work_dir (str): Where everything goes.
        seed (int): Seed of both training runs.

    Raises:
        subprocess.CalledProcessError: If training or testing fails.
    """
    start, work = time.time(), Path(work_dir)
    people = work / 'people'
    if not all((people / f'{split}.json').exists() for split in SPLITS):
        say(f'drawing {sum(SPLITS.values())} people into {people}')
        draw_people(people, SPLITS)

    runs = dict(supervised=work / f'supervised_seed{seed}', mutual=work / f'mutual_seed{seed}')
    files = dict(supervised=Path(configs) / SUPERVISED, mutual=Path(configs) / MUTUAL)
    results = train_both(files, runs, people, seed)
    table = compare(results)
    report = work / 'report.html'
    report_runs(report, table, runs, seed)
    say(f'done in {(time.time() - start) / 60:.1f} minutes\n')
    print(as_text(table))
    print(f'\nOpen {report} in a browser for the curves and the pictures.')


def train_both(configs: Dict[str, Path], runs: Dict[str, Path], people: Path, seed: int) -> Dict[str, dict]:
    """Train both side by side with MMPose's own tools, one core each, and test their last weights.

    Networks this small gain next to nothing from a second core.

    Args:
        configs (Dict[str, Path]): The config of each run.
        runs (Dict[str, Path]): Where each run goes.
        people (Path): Folder of the drawn people.
        seed (int): Seed of both.

    Returns:
        Dict[str, dict]: Scores on the test people by run.

    Raises:
        subprocess.CalledProcessError: If training or testing fails.
    """
    root = [
        f'{key}.data_root={people}'
        for key in (
            'train_dataloader.dataset.labeled',
            'train_dataloader.dataset.unlabeled',
            'val_dataloader.dataset',
            'test_dataloader.dataset',
        )
    ]
    root += [f'{split}_evaluator.0.ann_file={people / split}.json' for split in ('val', 'test')]
    options = ['--cfg-options', f'randomness.seed={seed}', *root]
    quiet = people.parent / f'supervised_seed{seed}.log'
    say(f'training the supervised baseline in the background (log in {quiet}), mutual teaching here; seed {seed}')
    with open(quiet, 'w') as log:
        baseline = start_tool(
            'train.py', configs['supervised'], '--work-dir', runs['supervised'], *options, output=log, threads=1
        )
        try:
            finish_tool(start_tool('train.py', configs['mutual'], '--work-dir', runs['mutual'], *options, threads=1))
            finish_tool(baseline)
        finally:
            baseline.kill()
    results = {}
    for name, run in runs.items():
        say(f'testing: {name}')
        scores, last = run / 'test.json', last_checkpoint(run)
        finish_tool(
            start_tool('test.py', configs[name], last, '--work-dir', run / 'test', '--out', scores, *options, threads=1)
        )
        results[name] = json.loads(scores.read_text())
    return results


def compare(results: Dict[str, Dict[str, float]]) -> Table:
    """The table: a row each for the baseline, the networks and their mean."""
    rows: List[List[Union[str, float]]] = [['supervised baseline', *scores_of(results['supervised'], '')]]
    for title, prefix in (('network a', ''), ('network b', 'b/'), ('mean of both', 'mean/')):
        rows.append([f'mutual teaching, {title}', *scores_of(results['mutual'], prefix)])
    return Table('On people that no training saw', ['network', 'AP', 'PCK'], rows, highlight=3)


def scores_of(results: Dict[str, float], prefix: str) -> List[float]:
    """AP and PCK of one network in percent."""
    return [round(100 * results[f'{prefix}{key}'], 1) for key in SCORES]


def as_text(table: Table) -> str:
    """The table for a terminal."""
    lines = [f'{table.columns[0]:<32}' + ''.join(f'{column:>8}' for column in table.columns[1:])]
    lines += [f'{row[0]:<32}' + ''.join(f'{value:>8.1f}' for value in row[1:]) for row in table.rows]
    return '\n'.join(lines)


def report_runs(path: Path, table: Table, runs: Dict[str, Path], seed: int) -> None:
    """Write ``report.html`` from the logs of both runs."""
    numbers = dict(labels=30, people=SPLITS['train'], test=SPLITS['test'])
    compare_runs(
        path,
        'Mutual teaching on drawn people',
        {'supervised': runs['supervised'], 'mutual teaching': runs['mutual']},
        INTRODUCTION.format(**numbers),
        [table],
        footer=f'Seed {seed}. One seed shows the way, not the spread: see docs/results.md.',
        scores=SCORES,
    )
