# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""In what precision a machine trains fastest."""

from functools import lru_cache
from typing import Optional

import torch

AUTO = 'auto'
CPU_INFO = '/proc/cpuinfo'
# What Linux calls the instructions, of x86 and of ARM.
FLAGS = {'avx512_bf16', 'amx_bf16', 'bf16'}


@lru_cache(maxsize=None)
def cpu_has_bfloat16() -> bool:
    """Whether this machine's CPU has instructions for bfloat16; others imitate them, in twice the time of float32."""
    try:
        with open(CPU_INFO, encoding='utf-8') as file:
            return any(FLAGS & set(line.split()) for line in file if line.lower().startswith(('flags', 'features')))
    except OSError:  # No Linux.
        return False


def autocast_dtype(name: Optional[str], device: str) -> Optional[torch.dtype]:
    """The type to compute in.

    Args:
        name (str, optional): A torch dtype's name; ``'auto'`` for bfloat16 on a CPU that has it; None for none.
        device (str): ``'cpu'``, ``'cuda'`` or the like.

    Returns:
        torch.dtype, optional: None to leave all as it is.

    Raises:
        ValueError: If there is no such dtype; names the key.
    """
    if name is None:
        return None
    if name == AUTO:
        return torch.bfloat16 if device == 'cpu' and cpu_has_bfloat16() else None
    dtype = getattr(torch, name, None)
    if not isinstance(dtype, torch.dtype):
        raise ValueError(f"model.autocast={name!r} is no torch dtype; take 'auto', 'bfloat16', or leave it out")
    return dtype
