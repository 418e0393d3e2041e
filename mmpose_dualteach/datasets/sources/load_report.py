# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from collections import Counter
from dataclasses import dataclass, field
from typing import Dict, NamedTuple

# The remedy where more of an unlabelled set cannot be used than may be.
MORE_BROKEN = 'raise train_dataloader.dataset.unlabeled.max_broken (--max-broken beside --unlabeled)'


class FrameCount(NamedTuple):
    """How many frames of a video are taken, of how many, at how many a second; 0 is unknown."""

    taken: int
    total: int
    rate: float


@dataclass
class LoadReport:
    """What of a source gives no instances.

    Attributes:
        broken (Counter): What should and cannot be used, by reason.
        left_out (Counter): What need not be used, by reason.
        frames (Dict[str, FrameCount]): How many frames of each video are taken.
        named (bool): Whether boxes name those frames.
    """

    broken: Counter = field(default_factory=Counter)
    left_out: Counter = field(default_factory=Counter)
    frames: Dict[str, FrameCount] = field(default_factory=dict)
    named: bool = False
