# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Tools as processes of their own, but for the imports, most of a short run's time: they are done once, before a
process is forked. Nor does mmengine format configs there, see conftest."""

import ast
import multiprocessing
import os
import runpy
import sys
import warnings

import mmengine.config.config as mmengine_config
import torch

TESTS = os.path.dirname(os.path.abspath(__file__))
FORKS = multiprocessing.get_context('forkserver')
FORKS.set_forkserver_preload(['mmpose.apis', 'mmdet.apis'])  # Not the package: a config has to import it.


class ForkedTool:
    """A script that runs, with what tests need of ``subprocess.Popen``.

    Args:
        script: The script.
        *arguments: Its arguments.
        log: The file that takes what it prints.
        cwd (optional): Where it runs. Defaults to here.
        **environment: Variables of its own.
    """

    def __init__(self, script, *arguments, log, cwd=None, **environment) -> None:
        self.args = [str(each) for each in (script, *arguments)]
        self._log = str(log)
        self._process = FORKS.Process(target=_run, args=(self.args, str(cwd or os.getcwd()), environment, self._log))
        self._process.start()

    @property
    def output(self) -> str:
        """What it has printed."""
        with open(self._log, encoding='utf-8') as file:
            return file.read()

    @property
    def returncode(self):
        """Its exit code, less than nothing if a signal ended it."""
        return self._process.exitcode

    def wait(self) -> int:
        self._process.join()
        return self.returncode

    def kill(self) -> None:
        self._process.kill()


def _run(arguments, cwd, environment, log) -> None:
    for stream in (1, 2):
        os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)
    os.environ.update(environment)
    os.chdir(cwd)
    sys.argv = arguments
    sys.path[:0] = [
        os.path.dirname(os.path.abspath(arguments[0])),
        *environment.get('PYTHONPATH', '').split(os.pathsep),
    ]
    torch.set_num_threads(1)
    mmengine_config.FormatCode = lambda text, **_: (text, bool(ast.parse(text)))
    warnings.simplefilter('ignore')
    runpy.run_path(arguments[0], run_name='__main__')
