# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What must hold of a run before it trains."""

from itertools import combinations
from typing import Any

import torch
from mmengine.dist import master_only
from mmengine.runner import ValLoop
from mmpose.models.heads import IntegralRegressionHead, RegressionHead
from mmpose.models.pose_estimators.base import BasePoseEstimator

from mmpose_dualteach.datasets import LabeledUnlabeledDataset, LabeledUnlabeledSampler
from mmpose_dualteach.datasets.checks.overlap import image_paths, shared_images
from mmpose_dualteach.engine.loops import MutualTeachingValLoop
from mmpose_dualteach.models import MutualTeachingPoseEstimator
from mmpose_dualteach.models.adapters import KeypointAdapter
from mmpose_dualteach.models.utils.unwrapped import unwrapped
from mmpose_dualteach.switch.names import NEW_SET
from mmpose_dualteach.utils.config_dicts import class_name

ALIKE = ('DefaultSampler', 'InfiniteSampler')
# Of heads whose joints all have the score 1; MMPose's others that predict coordinates have a predict() of their own.
SCORELESS = (RegressionHead.predict, IntegralRegressionHead.predict)


def check_run(runner: Any) -> None:
    """Check that nothing of the switch has been lost from a config that inherits from a switched one, and say which
    images are measured on and learned from at once.

    Raises:
        ValueError: If something has been lost; names the key.
    """
    if not isinstance(unwrapped(runner.model), MutualTeachingPoseEstimator):
        raise ValueError(
            f'model.type is {type(unwrapped(runner.model)).__name__}, which DualTeacherHook cannot teach; the '
            'config has replaced the switched model, set model.type to MutualTeachingPoseEstimator'
        )
    if type(runner.val_loop) is ValLoop:
        raise ValueError('val_cfg.type is ValLoop, which does not score every network; set it to MutualTeachingValLoop')
    if runner.val_loop is not None and not isinstance(runner.val_loop, MutualTeachingValLoop):
        runner.logger.warning(
            f'val_cfg.type is {type(runner.val_loop).__name__}, which scores the network that answers at test time '
            'alone; MutualTeachingValLoop scores every one'
        )
    _check_loader(runner.train_dataloader)
    _check_later_sets(runner.cfg)
    _warn_of_lost_sampler(runner)
    _warn_of_lost_log_names(runner)
    _warn_of_shared_images(runner)
    _warn_of_whole_images(runner)
    _warn_of_equal_networks(runner)
    _warn_of_lost_steps(runner)


def _check_loader(loader: Any) -> None:
    sampler = loader.sampler
    if not isinstance(loader.dataset, LabeledUnlabeledDataset) or not isinstance(sampler, LabeledUnlabeledSampler):
        raise ValueError(
            'train_dataloader must have a LabeledUnlabeledDataset and a LabeledUnlabeledSampler; switch '
            'the stock config with mmpose_dualteach.switch.mutual_teaching'
        )
    if loader.batch_size != sampler.batch_size:
        labeled, unlabeled = sampler.counts
        filled = f'{labeled} labelled' + ('' if sampler.labels_alone else f' and {unlabeled} unlabelled')
        raise ValueError(
            f'train_dataloader.batch_size is {loader.batch_size} but its sampler fills batches of {filled} instances; '
            'set batch_size, sampler.labeled and sampler.unlabeled together'
        )


@master_only
def _warn_of_lost_sampler(runner: Any) -> None:
    """A stock sampler that draws in a way of its own gives way to that of both kinds, which draws all alike."""
    sampler = (runner.cfg.get('train_dataloader') or {}).get('sampler') or {}
    stock = (sampler.get('stock') or {}).get('sampler') or {}
    if stock and class_name(stock) not in ALIKE:
        runner.logger.warning(
            f'labelled instances are all drawn alike, not by {class_name(stock)}, the stock sampler; to see some of '
            'them more often, repeat their datasets'
        )


