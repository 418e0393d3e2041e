# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Mutual teaching for MMPose: importing this package registers everything in MMPose's registries."""

from mmpose_dualteach.versions import __version__, check_supported

check_supported()

from mmpose_dualteach import datasets, engine, models  # noqa: E402
from mmpose_dualteach.compat import format_configs_once, let_hooks_be_none, read_configs_by_name  # noqa: E402
from mmpose_dualteach.switch.names import HOOKS, OPTIONAL_HOOKS  # noqa: E402

read_configs_by_name(__name__, __path__[0])
let_hooks_be_none(HOOKS, OPTIONAL_HOOKS)
format_configs_once()

__all__ = ['__version__', 'datasets', 'engine', 'models']
