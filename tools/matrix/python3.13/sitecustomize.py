# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Lets the setup.py of mmcv and xtcocotools run on Python 3.13, on PYTHONPATH while they are compiled.

Both execute a file in a function and then ask ``locals()`` for ``__version__``. Since Python 3.13 (PEP 667) each call
of ``locals()`` there is a copy of its own; what is executed has to write into the function's frame.
"""

import builtins
import sys
from typing import Any

execute = builtins.exec


def execute_in_frame(code: Any, scope: Any = None, names: Any = None, **options: Any) -> None:
    if scope is None:
        caller = sys._getframe(1)
        scope, names = caller.f_globals, caller.f_locals
    execute(code, scope, names, **options)


builtins.exec = execute_in_frame
