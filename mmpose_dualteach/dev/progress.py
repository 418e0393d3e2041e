# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What long-running tools tell of their progress."""

import sys
import time


def tell(tool: str, message: str, aside: bool = False) -> None:
    """Tell the user what is going on.

    Args:
        tool (str): The tool's name.
        message (str): What is going on.
        aside (bool): Whether to tell it on stderr, as tools do whose output is for a file. Defaults to False.
    """
    print(f'[{tool} {time.strftime("%H:%M:%S")}] {message}', file=sys.stderr if aside else sys.stdout, flush=True)
