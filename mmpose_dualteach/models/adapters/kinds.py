# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What a head takes for its loss, how it counts keypoints, and why it is of no kind."""

import inspect
from typing import Any

from mmpose.registry import MODELS

from mmpose_dualteach.utils.ancestors import class_of

# By which of these a head's config says how many keypoints it predicts: the first that is there.
KEYPOINT_KEYS = ('num_keypoints', 'num_joints', 'out_channels')


class Refusal(str):
    """Why a head's config is not of a kind of output.

    Args:
        reason (str): Names the head.
        part (str): What of it is of another kind: ``'head'``, ``'codec'`` or ``'loss'``. Defaults to ``'head'``.
    """

    part: str

    def __new__(cls, reason: str, part: str = 'head') -> 'Refusal':
        refusal = super().__new__(cls, reason)
        refusal.part = part
        return refusal


def loss_of(head: dict) -> Any:
    """The config of a head's loss, or of each stage's; where the head names none, that of its class."""
    if head.get('loss'):
        return head['loss']
    kinds = getattr(class_of(head, MODELS), '__mro__', ())
    defaults = (inspect.signature(kind.__init__).parameters.get('loss') for kind in kinds)
    return next((each.default for each in defaults if each), {})
