# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""An mmengine config file while it is being read, seen from a function that it calls."""

import dis
import inspect
import types
from dataclasses import dataclass
from typing import Any, Dict, Iterable, Iterator, Optional, Tuple

BASE = '_base_'


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
            base (Any): What the function was called with: the file's ``_base_`` or its ``globals()``.
            frame (FrameType, optional): The caller's frame.

        Returns:
            Optional[OpenConfigFile]: The file; None if the caller is no config file, or called with something else.
        """
        if frame is None:
            return None
        names = frame.f_globals
        if BASE not in names or '__file__' in names or (base is not names[BASE] and base is not names):
            return None
        assigned = {
            name: value
            for name, value in names.items()
            if name != BASE
            and not name.startswith('__')
            and not isinstance(value, (types.ModuleType, types.FunctionType, type))
        }
        return cls(inspect.getfile(frame), frame.f_lineno, frame.f_code, frame.f_lasti, assigned)

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
