# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Tools in several processes, which a launcher starts."""

import argparse
import gc
import os
from functools import wraps
from typing import Callable

import torch
from mmengine.dist import init_dist, is_distributed


def launched(action: Callable[[argparse.Namespace], None]) -> Callable[[argparse.Namespace], None]:
    """A tool's action that is done with the other processes of a launcher, over gloo where there is no GPU, which
    mmengine takes for granted."""

    @wraps(action)
    def together(args: argparse.Namespace) -> None:
        if args.launcher != 'none':
            os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
            if args.launcher == 'pytorch' and not torch.cuda.is_available():
                torch.distributed.init_process_group('gloo')
            else:
                init_dist(args.launcher)
        action(args)
        leave_together()

    return together


def leave_together() -> None:
    """Part from the other processes of a launcher, if there are any, when all of them are done.

    One that leaves early takes with it those that still write. And the process group's threads end only when nothing
    holds the group any more; where one outlives the interpreter, a process that is done aborts ("terminate called
    without an active exception").
    """
    if is_distributed():
        torch.distributed.barrier()
        gc.collect()  # A runner's model holds the group, and is part of cycles.
        torch.distributed.destroy_process_group()
