# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""A plan from beginning to end."""

import os
import os.path as osp
import signal
import sys
import time
from contextlib import contextmanager
from functools import partial
from typing import Iterator, List, Optional, Sequence

import torch
from mmengine.registry import init_default_scope

from mmpose_dualteach.dev.benchmark.plan import Plan, Run
from mmpose_dualteach.dev.benchmark.report import as_markdown, peak_table, score_table, write_page
from mmpose_dualteach.dev.benchmark.results import Results, collect, write_csv
from mmpose_dualteach.dev.benchmark.runs import Runs
from mmpose_dualteach.dev.progress import tell

say = partial(tell, 'benchmark')


def run_plan(
    path: str, folder: Optional[str] = None, jobs: Optional[int] = None, methods: Optional[Sequence[str]] = None
) -> List[Run]:
    """Run what is not done yet of a plan; after each run write ``results.csv`` and ``report.html``.

    Args:
        path (str): The plan file.
        folder (str, optional): Where everything goes. Defaults to ``work_dirs/benchmark/NAME_OF_PLAN``.
        jobs (int, optional): Runs at a time. Defaults to one a core on a CPU, one on a GPU.
        methods (Sequence[str], optional): Only these methods of the plan.

    Returns:
        List[Run]: The runs that failed.

    Raises:
        ValueError: If the plan is wrong, or the folder holds runs of another.
    """
    plan = Plan(path)
    folder = folder or osp.join('work_dirs', 'benchmark', plan.name)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1
    on_gpu = torch.cuda.is_available()
    jobs = jobs or (1 if on_gpu else cores)
    runs = Runs(plan, folder, None if on_gpu else max(1, cores // jobs), methods)
    init_default_scope('mmpose')
    todo, count, begin = len(runs.prepare()), len(runs.wanted), time.monotonic()
    say(f'{plan.name}: {count} runs, {count - todo} of them done; {jobs} at a time, logs in {folder}/configs')
    ended = []

    def report(run: Run, problem: Optional[str]) -> None:
        ended.append(run)
        each = (time.monotonic() - begin) / len(ended)
        say(
            f'[{count - todo + len(ended)}/{count}] {run.name}: {problem or "done"}; '
            f'about {each * (todo - len(ended)) / 60:.0f} minutes left'
        )
        try:
            summarize(runs)
        except ValueError as error:  # Of the report only; the other runs are not its fault.
            say(f'no report: {error}')

    with stoppable():
        failed = runs.run_all(jobs, report)
    tables = summarize(runs)
    for table in tables:
        print(f'\n{table.title}\n\n{as_markdown(table)}')
    if tables:
        say(f'results in {folder}/results.csv, the report in {folder}/report.html')
    else:
        say(f'no run is done, so there are no results; logs in {folder}/configs say why')
    return failed


@contextmanager
def stoppable() -> Iterator[None]:
    """SIGTERM ends this process as an exception does, so that what it started ends with it."""
    before = signal.signal(
        signal.SIGTERM, lambda *_: sys.exit('stopped; runs go on where they were with the same command')
    )
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def summarize(runs: Runs) -> list:
    """Write ``results.csv`` and ``report.html`` from all runs that are done; returns the tables."""
    rows = collect(runs)
    if not rows:
        return []
    results = Results(rows)
    write_csv(rows, osp.join(runs.folder, 'results.csv'))
    write_page(runs, results, osp.join(runs.folder, 'report.html'))
    tables = [score_table(runs.plan, results, metric) for metric in runs.plan.metrics]
    return [*tables, peak_table(runs.plan, results)]
