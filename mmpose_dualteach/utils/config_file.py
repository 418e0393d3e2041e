# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""An mmengine config file: read, or while it is being read, seen from a function that it calls."""

import dis
import inspect
import os.path as osp
import re
import types
from dataclasses import dataclass
from typing import Any, Dict, Iterable, Iterator, Optional, Tuple

from mmengine.config import Config
from mmengine.hub import get_config

from mmpose_dualteach.compat import is_pure_python
from mmpose_dualteach.utils.config_dicts import plain
from mmpose_dualteach.utils.errors import one_line, own_message
from mmpose_dualteach.utils.registered_names import with_registered_names

BASE = '_base_'
EXAMPLE = 'mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py'
SCOPE = 'mmpose'


def read_config(name: str) -> Config:
    """Read a config by path or by a name such as ``mmpose::...`` or ``mmpose_dualteach::...``; one in pure Python as if
    it were written in the other style, classes by their registered names.

    A file that is not trusted must not be read: configs are code.

    Raises:
        FileNotFoundError: If it is no file; names it.
        ValueError: If it cannot be read; names it and says why.
    """
    if '::' not in name and not osp.isfile(name):
        what = 'is a folder' if osp.isdir(name) else 'does not exist'
        raise FileNotFoundError(f'config {name} {what}; give a file or a name such as {EXAMPLE}')
    try:
        if not is_pure_python(name):
            return get_config(name) if '::' in name else Config.fromfile(name)
        config = with_registered_names(plain(Config.fromfile(name)))
        return Config(dict(config, default_scope=config.get('default_scope') or SCOPE), filename=name)
    except Exception as error:  # A config is code: it may raise anything, and mmengine adds its own.
        message = own_message(error) or one_line(error)
        if 'inheritance chain' in str(error):
            message += (
                '; does it import mmpose_dualteach above _base_? Such lines belong below it. Or does it inherit from a '
                f"config in pure Python? Then set {BASE} = [] and switch by mutual_teaching('THAT_CONFIG.py', ...)"
            )
        placeholder = _placeholder(name)
        if placeholder:
            message += (
                f'; does the switch need the value of {placeholder}? mmengine fills it in below the switch; write '
                f'{placeholder.strip("{} ")}, which is known at once'
            )
        if not str(error) and is_pure_python(name):
            message += f'; a config that calls mutual_teaching() needs a {BASE}, be it {BASE} = [], above the import'
        raise ValueError(f'config {name} cannot be read: {message}') from error


def as_base(name: str) -> str:
    """What a config that may lie anywhere has as ``_base_``: a path in place of a name of ours, which mmengine knows
    once this package is imported, and MMPose's own tools read configs before."""
    if name.startswith('mmpose_dualteach::'):
        return read_config(name).filename
    return name if '::' in name else osp.abspath(name)


@dataclass(frozen=True)
class OpenConfigFile:
    """A config file in the middle of its execution.

    Attributes:
        path (str): The file.
        line (int): The line that is being executed, counted from 1.
        code (CodeType): What is being executed.
        position (int): How far it has been executed.
        assigned (Dict[str, Any]): What the file has assigned so far, by name.
    """

    path: str
    line: int
    code: types.CodeType
    position: int
    assigned: Dict[str, Any]

    @classmethod
    def that_calls(cls, base: Any, frame: Optional[types.FrameType]) -> Optional['OpenConfigFile']:
        """The config file that a frame executes.

        Args:
            base (Any): What the function was called with: the file's ``_base_``, its ``globals()``, or the name of
                another file.
            frame (FrameType, optional): The caller's frame.

        Returns:
            Optional[OpenConfigFile]: The file; None if the caller is no config file, or called with something else.

        Raises:
            ValueError: If the file inherits from one config and calls with the name of another.
        """
        if frame is None:
            return None
        names = frame.f_globals
        if BASE not in names or '__file__' in names:
            return None
        if isinstance(base, str) and names[BASE]:
            raise ValueError(
                f'{inspect.getfile(frame)}, line {frame.f_lineno}: it inherits from a config and switches {base!r}; '
                f'switch {BASE} itself, or set {BASE} = []'
            )
        if not isinstance(base, str) and base is not names[BASE] and base is not names:
            return None
        assigned = {
            name: value
            for name, value in names.items()
            if name != BASE
            and not name.startswith('__')
            and not isinstance(value, (types.ModuleType, types.FunctionType, type))
        }
        return cls(inspect.getfile(frame), frame.f_lineno, frame.f_code, frame.f_lasti, assigned)

    def beside(self, name: str) -> str:
        """Another config that the file names: from its folder, as mmengine has it for ``_base_``, or from here."""
        path = osp.join(osp.dirname(self.path), name)
        return path if '::' not in name and osp.isfile(path) else name

    def refuse_assignments_below(self, names: Iterable[str], remedy: str) -> None:
        """Check that the rest of the file assigns none of some names.

        Raises:
            ValueError: If it does; names the file, line and name.
        """
        for line, name in self._assigned_below():
            if name in names:
                raise ValueError(
                    f'{self.path}, line {line}: {name} is assigned below the switch in line {self.line}, which would '
                    f'be lost; {remedy}'
                )

    def _assigned_below(self) -> Iterator[Tuple[int, str]]:
        """Lines and names of the file's own code, not that of functions in it, behind what is being executed."""
        line = self.line
        lines = dict(dis.findlinestarts(self.code))
        for instruction in dis.get_instructions(self.code):
            line = lines.get(instruction.offset) or line
            if instruction.offset > self.position and instruction.opname in ('STORE_NAME', 'STORE_GLOBAL'):
                yield line, instruction.argval


def _placeholder(name: str) -> Optional[str]:
    """The first ``{{_base_.key}}`` of a config file, which mmengine fills in when the whole file has been executed."""
    if not osp.isfile(name):
        return None
    with open(name, encoding='utf-8') as file:
        found = re.search(r'\{\{\s*' + BASE + r'\.[\w.]+\s*\}\}', file.read())
    return found and found[0]
