# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from typing import Any, Dict

from torch import Tensor

from mmpose_dualteach.models.utils.unwrapped import unwrapped


def saved_weights(runner: Any) -> Dict[str, Tensor]:
    """The model's weights as a checkpoint of this moment would hold them: the averaged ones under ``EMAHook``, which
    are those that are validated."""
    checkpoint = dict(state_dict=unwrapped(runner.model).state_dict())
    runner.call_hook('before_save_checkpoint', checkpoint=checkpoint)
    return checkpoint['state_dict']
