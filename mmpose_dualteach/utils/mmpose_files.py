# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Where the installed MMPose keeps its configs and tools, how the tools are run and what they leave."""

import fnmatch
import os
import os.path as osp
import subprocess
import sys
from typing import Any, List, Optional, Union

import mmpose
from mmengine.config import Config
from mmengine.config.utils import ConfigParsingError
from mmengine.runner.checkpoint import find_latest_checkpoint


def _folder(name: str) -> str:
    """One of MMPose's folders beside its package, installed or in a checkout."""
    package = osp.dirname(mmpose.__file__)
    for folder in (osp.join(package, '.mim', name), osp.join(osp.dirname(package), name)):
        if osp.isdir(folder):
            return folder
    raise FileNotFoundError(f"MMPose's {name} are not beside {package}; install mmpose from a wheel or a checkout")


def mmpose_tool(name: str) -> str:
    """The path of one of MMPose's own tools, ``'train.py'`` for instance.

    Raises:
        FileNotFoundError: If MMPose came without its tools.
    """
    return osp.join(_folder('tools'), name)


def config_root() -> str:
    """The folder of MMPose's configs.

    Raises:
        FileNotFoundError: If MMPose came without them.
    """
    return _folder('configs')


def read_stock_config(path: str) -> Config:
    """Read one of MMPose's own configs.

    Args:
        path (str): Its path below :func:`config_root`.

    Returns:
        Config: The config.

    Raises:
        ValueError: If this MMPose cannot read it itself.
    """
    try:
        return Config.fromfile(osp.join(config_root(), path))
    except (ConfigParsingError, ImportError, KeyError) as error:
        reason = str(error).split(' It means')[0]
        raise ValueError(f'the installed MMPose cannot read this config: {reason}') from None


def stock_configs(only: Optional[str] = None) -> List[str]:
    """MMPose's own configs that are no bases.

    Args:
        only (str, optional): A part of the path, or a pattern with wildcards.

    Returns:
        List[str]: Paths below :func:`config_root` in alphabetic order.
    """
    root = config_root()
    found = [
        osp.relpath(osp.join(folder, name), root)
        for folder, _, names in os.walk(root)
        for name in names
        if name.endswith('.py')
    ]
    stock = sorted(path for path in found if '_base_' not in path.split(os.sep))
    return [path for path in stock if matches(path, only)]


def matches(path: str, only: Optional[str]) -> bool:
    """Whether a path has a part, or is of a pattern with wildcards; any is of None."""
    pattern = only if only and any(sign in only for sign in '*?[') else f'*{only or ""}*'
    return fnmatch.fnmatch(path, pattern)


def start_tool(name: str, *arguments: object, output: Any = None, threads: Optional[int] = None) -> subprocess.Popen:
    """Start one of MMPose's own tools.

    Args:
        name (str): ``'train.py'`` for instance.
        *arguments: Its arguments.
        output (file, optional): An open file for what it prints. Defaults to the screen.
        threads (int, optional): Threads of torch's operators. Defaults to torch's own choice.

    Returns:
        subprocess.Popen: The process.

    Raises:
        FileNotFoundError: If MMPose came without its tools.
    """
    command = [sys.executable, '-W', 'ignore', mmpose_tool(name), *map(str, arguments)]
    environment = dict(os.environ, **(dict(OMP_NUM_THREADS=str(threads)) if threads else {}))
    return subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT if output else None, env=environment)


def finish_tool(process: subprocess.Popen) -> None:
    """Wait for a tool; it does not outlive its caller.

    Raises:
        subprocess.CalledProcessError: If it failed.
    """
    try:
        if process.wait():
            raise subprocess.CalledProcessError(process.returncode, process.args)
    finally:
        process.kill()


def last_checkpoint(work_dir: Union[str, os.PathLike]) -> str:
    """The last checkpoint that a training has written.

    Args:
        work_dir (str | os.PathLike): The training's work directory.

    Raises:
        FileNotFoundError: If there is none.
    """
    found = find_latest_checkpoint(os.fspath(work_dir))
    if not found:
        raise FileNotFoundError(f'{work_dir} has no last_checkpoint; train there first')
    return found
