# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Whether teaching helps, by what networks gain over those that learn from the labels alone."""

from math import isfinite, nan
from typing import Collection, Mapping

# What each network gains over the labels alone, beside the scores of a validation in the log.
GAIN = 'gain'
# Least share of the baseline's score that is a difference: one of a few joints of a few hundred images is chance.
MARGIN = 0.005


def gain_over(alone: Collection[float], value: float, less: bool) -> float:
    """How much better a network's score is than the best one of the labels alone.

    Args:
        alone (Collection[float]): Scores of networks that learn from the labels alone.
        value (float): The network's score.
        less (bool): Whether less of it is better.

    Returns:
        float: A share of the best one; NaN where one of both is no number, or the best one is 0.
    """
    known = [score for score in alone if isfinite(score)]
    best = (min if less else max)(known, default=nan)
    if not best or not isfinite(value):
        return nan
    return (best - value if less else value - best) / abs(best)


def verdict_of(gains: Mapping[str, float]) -> str:
    """What teaching does: ``'helps'`` where every network gains more than :data:`MARGIN`, ``'harms'`` where every one
    loses more than that, and ``'neither helps nor harms'``.

    Args:
        gains (Mapping[str, float]): Of each network that is taught, see :func:`gain_over`.
    """
    if gains and all(gain > MARGIN for gain in gains.values()):
        return 'helps'
    if gains and all(gain < -MARGIN for gain in gains.values()):
        return 'harms'
    return 'neither helps nor harms'


def gains_in_words(gains: Mapping[str, float]) -> str:
    """Gains by name in percent."""
    return ', '.join(f'{name} {gain:+.1%}' if isfinite(gain) else f'{name} unknown' for name, gain in gains.items())
