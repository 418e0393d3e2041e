# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from typing import Any, Dict, Mapping

from torch import Tensor


def tensors_of(losses: Mapping[str, Any]) -> Dict[str, Any]:
    """What mmengine can add up and log of a head's losses: RTMO's tells a plain number beside them where nothing is on
    its images, at which training would end."""
    return {
        key: value
        for key, value in losses.items()
        if isinstance(value, Tensor) or (isinstance(value, (list, tuple)) and all(isinstance(v, Tensor) for v in value))
    }
