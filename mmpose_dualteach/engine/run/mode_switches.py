# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""MMPose's hooks that change the mode of a run at one epoch, in a run that is resumed behind it."""

from typing import Any

from mmpose.registry import HOOKS

from mmpose_dualteach import compat

# They ask whether this is the very epoch, so that a run that is resumed behind it would go on in its first mode.
NAMES = ('YOLOXPoseModeSwitchHook', 'RTMOModeSwitchHook')


def switch_modes_again(runner: Any) -> None:
    """Do what these hooks did in the epochs that a resumed run has behind it.

    Args:
        runner (Runner): Its training loop is at the epoch that is to be begun or gone on with.
    """
    kinds = tuple(kind for kind in map(HOOKS.get, NAMES) if kind is not None)  # MMPose 1.2 has the first alone.
    hooks = [hook for hook in runner.hooks if isinstance(hook, kinds)]
    for epoch in range(runner.epoch):
        with compat.at_epoch(runner, epoch):
            for hook in hooks:
                hook.before_train_epoch(runner)
