# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from functools import partial
from typing import Any, Dict, Optional

import torch
from mmengine.hooks import Hook
from mmpose.registry import HOOKS

from mmpose_dualteach.engine.optim_wrappers.clip_each_network import clip_each_network
from mmpose_dualteach.engine.run.label_pace import note_labeled_loss, share_of_lessons
from mmpose_dualteach.engine.run.lesson_watch import DRIFT, LessonWatch, check_finite
from mmpose_dualteach.engine.run.network_scores import NetworkScores, scores_in_words
from mmpose_dualteach.engine.run.pseudo_schedule import Length, PseudoSchedule
from mmpose_dualteach.engine.run.run_checks import check_run, warn_of_scoreless_teachers
from mmpose_dualteach.engine.run.run_summary import run_summary
from mmpose_dualteach.engine.run.skipped_instances import SkippedInstances, skipped_before
from mmpose_dualteach.engine.run.teaching_verdict import GAIN, gain_over, gains_in_words, verdict_of
from mmpose_dualteach.models.utils.unwrapped import unwrapped


@HOOKS.register_module()
class DualTeacherHook(Hook):
    """Schedules mutual teaching and watches over it; the model computes.

    - At the start, what the run is about to do: instances, frames, steps, passes over either set, views, lessons.
    - Burn-in and ramp-up of the pseudo losses. While they are off the unlabelled images are not forwarded.
    - Moving averages, buffers included, of the networks that teach by their average.
    - Snapshots of the networks that teach as they were a while ago.
    - At every ``interval`` the mean peak of the pseudo-heatmaps (``a/peak_unlabeled``) and of the predictions on
      labelled instances (``a/peak_labeled``), the mean distance between the teachers' joints in input pixels
      (``agreement_px``) and the share of valid cells (``valid_share``) are logged with the losses.
    - A collapse watch on the ratio of the two peaks.
    - Where a network learns from the labels alone beside the others, whether teaching helps or harms, by every
      validation: whether every network that is taught is better, or worse, by more than half a percent. What each gains
      is logged with the scores (``gain``, ``b/gain``), as a share of the score of the labels alone.
    - Gradient clipping by norm, where the stock config has it, for each network by itself, as if it trained alone.
    - Unlabelled images that did not load are counted, and listed after each pass of the loader and in
      ``skipped.json``.
    - Lessons whose loss was not finite, which the model skips, are counted and told at every ``interval``; a run of
      them stops the training.

    Args:
        burn_in (float | str): Supervised-only beginning, or its share of the run, such as ``'20%'``. Defaults to 0, as
            in the authors' released code. With ``model.confidence=False`` networks that start from nothing want one.
        ramp_up (float | str): Linear ramp-up of the pseudo losses after the burn-in, likewise. Defaults to 0.
        wait_for_labels (bool): Let lessons count, of the schedule's weight, by what labels would leave of their loss at
            its present pace, seen the further ahead the nearer the run is to its end, see :func:`share_left`: where
            labels still teach fast when a run ends, lessons step back. For short runs from scratch on images like the
            labelled ones; images of another light are learnt less by it. Logged as ``lesson_share``. Defaults to
            False.
        by_epoch (bool): Count burn-in and ramp-up in epochs; otherwise in iterations. Defaults to True.
        momentum (float): Share of the network's weights in each update of its moving average; while that is greater,
            10 / (10 + iteration), as otherwise the average of a short run would hold on to its first, random weights.
            Defaults to 0.001, that of mmdet's ``MeanTeacherHook``.
        snapshot_interval (int, optional): Iterations between two snapshots. Defaults to None, an epoch.
        rounds (int, optional): Cut the run into this many rounds and two more parts, all of one length: in the first
            part labels alone count, snapshots are taken at the start of each round and teach to its end, and in the
            last part labels alone count again. Takes the place of ``burn_in`` and ``snapshot_interval``. Defaults to
            None.
        interval (int): Iterations between two looks at the pseudo-heatmaps. Defaults to 50, stock MMPose's log
            interval.
        collapse_fraction (float): The watch reports when the mean peak on unlabelled instances falls below this
            fraction of the mean peak on labelled ones, 0 to 1. Defaults to 0.2.
        on_collapse (str): ``'warn'`` or ``'stop'``. Defaults to ``'warn'``.
        max_drift (float): Where a network's loss of labelled images, normalised as easy views are, is more than this
            many times their own, and its joints move by more than 2% of the input's longer side, teachers normalise by
            labelled statistics from then on, see :meth:`MutualTeachingPoseEstimator.normalize_by_labels`. Networks
            that teach by nothing but an average or a snapshot are not watched. Defaults to 2.
        max_skipped (float): Lessons of a network that may be skipped in a row. Defaults to 50.

    Raises:
        ValueError: If an argument is out of range.
    """

    # Before LoggerHook and CheckpointHook, so that nothing is logged or saved of a broken step.
    priority = 'NORMAL'

    def __init__(
        self,
        burn_in: Length = 0,
        ramp_up: Length = 0,
        wait_for_labels: bool = False,
        by_epoch: bool = True,
        momentum: float = 0.001,
        snapshot_interval: Optional[int] = None,
        rounds: Optional[int] = None,
        interval: int = 50,
        collapse_fraction: float = 0.2,
        on_collapse: str = 'warn',
        max_drift: float = 2.0,
        max_skipped: float = 50,
    ) -> None:
        if not 0 < momentum < 1:
            raise ValueError(f'DualTeacherHook: momentum={momentum} must lie between 0 and 1')
        for name, value in (('interval', interval), ('snapshot_interval', snapshot_interval), ('rounds', rounds)):
            if value is not None and value < 1:
                raise ValueError(f'DualTeacherHook: {name}={value} must be at least 1')
        if rounds and (burn_in or snapshot_interval):
            raise ValueError(
                f'DualTeacherHook: rounds={rounds} says when lessons begin and end and snapshots are taken; leave out '
                'burn_in and snapshot_interval, or set rounds=None'
            )
        self.burn_in, self.ramp_up = burn_in, ramp_up
        self.schedule = PseudoSchedule.of_run(burn_in, ramp_up, 1)  # Of the run's own length when that is known.
        self.wait_for_labels = wait_for_labels
        self.by_epoch = by_epoch
        self.momentum = momentum
        self.snapshot_interval = snapshot_interval
        self.rounds = rounds
        self.interval = interval
        self.watch = LessonWatch(collapse_fraction, on_collapse, max_drift, max_skipped)
        self._skipped: Any = None  # From the start of training on.

    # ------------------------------------------------------------------ training

    def before_train(self, runner) -> None:
        """Check the loader, begin the averages and let each network clip its own gradients."""
        self._model = unwrapped(runner.model)
        check_run(runner)
        length = runner.max_iters / (len(runner.train_dataloader) if self.by_epoch else 1)
        self.schedule = PseudoSchedule.of_run(self.burn_in, self.ramp_up, length)
        if self.rounds:
            self._plan_rounds(runner, self.rounds)
        for line in run_summary(runner, self._model, self.schedule, self.by_epoch, self.wait_for_labels):
            runner.logger.info(line)
        if not (self.schedule.burn_in or self.schedule.ramp_up):
            warn_of_scoreless_teachers(runner)
        if self._model.lessons and not self.schedule.taught_by(self._progress(runner, runner.max_iters - 1)):
            whole = f'{runner.max_iters / len(runner.train_dataloader):g} epochs, {runner.max_iters} iterations'
            runner.logger.warning(
                f'no lesson ever counts: default_hooks.dual_teacher.burn_in is {self.schedule.burn_in:g} '
                f'{"epochs" if self.by_epoch else "iterations"} (by_epoch={self.by_epoch}), and the run has {whole}; '
                'lower it, or set by_epoch'
            )
        unlabeled = runner.train_dataloader.dataset.datasets[1]
        before = skipped_before(runner.work_dir) if runner.iter else {}
        self._skipped = SkippedInstances(unlabeled.load_report, unlabeled.max_broken, before)
        self.watch.begin(runner)
        self._model.copies.begin(self._model.networks)
        if runner.iter == 0:
            self._model.copies.take_snapshots(self._model.networks)
        ended = runner.message_hub.runtime_info.get(DRIFT)
        if ended is not None:  # In the step before this one, no labelled batch has been seen since.
            self._model.normalize_by_labels(renew=ended == runner.iter)
        wrapper = runner.optim_wrapper
        if getattr(wrapper, 'clip_grad_kwargs', None) and wrapper.clip_func is torch.nn.utils.clip_grad_norm_:
            networks = [list(network.parameters()) for network in self._model.networks.values()]
            wrapper.clip_func = partial(clip_each_network, networks)

    def before_train_iter(self, runner, batch_idx: int, data_batch: Optional[dict] = None) -> None:
        """Tell the model how much the pseudo losses weigh now, and whether to look at the pseudo-heatmaps; and which
        unlabelled images of the pass before did not load."""
        if batch_idx == 0:  # Other hooks have had their turn before the epoch.
            self._model.share_modes()
        if runner.iter % len(runner.train_dataloader) == 0:  # Runs by iteration have a single epoch.
            self._skipped.report(runner)  # All of the pass before this one is saved.
        scale = self.schedule.scale(self._progress(runner, runner.iter))
        if self._waits:
            share = share_of_lessons(runner)
            scale *= share
            runner.message_hub.update_scalar('train/lesson_share', share)
        self._model.unsup_scale = scale
        self._model.watching = self.every_n_train_iters(runner, self.interval)

    def after_train_iter(
        self, runner, batch_idx: int, data_batch: Optional[dict] = None, outputs: Optional[dict] = None
    ) -> None:
        """Update averages and snapshots, and look at what came out of this step."""
        check_finite(runner, outputs or {})
        if self._waits:
            note_labeled_loss(runner, self._model, outputs or {})
        self._model.copies.average(self._model.networks, max(self.momentum, 10 / (10 + runner.iter)))
        if self.every_n_train_iters(runner, self.snapshot_interval or len(runner.train_dataloader)):
            self._model.copies.take_snapshots(self._model.networks)
        if self._model.watching and outputs:
            self.watch.look(runner, self._model, outputs)
        self._skipped.count(data_batch)

    def after_train_epoch(self, runner) -> None:
        """Tell which lessons were skipped."""
        self.watch.skipped(runner, self._model, runner.iter)

    def after_run(self, runner) -> None:
        """Tell which unlabelled images of the last pass of the loader did not load, when all is saved."""
        if self._skipped:  # Not of a run that only validates or tests.
            self._skipped.report(runner)

    def after_val_epoch(self, runner, metrics: Optional[Dict[str, float]] = None) -> None:
        """Tell whether teaching helps, where a network learns from the labels alone."""
        model = unwrapped(runner.model)
        trained = self._skipped and runner.iter  # Not in a run that only validates.
        if not model.baselines or not trained or not self.schedule.taught_by(self._progress(runner, runner.iter - 1)):
            return
        found = NetworkScores.of_validation(runner, model, metrics or {})
        if found is None or not found.values.keys() >= set(model.baselines):
            return
        alone = {name: found.values[name] for name in model.baselines}
        taught = {name: value for name, value in found.values.items() if name not in (*alone, *model.frozen)}
        # Of those that learn: where errors cancel out, their mean is better than each.
        gains = {
            name: gain_over(alone.values(), value, found.less)
            for name, value in taught.items()
            if name in model.learning
        }
        for name, gain in gains.items():
            runner.message_hub.update_scalar(f'val/{found.key_of(name, GAIN)}', gain)
        verdict = verdict_of(gains)
        line = f'teaching {verdict}. {found.score}: {scores_in_words(taught)}; of the labels alone: '
        line += f'{scores_in_words(alone)}; gains: {gains_in_words(gains)}'
        if verdict == 'harms':
            runner.logger.warning(f'{line}; see "When teaching harms" in docs/troubleshooting.md')
        else:
            runner.logger.info(line)

    @property
    def _waits(self) -> bool:
        return self.wait_for_labels and bool(self._model.lessons)

    def _plan_rounds(self, runner, rounds: int) -> None:
        part = runner.max_iters // (rounds + 2)
        if part < 1:
            raise ValueError(f'hook.rounds={rounds} needs more than {runner.max_iters} iterations; lower it')
        ramp_up = self.schedule.ramp_up * (len(runner.train_dataloader) if self.by_epoch else 1)
        self.by_epoch, self.snapshot_interval = False, part
        self.schedule = PseudoSchedule(part, ramp_up, (rounds + 1) * part)

    def _progress(self, runner, iteration: int) -> float:
        """Where a step begins, in the schedule's unit."""
        return iteration / len(runner.train_dataloader) if self.by_epoch else iteration
