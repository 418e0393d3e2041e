# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""The sweep: all stock configs, in worker processes that may die without ending it."""

import gc
import json
import logging
import multiprocessing
import os
import os.path as osp
import tempfile
import threading
import warnings
from collections import Counter
from contextlib import redirect_stdout, suppress
from multiprocessing.process import BaseProcess
from typing import Dict, Iterator, List, Optional

import torch

from mmpose_dualteach.dev.memory import resident_memory
from mmpose_dualteach.dev.sweep.check import check_config
from mmpose_dualteach.utils.file_io import dump_json

# A process that holds more bytes than this after a config is replaced: what the allocator keeps of a large network's
# memory the next one may need.
MOST_RESIDENT = 4 * 1024**3
LIMIT = 1800.0  # Seconds after which a config counts as failed.
COLUMNS = ('config', 'kind', 'status', 'seconds', 'reason')


def sweep(configs: List[str], samples: str, jobs: int = 1, report: Optional[str] = None) -> Iterator[dict]:
    """Check configs.

    Args:
        configs (List[str]): Paths below MMPose's folder of configs.
        samples (str): The folder of samples.
        jobs (int): Worker processes. Defaults to 1.
        report (str, optional): JSON file of results: those in it are not checked again unless they failed, and it is
            written anew after each config. Defaults to None.

    Yields:
        dict: Each result, in the order in which they come; those of the report first.
    """
    results = {result['config']: result for result in _read(report) if result['status'] != 'failed'}
    for config in configs:
        if config in results:
            yield results[config]
    todo = [config for config in configs if config not in results]
    arrived = threading.Semaphore(0)
    done: List[dict] = []
    lock = threading.Lock()

    def work(folder: str) -> None:
        worker = Worker(samples, folder, LIMIT, threads=max(1, len(os.sched_getaffinity(0)) // jobs))
        while True:
            with lock:
                config = todo.pop(0) if todo else None
            if config is None:
                break
            result = dict(config=config, **worker.check(config))
            with lock:
                done.append(result)
            arrived.release()
        worker.stop()

    count = len(todo)
    with tempfile.TemporaryDirectory() as folder:
        threads = [threading.Thread(target=work, args=(folder,), daemon=True) for _ in range(min(jobs, count))]
        for thread in threads:
            thread.start()
        for number in range(count):
            arrived.acquire()
            result = {key: done[number][key] for key in ('config', 'kind', 'status', 'reason', 'seconds')}
            results[result['config']] = result
            _write(report, list(results.values()))
            yield result
        for thread in threads:
            thread.join()


class Worker:
    """A process that checks one config after another; a new one takes over where it dies."""

    def __init__(self, samples: str, folder: str, limit: float, threads: int) -> None:
        self.arguments = (samples, folder, threads)
        self.limit = limit
        self.process: Optional[BaseProcess] = None

    def check(self, config: str) -> dict:
        """Check a config. See :func:`check.check_config`."""
        process = self.process
        if process is None or not process.is_alive():
            process = self._start()
        try:
            self.pipe.send(config)
            if self.pipe.poll(self.limit):
                result, resident = self.pipe.recv()
                if resident > MOST_RESIDENT:
                    self.stop()
                return result
            reason = f'took more than {self.limit:.0f} seconds'
        except (EOFError, ConnectionError):  # It may die before it reads, or while it works.
            process.join()
            reason = f'its process died with exit code {process.exitcode} (-9: most likely out of memory)'
        self.stop()
        return dict(kind='unknown', status='failed', reason=reason, seconds=0.0)

    def _start(self) -> BaseProcess:
        context = multiprocessing.get_context('spawn')
        self.pipe, other = context.Pipe()
        self.process = process = context.Process(target=_serve, args=(other, *self.arguments), daemon=True)
        process.start()
        other.close()
        return process

    def stop(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.process = None


def _serve(pipe, samples: str, folder: str, threads: int) -> None:
    """The worker process: paths in, results out."""
    torch.set_num_threads(threads)
    warnings.simplefilter('ignore')
    logging.disable(logging.WARNING)
    # Stock MMPose prints a line for every parameter and every data set.
    with open(os.devnull, 'w') as nowhere, redirect_stdout(nowhere), suppress(EOFError):
        while True:
            # Stock datasets collect garbage whenever they are built, some configs have dozens of them, and what is in
            # memory by now stays: looking through it each time would take half the time of such a config.
            gc.freeze()
            result = check_config(pipe.recv(), samples, folder)
            gc.collect()
            pipe.send((result, resident_memory()))


def table(results: List[dict]) -> str:
    """The results as a table for people."""
    rows = [COLUMNS] + [tuple(str(result[column]) for column in COLUMNS) for result in results]
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS) - 1)]
    return '\n'.join(line(row, widths) for row in rows)


def line(row, widths) -> str:
    """One line of the table."""
    return '  '.join([*(cell.ljust(width) for cell, width in zip(row, widths)), row[-1]]).rstrip()


def summary(results: List[dict]) -> str:
    """How many are of which status, by kind."""
    counts: Dict[str, Counter] = {}
    for result in results:
        counts.setdefault(result['kind'], Counter())[result['status']] += 1
    lines = [
        f'{kind}: ' + ', '.join(f'{number} {status}' for status, number in sorted(counter.items()))
        for kind, counter in sorted(counts.items(), key=lambda item: -sum(item[1].values()))
    ]
    total = Counter(result['status'] for result in results)
    return '\n'.join(lines + ['in all: ' + ', '.join(f'{number} {status}' for status, number in sorted(total.items()))])


def _read(report: Optional[str]) -> List[dict]:
    if not report or not osp.isfile(report):
        return []
    try:
        with open(report, encoding='utf-8') as file:
            return json.load(file)
    except ValueError as error:
        raise ValueError(f'{report} is no report of a sweep ({error}); remove it or name another') from None


def _write(report: Optional[str], results: List[dict]) -> None:
    if report:
        dump_json(results, report, indent=1)