def _check_later_sets(config: Any) -> None:
    """The sets that stock hooks put in the loader's place later have the unlabelled instances that it has now."""
    now = (config.get('train_dataloader') or {}).get('dataset') or {}  # A runner may be made of objects.
    for number, hook in enumerate(config.get('custom_hooks') or []):
        later = hook.get(NEW_SET)
        for key in ('unlabeled', 'labels_alone') if later else ():
            if later.get(key) != now.get(key):
                raise ValueError(
                    f'custom_hooks.{number}.{NEW_SET}.{key} is not train_dataloader.dataset.{key}, so that the run '
                    'would go on with other data in the middle; change both'
                )


@master_only
def _warn_of_lost_log_names(runner: Any) -> None:
    """A stock loss in the log belongs to a network."""
    for entry in (runner.cfg.get('log_processor') or {}).get('custom_cfg') or []:
        source = entry.get('data_src', '')
        if 'loss_' in source and '/' not in source:
            runner.logger.warning(
                f'log_processor.custom_cfg: nothing logs {source}, every network logs its own; set '
                f'data_src={unwrapped(runner.model).first + "/" + source!r}'
            )


@master_only
def _warn_of_shared_images(runner: Any) -> None:
    if runner.val_loop is None:
        return
    held_out = dict(validation=image_paths(runner.val_loop.dataloader.dataset))
    for line in shared_images(runner.train_dataloader.dataset.image_paths, held_out):
        runner.logger.warning(line)


@master_only
def _warn_of_whole_images(runner: Any) -> None:
    """Networks that see boxes learn on images without any."""
    both = runner.train_dataloader.dataset
    unlabeled = both.datasets[1]
    if both.labels_alone or unwrapped(runner.model).finds_instances or not unlabeled.without_boxes:
        return
    runner.logger.warning(
        f'{unlabeled.data_prefix["img"]} comes without boxes, so that each whole image counts as one instance; where '
        'instances are smaller, give --boxes (train_dataloader.dataset.unlabeled.bbox_file), by tools/detect_boxes.py '
        'or tools/find_boxes.py'
    )


@master_only
def _warn_of_equal_networks(runner: Any) -> None:
    """Two networks with the same weights that teach each other stay the same: they see the same batches and views."""
    model = unwrapped(runner.model)
    pairs = {(teacher.network, lesson.student) for lesson in model.lessons for teacher in lesson.teachers}
    for one, other in combinations(model.learning, 2):
        weights = [dict(model.networks[name].named_parameters()) for name in (one, other)]
        alike = weights[0].keys() == weights[1].keys() and all(
            torch.equal(value, weights[1][key]) for key, value in weights[0].items()
        )
        if alike and {(one, other), (other, one)} <= pairs:
            runner.logger.warning(
                f'networks {one} and {other} begin with the same weights and see the same batches: they stay alike and '
                f'teach each other nothing; give each a checkpoint of its own, in model.networks.{other}.init_cfg'
            )


@master_only
def warn_of_scoreless_teachers(runner: Any) -> None:
    """Of teachers that are sure of all that they say, where lessons between unlike networks go by that."""
    model = unwrapped(runner.model)
    general = [group for group in model.groups if isinstance(group.adapter, KeypointAdapter)]
    teachers = dict.fromkeys(teacher.network for group in general for teacher in group.teachers)
    begins = runner.iter == 0 and not runner.cfg.get('load_from')  # Not with the weights of another run.
    for name in teachers if begins and model.selection.confidence else ():
        head, weights = type(model.networks[name].head), getattr(model.networks[name], 'init_cfg', None)
        if head.predict in SCORELESS and (weights or {}).get('type') != 'Pretrained':
            runner.logger.warning(
                f'network {name}: {head.__name__} scores every joint 1, so what it teaches counts in full from the '
                "first step on, before it knows anything; give it time, hook=dict(burn_in='20%')"
            )


@master_only
def _warn_of_lost_steps(runner: Any) -> None:
    """A step trains all networks at once, by what each makes of a batch in its ``loss()``."""
    model = unwrapped(runner.model)
    for name in model.learning:
        kind = type(model.networks[name])
        if kind.train_step is not BasePoseEstimator.train_step:
            runner.logger.warning(
                f'network {name}: {kind.__name__}.train_step() is not called, one step trains all networks by their '
                'loss(); move there what it adds'
            )
