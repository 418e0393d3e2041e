# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""The branches of a batch: labelled images, and views of unlabelled ones."""

from typing import Optional

LABELED, EASY, HARD = 'labeled', 'easy', 'hard'


def labeled_for(network: Optional[str]) -> str:
    """The branch of labelled images whose labels are a network's own; None for the labels of all others."""
    return LABELED if network is None else f'{LABELED}_{network}'


def easy_view(number: int) -> str:
    """The branch of an easy view by its number, 1 for the first."""
    return EASY if number == 1 else f'{EASY}{number}'
