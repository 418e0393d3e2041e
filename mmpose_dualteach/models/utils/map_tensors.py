# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from typing import Any, Callable

from mmengine.utils import apply_to
from torch import Tensor


def map_tensors(output: Any, function: Callable[[Tensor], Tensor]) -> Any:
    """An output with every tensor in it, however nested, replaced by a function of it."""
    return apply_to(output, lambda part: isinstance(part, Tensor), function)
