# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""The branches of a batch: labelled images, and views of unlabelled ones."""

from typing import Optional

LABELED, EASY, HARD = 'labeled', 'easy', 'hard'
# Where MMPose keeps how much each joint counts by a dataset's definition.
JOINT_WEIGHTS = 'dataset_keypoint_weights'


def own_branch(branch: str, network: Optional[str]) -> str:
    """A branch whose images or labels are a network's own; None for those of all others."""
    return branch if network is None else f'{branch}_{network}'


def easy_view(number: int) -> str:
    """The branch of an easy view by its number, 1 for the first."""
    return EASY if number == 1 else f'{EASY}{number}'
