# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""The branches of a batch: labelled images, and views of unlabelled ones."""

LABELED, EASY, HARD = 'labeled', 'easy', 'hard'


def easy_view(number: int) -> str:
    """The branch of an easy view by its number, 1 for the first."""
    return EASY if number == 1 else f'{EASY}{number}'
