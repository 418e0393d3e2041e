# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""A config's schedule, stretched to another number of steps."""

from typing import Any

from mmengine.config import Config

# What counts steps, where it counts them and not epochs.
SCHEDULER_KEYS = ('begin', 'end', 'milestones', 'T_max', 'step_size', 'total_steps')
HOOK_KEYS = dict(checkpoint=('interval',), dual_teacher=('burn_in', 'ramp_up'))


def stretch_schedule(config: Config, steps: int) -> None:
    """Stretch the schedule of a run by iterations, in place: its length, learning rates, validations, checkpoints and
    burn-in keep their shares of it. Validations are logged by iteration, which the report's curves go by.

    Args:
        config (Config): The config, with ``train_cfg.max_iters``.
        steps (int): The number of steps.

    Raises:
        ValueError: If the config counts epochs.
    """
    if not config.train_cfg.get('max_iters'):
        raise ValueError('a plan with steps needs a stock config with train_cfg.max_iters, as configs/faces has it')
    ratio = steps / config.train_cfg.max_iters

    def stretch(node: Any, key: str) -> None:
        value = node.get(key)
        if isinstance(value, (list, tuple)):
            node[key] = [round(each * ratio) for each in value]
        elif value and not isinstance(value, str):  # Which is a share of the run anyway.
            node[key] = max(1, round(value * ratio))

    stretch(config.train_cfg, 'max_iters')
    stretch(config.train_cfg, 'val_interval')
    for scheduler in config.param_scheduler:
        if not scheduler.get('by_epoch', True):
            for key in SCHEDULER_KEYS:
                stretch(scheduler, key)
    config.default_hooks.logger.log_metric_by_epoch = False
    for name, keys in HOOK_KEYS.items():
        hook = config.default_hooks.get(name) or {}
        if not hook.get('by_epoch', True):
            for key in keys:
                stretch(hook, key)
