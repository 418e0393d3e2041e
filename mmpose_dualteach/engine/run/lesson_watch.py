# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import math
from typing import Dict

from mmpose_dualteach.models.estimators.labeled_looks import AS_EASY, MOVED

COLLAPSE = 'mutual_teaching_collapse'
DRIFT = 'mutual_teaching_drift'
# Least shift of joints that is drift, of the input's longer side: losses of labels that are known by heart are small.
WELL_MOVED = 0.02
SKIPPED = 'mutual_teaching_skipped_lessons'


class LessonWatch:
    """Looks at what comes out of lessons, and tells of collapse, drift and lessons that were skipped.

    Args:
        collapse_fraction (float): See :class:`DualTeacherHook`, as all others.
        on_collapse (str): ``'warn'`` or ``'stop'``.
        max_drift (float): Where drift is ended.
        max_skipped (float): Lessons of a network that may be skipped in a row.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(self, collapse_fraction: float, on_collapse: str, max_drift: float, max_skipped: float) -> None:
        if on_collapse not in ('warn', 'stop'):
            raise ValueError(f"DualTeacherHook: on_collapse={on_collapse!r}; choose 'warn' or 'stop'")
        if not 0 <= collapse_fraction <= 1:
            raise ValueError(f'DualTeacherHook: collapse_fraction={collapse_fraction} must be between 0 and 1')
        if not max_drift > 0:  # Nor no number at all.
            raise ValueError(f'DualTeacherHook: max_drift={max_drift} must be above 0')
        if not max_skipped >= 0:
            raise ValueError(f'DualTeacherHook: max_skipped={max_skipped} must not be negative')
        self.collapse_fraction = collapse_fraction
        self.on_collapse = on_collapse
        self.max_drift = max_drift
        self.max_skipped = max_skipped
        self._before: Dict[str, int] = {}

    def begin(self, runner) -> None:
        """Remember what a run that goes on has counted."""
        self._before = dict(runner.message_hub.runtime_info.get(SKIPPED, {}))

    def look(self, runner, model, outputs: dict) -> None:
        """Look at the log of a step that was watched.

        Args:
            runner (Runner): The runner.
            model (MutualTeachingPoseEstimator): Its model, without a wrapper.
            outputs (dict): Scalars of the step by name.
        """
        self.collapse(runner, model, outputs)
        self.drift(runner, model, outputs)
        self.skipped(runner, model, runner.iter + 1)

    def skipped(self, runner, model, iteration: int) -> None:
        """Count the lessons whose loss was not finite, over the whole run; too many in a row are a RuntimeError.

        Args:
            runner (Runner): The runner.
            model (MutualTeachingPoseEstimator): Its model, without a wrapper.
            iteration (int): How many there have been.
        """
        told = dict(runner.message_hub.runtime_info.get(SKIPPED, {}))
        for student, (total, in_a_row) in model.guard.counts().items():
            total += self._before.get(student, 0)
            if total > told.get(student, 0):
                runner.logger.warning(
                    f'until iteration {iteration} {total} lessons of network {student} were '
                    'skipped, their loss was not finite'
                )
                told[student] = total
            if in_a_row > self.max_skipped:
                raise RuntimeError(
                    f'iteration {iteration}: the last {in_a_row} lessons of network {student} '
                    'were skipped, their loss was not finite. Lower optim_wrapper.optimizer.lr, clip '
                    'gradients (optim_wrapper.clip_grad), or look for broken images with '
                    'tools/check_data.py; go on from the last checkpoint with --resume'
                )
        runner.message_hub.update_info(SKIPPED, told)

    def collapse(self, runner, model, outputs: dict) -> None:
        """Name the iteration where a network's pseudo-heatmaps fade; once, until they have recovered. A RuntimeError
        where that is to stop the run."""
        fallen = runner.message_hub.runtime_info.get(COLLAPSE, {})
        for name in model.networks:
            unlabeled, labeled = outputs.get(f'{name}/peak_unlabeled'), outputs.get(f'{name}/peak_labeled')
            if unlabeled is None or labeled is None or float(labeled) < model.adapters[name].ripe:
                continue
            if float(unlabeled) >= self.collapse_fraction * float(labeled):
                fallen.pop(name, None)
            elif name not in fallen:
                fallen[name] = runner.iter + 1
                self._report_collapse(runner, name, float(unlabeled), float(labeled))
        runner.message_hub.update_info(COLLAPSE, fallen)

    def drift(self, runner, model, outputs: dict) -> None:
        """End the drift of teachers whose labelled and unlabelled images are too unlike."""
        if model.statistics.kind != 'easy':  # Teachers normalise by labels already.
            return
        for name in model.networks:
            drift, moved = outputs.get(f'{name}/{AS_EASY}'), outputs.get(f'{name}/{MOVED}')
            if drift is None or moved is None or float(drift) <= self.max_drift or float(moved) <= WELL_MOVED:
                continue
            runner.logger.warning(
                f'drift: at iteration {runner.iter + 1} network {name} has {float(drift):.1f} times the loss on '
                f'labelled images that are normalised as unlabelled ones, its joints move by {float(moved):.1%} of the '
                "input. From now on teachers normalise all by labelled images' statistics; see "
                '"When unlabelled images are unlike labelled ones" in docs/troubleshooting.md of mmpose_dualteach'
            )
            runner.message_hub.update_info(DRIFT, runner.iter + 1)
            model.normalize_by_labels()
            return

    def _report_collapse(self, runner, name: str, unlabeled: float, labeled: float) -> None:
        message = (
            f'collapse: at iteration {runner.iter + 1} the mean peak of network {name} on unlabelled instances, '
            f'{unlabeled:.3f}, fell below {self.collapse_fraction} of that on labelled ones, {labeled:.3f}; see '
            '"When training collapses" in docs/troubleshooting.md of mmpose_dualteach'
        )
        if self.on_collapse == 'stop':
            raise RuntimeError(message)
        runner.logger.warning(message)


def check_finite(runner, outputs: dict) -> None:
    """Stop where a loss is not finite, before anything of the step is saved; names the loss."""
    # mmengine has read these numbers for its log already; reading them again would wait for the device once more.
    logged = runner.message_hub.log_scalars
    broken = [
        key
        for key, value in outputs.items()
        if 'loss' in key
        and not math.isfinite(logged[f'train/{key}'].current() if f'train/{key}' in logged else float(value))
    ]
    if broken:
        raise RuntimeError(
            f'iteration {runner.iter + 1}: {", ".join(broken)} not finite; training stops before this '
            'step is saved. Lower optim_wrapper.optimizer.lr, clip gradients (optim_wrapper.clip_grad) '
            'or go on from the last checkpoint with --resume'
        )
