# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Random states that depend on where a run is and on nothing else, so that a resumed run draws what the interrupted one
would have drawn, with any number of loader's workers."""

import random
from typing import Tuple

import numpy as np
import torch


class SeededIndex(int):
    """The index of an instance that a sampler has drawn, and from what the random states of its loading start.

    Args:
        index (int): The index.
        key (Tuple[int, ...]): Numbers that are not negative, different for every draw of a run.
    """

    key: Tuple[int, ...]

    def __new__(cls, index: int, key: Tuple[int, ...]) -> 'SeededIndex':
        seeded = super().__new__(cls, index)
        seeded.key = key
        return seeded

    def __reduce__(self) -> tuple:
        return SeededIndex, (int(self), self.key)


def set_random_state(key: Tuple[int, ...], devices: bool = False) -> None:
    """Set Python's, numpy's and torch's random states.

    Args:
        key (Tuple[int, ...]): Numbers that are not negative.
        devices (bool): Also those of torch's devices. Defaults to False.
    """
    first, second, third = np.random.SeedSequence(key).generate_state(3).tolist()
    random.seed(first)
    np.random.seed(second)
    (torch.manual_seed if devices else torch.default_generator.manual_seed)(third)
