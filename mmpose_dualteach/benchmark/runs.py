# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Training and testing every run of a plan, those that are not done yet."""
import json
import os
import os.path as osp
import platform
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Callable, List, Optional

import torch
from mmengine.config import Config
from mmengine.runner.checkpoint import CheckpointLoader

from mmpose_dualteach.mmpose_files import finish_tool, start_tool
from mmpose_dualteach.versions import __version__

from .plan import Plan, Run


class Runs:
    """The runs of a plan in a folder: a config, a log and a work directory each.

    Args:
        plan (Plan): The plan.
        folder (str): Where everything goes.
        threads (int, optional): Threads of each run. Defaults to torch's own choice.
    """

    def __init__(self, plan: Plan, folder: str, threads: Optional[int] = None) -> None:
        self.plan = plan
        self.folder = folder
        self.threads = threads
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
            ValueError: If a run was begun with another config than the plan gives now; names its folder.
        """
        for run in self.plan.runs():
            config, path = self.plan.config(run), self._config_file(run)
            if osp.isdir(self.work_dir(run)) and osp.isfile(path):
                if Config.fromfile(path).to_dict() != config.to_dict():
                    raise ValueError(f'{self.work_dir(run)} was run with another config than the plan gives now; move '
                                     'it away to run it again, or choose another --work-dir')
                continue
            os.makedirs(osp.dirname(path), exist_ok=True)
            config.dump(path)
        return [run for run in self.plan.runs() if self.result(run) is None]

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
            waiting = {pool.submit(self._run, run): run for run in self.prepare()}
            try:
                for future in as_completed(waiting):
                    problem = future.exception()
                    if problem is not None and not isinstance(problem, subprocess.CalledProcessError):
                        raise problem
                    run = waiting[future]
                    failed += [run] if problem else []
                    report(run, f'failed, see {self._log(run)}' if problem else None)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return failed

    def _run(self, run: Run) -> None:
        """Train, going on where it was interrupted, and test the last weights, once."""
        begin, config, work_dir = time.time(), self._config_file(run), self.work_dir(run)
        scores = osp.join(work_dir, 'test.json')
        with open(self._log(run), 'a', encoding='utf-8') as log:
            common = dict(output=log, threads=self.threads)
            finish_tool(start_tool('train.py', config, '--work-dir', work_dir, '--resume', **common))
            with open(osp.join(work_dir, 'last_checkpoint'), encoding='utf-8') as file:
                last = file.read().strip()
            finish_tool(start_tool('test.py', config, last, '--work-dir', osp.join(work_dir, 'test'), '--out', scores,
                                   **common))
        with open(scores, encoding='utf-8') as file:
            tested = json.load(file)
        steps = CheckpointLoader.load_checkpoint(last, map_location='cpu', logger='silent')['meta']['iter']
        model = Config.fromfile(config).model
        result = dict(scores=tested, answering=model.get('predict_with') or next(iter(model.networks)), steps=steps,
                      seconds=round(time.time() - begin), **self.made_by)
        unfinished = osp.join(work_dir, 'result.json.unfinished')
        with open(unfinished, 'w', encoding='utf-8') as file:
            json.dump(result, file, indent=1)
        os.replace(unfinished, osp.join(work_dir, 'result.json'))

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
    here = osp.dirname(osp.dirname(osp.dirname(osp.abspath(__file__))))
    if not osp.exists(osp.join(here, '.git')):
        return f'version {__version__}'
    command = ['git', 'describe', '--always', '--abbrev=10', '--dirty', '--exclude=*']
    return subprocess.check_output(command, cwd=here, text=True).strip()
