# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import math
from dataclasses import dataclass
from typing import Union

Length = Union[float, str]


@dataclass(frozen=True)
class PseudoSchedule:
    """How much the pseudo losses weigh as training goes on: nothing in the burn-in, then a linear ramp-up to 1, and
    nothing again from an end on.

    Args:
        burn_in (float): Length of the supervised-only beginning, in epochs or iterations.
        ramp_up (float): Length of the ramp-up after it, in the same unit.
        end (float): Where lessons end, in the same unit. Defaults to never.

    Raises:
        ValueError: If a length is negative.
    """

    burn_in: float
    ramp_up: float
    end: float = math.inf

    def __post_init__(self) -> None:
        if not (self.burn_in >= 0 and self.ramp_up >= 0):  # Nor no numbers at all.
            raise ValueError(f'DualTeacherHook: burn_in={self.burn_in} and ramp_up={self.ramp_up} must not be negative')

    @classmethod
    def of_run(cls, burn_in: Length, ramp_up: Length, length: float) -> 'PseudoSchedule':
        """A schedule whose parts may be shares of a run.

        Args:
            burn_in (float | str): See the class, or a share of the run, such as ``'20%'``.
            ramp_up (float | str): Likewise.
            length (float): Length of the run, in epochs or iterations.

        Returns:
            PseudoSchedule: In the unit of ``length``.

        Raises:
            ValueError: If a length is none; names it.
        """
        return cls(_in_unit('burn_in', burn_in, length), _in_unit('ramp_up', ramp_up, length))

    def taught_by(self, progress: float) -> bool:
        """Whether the pseudo losses have ever counted.

        Args:
            progress (float): Where the last step began, in epochs or iterations.
        """
        return progress > self.burn_in or (progress == self.burn_in and not self.ramp_up)

    def scale(self, progress: float) -> float:
        """The factor of the pseudo losses.

        Args:
            progress (float): Epochs or iterations trained so far.

        Returns:
            float: Between 0 and 1.
        """
        if not self.burn_in <= progress < self.end:
            return 0.0
        if progress >= self.burn_in + self.ramp_up:
            return 1.0
        return (progress - self.burn_in) / self.ramp_up


def _in_unit(name: str, value: Length, length: float) -> float:
    if not isinstance(value, str):
        return value
    try:
        share = float(value[:-1]) / 100 if value.endswith('%') else math.nan
    except ValueError:
        share = math.nan
    if not 0 <= share <= 1:
        raise ValueError(f"DualTeacherHook: {name}={value!r} must be a number, or a share of the run such as '20%'")
    return share * length
