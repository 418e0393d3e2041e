# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from typing import Optional

from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmpose.registry import HOOKS

from .drawing import lesson_sheet
from .dual_teacher_hook import model_of


@HOOKS.register_module()
class LessonPictureHook(Hook):
    """Shows what the networks taught each other in a step: a sheet of unlabelled people through the visualizer.

    A row is a person in a lesson: the easy view with the teacher's prediction, the hard view with the mapped target,
    the hard view as the student saw it, cut-outs included, with its answer. mmengine's visualizer writes the sheets as
    PNG below the work directory and hands them to TensorBoard or WandB, if configured.

    Args:
        interval (int): Iterations between two sheets. Defaults to 500.
        people (int): People on a sheet. Defaults to 4.
    """
    priority = 'BELOW_NORMAL'

    def __init__(self, interval: int = 500, people: int = 4) -> None:
        if interval < 1 or people < 1:
            raise ValueError(f'LessonPictureHook: interval={interval} and people={people} must be at least 1')
        self.interval = interval
        self.people = people

    def before_train_iter(self, runner, batch_idx: int, data_batch: Optional[dict] = None) -> None:
        """Ask the model to keep what happens in the step to be drawn."""
        last = runner.iter + 1 == runner.max_iters
        model_of(runner).record_lessons = self.every_n_train_iters(runner, self.interval) or last

    @master_only
    def after_train_iter(self, runner, batch_idx: int, data_batch: Optional[dict] = None,
                         outputs: Optional[dict] = None) -> None:
        """Draw the sheet."""
        model = model_of(runner)
        if model.record_lessons and model.records:
            runner.visualizer.add_image('lessons', lesson_sheet(model, self.people), step=runner.iter + 1)
        model.records = []
