# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from typing import Optional

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmpose.registry import HOOKS

from mmpose_dualteach.models.utils.unwrapped import unwrapped
from mmpose_dualteach.visualization.lesson_sheet import lesson_sheet


@HOOKS.register_module()
class LessonVisualizationHook(Hook):
    """Shows what the networks taught each other in a step: a sheet of unlabelled instances through the visualizer.

    A row is an instance in a lesson on a path: the easy view with the teacher's prediction, the hard view with the
    mapped target, the hard view as the student saw it, occlusions included, with its answer. Joints have the colours of
    the dataset's metainfo, and a legend names them. mmengine's visualizer writes the sheets as PNG below the work
    directory and hands them to TensorBoard or WandB, if configured.

    Args:
        interval (int): Iterations between two sheets. Defaults to 500.
        num_instances (int): Instances on a sheet. Defaults to 4.
    """

    priority = 'BELOW_NORMAL'

    def __init__(self, interval: int = 500, num_instances: int = 4) -> None:
        if interval < 1 or num_instances < 1:
            raise ValueError(
                f'LessonVisualizationHook: interval={interval} and num_instances={num_instances} must be at least 1'
            )
        self.interval = interval
        self.num_instances = num_instances

    def before_train_iter(self, runner, batch_idx: int, data_batch: Optional[dict] = None) -> None:
        """Ask the model to keep what happens in the step to be drawn."""
        last = runner.iter + 1 == runner.max_iters
        unwrapped(runner.model).record_lessons = self.every_n_train_iters(runner, self.interval) or last

    def after_train_iter(
        self, runner, batch_idx: int, data_batch: Optional[dict] = None, outputs: Optional[dict] = None
    ) -> None:
        """Draw the sheet, in the main process; let go of what it shows in all."""
        model = unwrapped(runner.model)
        if model.record_lessons and model.records and is_main_process():
            sheet = lesson_sheet(model, self.num_instances, runner.train_dataloader.dataset.metainfo)
            runner.visualizer.add_image('lessons', sheet, step=runner.iter + 1)
        model.records = []
