# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from typing import Any

from mmengine.model import is_model_wrapper


def unwrapped(model: Any) -> Any:
    """A model without its wrapper for distributed training."""
    return model.module if is_model_wrapper(model) else model
