# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""How much memory a process holds, as Linux tells it."""

import os


def resident_memory() -> int:
    """Bytes of memory that this process holds."""
    with open('/proc/self/statm', encoding='ascii') as file:
        return int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')


def private_memory() -> int:
    """Bytes of memory that this process has written and shares with no other."""
    with open('/proc/self/smaps_rollup', encoding='ascii') as file:
        return sum(int(line.split()[1]) * 1024 for line in file if line.startswith('Private_Dirty'))
