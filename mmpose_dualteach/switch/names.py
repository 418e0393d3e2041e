# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""By which names a switched config goes, and by which it is told."""

from typing import Any

from mmpose.registry import MODELS

from mmpose_dualteach.utils.ancestors import ancestor

PACKAGE = 'mmpose_dualteach'
WRAPPER = 'MutualTeachingPoseEstimator'
BASELINE = 'baseline'
LOOPS = dict(val_cfg='MutualTeachingValLoop', test_cfg='MutualTeachingTestLoop')
# Which those take the place of; most configs name none, of which class_name() says 'unnamed'.
STOCK_LOOPS = ('ValLoop', 'TestLoop', 'unnamed')
CONSTRUCTOR = 'PerNetworkOptimWrapperConstructor'
DATASET, UNLABELED = 'LabeledUnlabeledDataset', 'UnlabeledPoseDataset'
# The keys of default_hooks under which the hooks stand: --cfg-options default_hooks.dual_teacher.burn_in=5.
HOOKS = dict(
    dual_teacher='DualTeacherHook',
    lesson_visualization='LessonVisualizationHook',
    student_export='StudentExportHook',
    exact_resume='ExactResumeHook',
)
# Those of them that a config may set to None.
OPTIONAL_HOOKS = ('lesson_visualization', 'student_export')
# Where arguments of mutual_teaching() stand in a switched config, for --cfg-options; all others are in the switch.
PLACES = dict(
    unlabeled='train_dataloader.dataset.unlabeled',
    labeled='train_dataloader.dataset.labeled',
    epoch='train_dataloader.sampler.epoch',
    model='model',
    hook='default_hooks.dual_teacher',
    pictures='default_hooks.lesson_visualization',
)
# The key by which MMPose's YOLOXPoseModeSwitchHook names another training set.
NEW_SET = 'new_train_dataset'


def is_switched(config: Any) -> bool:
    """Whether a config, or a dict of its keys, has been switched to mutual teaching, descendants of the wrapper's class
    included."""
    model = config.get('model') or {}
    return model.get('type') == WRAPPER or ancestor(model, MODELS, (WRAPPER,)) is not None
