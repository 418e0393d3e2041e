# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from typing import Optional

import torch
from torch import Tensor


class RandomStream:
    """A random sequence of torch of its own, which goes on where it stopped each time it is entered.

    The sequence outside is left as it was.

    Args:
        seed (int): Where the sequence starts.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._state: Optional[Tensor] = None
        self._outside = None

    def __enter__(self) -> 'RandomStream':
        self._outside = torch.random.fork_rng()
        self._outside.__enter__()
        torch.manual_seed(self.seed)
        if self._state is not None:
            torch.set_rng_state(self._state)
        return self

    def __exit__(self, *error) -> None:
        self._state = torch.get_rng_state()
        self._outside.__exit__(*error)
        self._outside = None  # Cannot be copied, and stock hooks such as EMAHook copy whole models.
