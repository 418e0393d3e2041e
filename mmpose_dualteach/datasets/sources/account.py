# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Account:
    """What of a source gives no people.

    Attributes:
        broken (Counter): What should and cannot be used, by reason.
        left_out (Counter): What need not be used, by reason.
    """
    broken: Counter = field(default_factory=Counter)
    left_out: Counter = field(default_factory=Counter)
