# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from typing import Optional

import torch
from torch import Tensor


class IsolatedRNG:
    """A random sequence of its own, of torch's CPU generator and the current GPU's, which goes on where it stopped each
    time it is entered.

    The sequences outside are left as they were; other GPUs' are not touched.

    Args:
        seed (int): Where the sequence starts.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._state: Optional[Tensor] = None
        self._gpu_state: Optional[Tensor] = None
        self._outside = self._gpu_outside = torch.get_rng_state()

    def __enter__(self) -> 'IsolatedRNG':
        self._outside = torch.get_rng_state()
        if self._state is None:
            torch.default_generator.manual_seed(self.seed)
        else:
            torch.set_rng_state(self._state)
        if torch.cuda.is_available():
            self._gpu_outside = torch.cuda.get_rng_state()
            if self._gpu_state is None:
                torch.cuda.manual_seed(self.seed)
            else:
                torch.cuda.set_rng_state(self._gpu_state)
        return self

    def __exit__(self, *error) -> None:
        self._state = torch.get_rng_state()
        torch.set_rng_state(self._outside)
        if torch.cuda.is_available():
            self._gpu_state = torch.cuda.get_rng_state()
            torch.cuda.set_rng_state(self._gpu_outside)
