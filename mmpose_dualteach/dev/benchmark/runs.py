# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Training and testing every run of a plan, those that are not done yet."""

import fcntl
import json
import os
import os.path as osp
import platform
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import redirect_stdout
from typing import Callable, List, Optional, Sequence, Set, TextIO

import torch
from mmengine.config import Config
from mmengine.runner.checkpoint import CheckpointLoader

import mmpose_dualteach
from mmpose_dualteach.datasets.checks import build_labeled
from mmpose_dualteach.dev.benchmark.plan import Plan, Run
from mmpose_dualteach.utils.file_io import dump_json
from mmpose_dualteach.utils.mmpose_files import finish_tool, last_checkpoint, start_tool
from mmpose_dualteach.versions import __version__


class Runs:
    """The runs of a plan in a folder: a config, a log and a work directory each.

    Args:
        plan (Plan): The plan.
        folder (str): Where everything goes.
        threads (int, optional): Threads of each run. Defaults to torch's own choice.
        methods (Sequence[str], optional): Run only these of the plan's methods.

    Raises:
        ValueError: If the plan has no such method.
    """

    def __init__(
        self, plan: Plan, folder: str, threads: Optional[int] = None, methods: Optional[Sequence[str]] = None
    ) -> None:
        for method in methods or ():
            if method not in plan.methods:
                raise ValueError(f'plan {plan.name} has no method {method!r}; it has {", ".join(plan.methods)}')
        self.plan = plan
        self.folder = folder
        self.threads = threads
        self.wanted = [run for run in plan.runs() if not methods or run.method in methods]
        self._running: Set[subprocess.Popen] = set()
        self.made_by = dict(device=device_name(threads), commit=commit())

    def work_dir(self, run: Run) -> str:
        """The work directory of a run."""
        return osp.join(self.folder, 'runs', run.name)

    def result(self, run: Run) -> Optional[dict]:
        """What a finished run gave, or None."""
        path = osp.join(self.work_dir(run), 'result.json')
        if not osp.isfile(path):
            return None
        with open(path, encoding='utf-8') as file:
            return json.load(file)

    def prepare(self) -> List[Run]:
        """Write every run's config.

        Returns:
            List[Run]: Those that are not done yet.

        Raises:
            ValueError: If a run was begun with another config than the plan gives now, or there are fewer labelled
                instances than the plan asks for; names the folder or file.
        """
        self._check_labels()
        for run in self.wanted:
            self.write_config(run)
        return [run for run in self.wanted if self.result(run) is None]

    def write_config(self, run: Run) -> None:
        """Write a run's config.

        Raises:
            ValueError: If it was begun with another config than the plan gives now; names the folder.
        """
        config, path = self.plan.config(run), self._config_file(run)
        if osp.isdir(self.work_dir(run)) and osp.isfile(path):
            if Config.fromfile(path).to_dict() != config.to_dict():
                raise ValueError(
                    f'{self.work_dir(run)} was run with another config than the plan gives now; move '
                    'it away to run it again, or choose another --work-dir'
                )
            return
        os.makedirs(osp.dirname(path), exist_ok=True)
        config.dump(path)

    def _check_labels(self) -> None:
        labeled = self.plan.config(self.wanted[0]).train_dataloader.dataset.labeled.to_dict()
        labeled.update(indices=None, pipeline=[])
        try:
            with redirect_stdout(None):  # pycocotools tells of every file it reads.
                there, most = len(build_labeled(labeled)), max(self.plan.labels)
        except (AssertionError, FileNotFoundError) as error:  # Stock datasets assert that their files exist.
            raise FileNotFoundError(f'plan {self.plan.name}: {error}') from None
        if there < most:
            raise ValueError(
                f'plan {self.plan.name} asks for {most} labelled instances; {labeled["data_root"]}'
                f'{labeled["ann_file"]} has {there}'
            )

    def run_all(self, jobs: int, report: Callable[[Run, Optional[str]], None]) -> List[Run]:
        """Run what is not done yet, several at a time.

        Args:
            jobs (int): How many.
            report (Callable): Is told of every run that ends, and of what went wrong with it, if anything did.

        Returns:
            List[Run]: Those that failed.
        """
        failed = []
        with ThreadPoolExecutor(jobs) as pool:
            waiting = {pool.submit(self.run_one, run): run for run in self.prepare()}
            try:
                for future in as_completed(waiting):
                    problem = future.exception()
                    run = waiting[future]
                    failed += [run] if problem else []
                    report(run, self._in_words(run, problem))
            except BaseException:
                for future in waiting:
                    future.cancel()
                for process in tuple(self._running):
                    process.kill()
                raise
        return failed

    def _in_words(self, run: Run, problem: Optional[BaseException]) -> Optional[str]:
        if problem is None:
            return None
        if isinstance(problem, BlockingIOError):
            return f'another process is running it (it holds {self._log(run)}); wait for it or stop it'
        if isinstance(problem, subprocess.CalledProcessError):
            return f'failed, see {self._log(run)}'
        raise problem

    def run_one(self, run: Run) -> None:
        """Train, going on where it was interrupted, and test the last weights, once."""
        begin, config, work_dir = time.time(), self._config_file(run), self.work_dir(run)
        scores = osp.join(work_dir, 'test.json')
        with open(self._log(run), 'a', encoding='utf-8') as log:
            # Of this tool and of what it starts: a training that outlived a killed tool is not joined by a second one.
            fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._tool(log, 'train.py', config, '--work-dir', work_dir, '--resume')
            last = last_checkpoint(work_dir)
            self._tool(log, 'test.py', config, last, '--work-dir', osp.join(work_dir, 'test'), '--out', scores)
        with open(scores, encoding='utf-8') as file:
            tested = json.load(file)
        steps = CheckpointLoader.load_checkpoint(last, map_location='cpu', logger='silent')['meta']['iter']
        model = Config.fromfile(config).model
        answering = model.get('predict_on') or next(iter(model.networks))
        result = dict(
            scores=tested, answering=answering, steps=steps, seconds=round(time.time() - begin), **self.made_by
        )
        dump_json(result, osp.join(work_dir, 'result.json'), indent=1)

    def _tool(self, log: TextIO, *arguments: str) -> None:
        process = start_tool(*arguments, output=log, threads=self.threads)
        self._running.add(process)
        try:
            finish_tool(process)
        finally:
            self._running.discard(process)

    def _config_file(self, run: Run) -> str:
        return osp.join(self.folder, 'configs', f'{run.name}.py')

    def _log(self, run: Run) -> str:
        return osp.join(self.folder, 'configs', f'{run.name}.log')


def device_name(threads: Optional[int] = None) -> str:
    """The device that runs use, as results name it."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    name = platform.processor() or platform.machine()
    if osp.isfile('/proc/cpuinfo'):
        with open('/proc/cpuinfo', encoding='utf-8') as file:
            names = [line.split(':', 1)[1].strip() for line in file if line.startswith('model name')]
        name = names[0] if names else name
    threads = threads or torch.get_num_threads()
    return f'CPU ({name}, {threads} thread{"s" if threads > 1 else ""})'


def commit() -> str:
    """The commit of this package's checkout, marked where files differ from it; its version where there is none."""
    here = osp.dirname(osp.dirname(osp.abspath(mmpose_dualteach.__file__)))
    if not osp.exists(osp.join(here, '.git')):
        return f'version {__version__}'
    command = ['git', 'describe', '--always', '--abbrev=10', '--dirty', '--exclude=*']
    try:
        return subprocess.check_output(command, cwd=here, text=True, stderr=subprocess.DEVNULL).strip()
    except (OSError, subprocess.CalledProcessError):  # No git, or one that does not trust this folder's owner.
        return f'version {__version__}'
