# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import math
import os.path as osp
from functools import partial
from typing import Any, Dict, List, Optional, Tuple

import torch
from mmengine.dist import master_only
from mmengine.hooks import CheckpointHook, Hook
from mmengine.model import is_model_wrapper
from mmpose.registry import HOOKS

from mmpose_dualteach.datasets import LabeledUnlabeledDataset, LabeledUnlabeledSampler
from mmpose_dualteach.switch import stock_config

from .export import SCORES, network_weights, save_stock_checkpoint
from .schedule import PseudoSchedule
from .skipped_people import SkippedPeople

COLLAPSE = 'mutual_teaching_collapse'
SKIPPED = 'mutual_teaching_skipped_lessons'
# Metrics of MMPose of which less is better, for runs without ``save_best``.
LESS_IS_BETTER = ('nme', 'epe', 'mpjpe', 'loss', 'error')


@HOOKS.register_module()
class DualTeacherHook(Hook):
    """Schedules mutual teaching and watches over it; the model computes.

    - Burn-in and ramp-up of the pseudo losses. While they are off the unlabelled images are not forwarded.
    - Moving averages, buffers included, of the networks that teach by their average.
    - At every ``interval`` the mean peak of the pseudo-heatmaps (``a/peak_unlabeled``) and of the predictions on
      labelled people (``a/peak_labeled``), the mean distance between the teachers' joints in input pixels
      (``agreement_px``) and the share of valid cells (``valid_share``) are logged with the losses.
    - A collapse watch on the ratio of the two peaks.
    - After each validation, the scores of all networks; the best one so far is exported to ``student_best.pth`` in the
      work directory as an ordinary MMPose checkpoint, the last weights' best one to ``student_last.pth`` at the end.
    - Gradient clipping by norm, where the stock config has it, for each network by itself, as if it trained alone.
    - Unlabelled images that did not load are counted, and listed at the end of the epoch and in ``skipped.json``.
    - Lessons whose loss was not finite, which the model skips, are counted and told at every ``interval``; a run of
      them stops the training.

    Args:
        burn_in (float): Supervised-only beginning. Defaults to 0, as in the authors' released code, whose networks
            start from ImageNet's weights. Give networks that start from nothing a burn-in.
        ramp_up (float): Linear ramp-up of the pseudo losses after the burn-in. Defaults to 0.
        by_epoch (bool): Count the two in epochs; otherwise in iterations. Defaults to True.
        momentum (float): Share of the network's weights in each update of its moving average; while that is greater,
            10 / (10 + iteration), as otherwise the average of a short run would hold on to its first, random weights.
            Defaults to 0.001, that of mmdet's ``MeanTeacherHook``.
        interval (int): Iterations between two looks at the pseudo-heatmaps. Defaults to 50, stock MMPose's log
            interval.
        collapse_fraction (float): The watch reports when the mean peak on unlabelled people falls below this fraction
            of the mean peak on labelled ones. Defaults to 0.2.
        on_collapse (str): ``'warn'`` or ``'stop'``. Defaults to ``'warn'``.
        max_skipped (int): Lessons of a network that may be skipped in a row. Defaults to 50.
        export (bool): Whether to write the two student checkpoints. Defaults to True.

    Raises:
        ValueError: If an argument is out of range.
    """
    # Before LoggerHook and CheckpointHook, so that nothing is logged or saved of a broken step.
    priority = 'NORMAL'

    def __init__(self,
                 burn_in: float = 0,
                 ramp_up: float = 0,
                 by_epoch: bool = True,
                 momentum: float = 0.001,
                 interval: int = 50,
                 collapse_fraction: float = 0.2,
                 on_collapse: str = 'warn',
                 max_skipped: int = 50,
                 export: bool = True) -> None:
        if on_collapse not in ('warn', 'stop'):
            raise ValueError(f"DualTeacherHook: on_collapse={on_collapse!r}; choose 'warn' or 'stop'")
        if not 0 < momentum < 1:
            raise ValueError(f'DualTeacherHook: momentum={momentum} must lie between 0 and 1')
        if interval < 1:
            raise ValueError(f'DualTeacherHook: interval={interval} must be at least 1')
        self.schedule = PseudoSchedule(burn_in, ramp_up)
        self.by_epoch = by_epoch
        self.momentum = momentum
        self.interval = interval
        self.collapse_fraction = collapse_fraction
        self.on_collapse = on_collapse
        self.max_skipped = max_skipped
        self.export = export
        self._stock_config: Optional[str] = None

    # ------------------------------------------------------------------ training

    def before_train(self, runner) -> None:
        """Check the loader, begin the averages and let each network clip its own gradients."""
        self._model = model_of(runner)
        _check_loader(runner.train_dataloader)
        unlabeled = runner.train_dataloader.dataset.datasets[1]
        self._skipped = SkippedPeople(unlabeled.account, unlabeled.max_broken)
        self._skipped_before = dict(runner.message_hub.runtime_info.get(SKIPPED, {}))
        for name, average in self._model.averages.items():
            # mmengine's average goes on writing into the tensors that it had before it was moved to a device.
            average.avg_parameters = average.module.state_dict()
            if average.steps == 0:
                average.update_parameters(self._model.networks[name])
        wrapper = runner.optim_wrapper
        if getattr(wrapper, 'clip_grad_kwargs', None) and wrapper.clip_func is torch.nn.utils.clip_grad_norm_:
            networks = [list(network.parameters()) for network in self._model.networks.values()]
            wrapper.clip_func = partial(clip_each_network, networks)

    def before_train_iter(self, runner, batch_idx: int, data_batch: Optional[dict] = None) -> None:
        """Tell the model how much the pseudo losses weigh now, and whether to look at the pseudo-heatmaps."""
        progress = runner.iter / len(runner.train_dataloader) if self.by_epoch else runner.iter
        self._model.pseudo_scale = self.schedule.scale(progress)
        self._model.watching = self.every_n_train_iters(runner, self.interval)

    def after_train_iter(self, runner, batch_idx: int, data_batch: Optional[dict] = None,
                         outputs: Optional[dict] = None) -> None:
        """Update the averages, and look at what came out of this step."""
        _check_finite(runner, outputs or {})
        for name, average in self._model.averages.items():
            average.momentum = max(self.momentum, 10 / (10 + runner.iter))
            average.update_parameters(self._model.networks[name])
        if self._model.watching and outputs:
            self._watch_collapse(runner, outputs)
            self._watch_skipped(runner)
        self._skipped.count(data_batch)

    def after_train_epoch(self, runner) -> None:
        """Tell which unlabelled images did not load, and which lessons were skipped."""
        self._skipped.report(runner)
        self._watch_skipped(runner)

    def _watch_skipped(self, runner) -> None:
        """Count the lessons whose loss was not finite, over the whole run."""
        told = dict(runner.message_hub.runtime_info.get(SKIPPED, {}))
        for student, (total, in_a_row) in self._model.guard.counts().items():
            total += self._skipped_before.get(student, 0)
            if total > told.get(student, 0):
                runner.logger.warning(f'until iteration {runner.iter + 1} {total} lessons of network {student} were '
                                      'skipped, their loss was not finite')
                told[student] = total
            if in_a_row > self.max_skipped:
                raise RuntimeError(f'iteration {runner.iter + 1}: the last {in_a_row} lessons of network {student} '
                                   'were skipped, their loss was not finite. Lower optim_wrapper.optimizer.lr, clip '
                                   'gradients (optim_wrapper.clip_grad), or look for broken images with '
                                   'tools/check_data.py; go on from the last checkpoint with --resume')
        runner.message_hub.update_info(SKIPPED, told)

    def _watch_collapse(self, runner, outputs: dict) -> None:
        """Name the iteration where a network's pseudo-heatmaps fade; once, until they have recovered."""
        fallen = runner.message_hub.runtime_info.get(COLLAPSE, {})
        for name in self._model.networks:
            unlabeled, labeled = outputs.get(f'{name}/peak_unlabeled'), outputs.get(f'{name}/peak_labeled')
            if unlabeled is None or labeled is None:
                continue
            if float(unlabeled) >= self.collapse_fraction * float(labeled):
                fallen.pop(name, None)
            elif name not in fallen:
                fallen[name] = runner.iter + 1
                self._report_collapse(runner, name, float(unlabeled), float(labeled))
        runner.message_hub.update_info(COLLAPSE, fallen)

    def _report_collapse(self, runner, name: str, unlabeled: float, labeled: float) -> None:
        message = (f'collapse: at iteration {runner.iter + 1} the mean peak of network {name} on unlabelled people, '
                   f'{unlabeled:.3f}, fell below {self.collapse_fraction} of that on labelled ones, {labeled:.3f}; see '
                   '"When training collapses" in the README of mmpose_dualteach')
        if self.on_collapse == 'stop':
            raise RuntimeError(message)
        runner.logger.warning(message)

    # ------------------------------------------------------------------ scores and export

    def after_val_epoch(self, runner, metrics: Optional[Dict[str, float]] = None) -> None:
        """Remember each network's score and export the best network so far."""
        model = model_of(runner)
        indicator, less = _indicator(runner, metrics or {})
        if indicator is None:
            return
        scores = {name: float(metrics[indicator if name == model.answering else f'{name}/{indicator}'])
                  for name in model.networks}
        best = (min if less else max)(scores, key=scores.get)
        before = runner.message_hub.runtime_info.get(SCORES, {}).get('best_score')
        improved = before is None or (scores[best] < before if less else scores[best] > before)
        runner.message_hub.update_info(SCORES, dict(
            indicator=indicator, networks=scores, best=best, best_score=scores[best] if improved else before))
        if improved and self.export:
            self._export(runner, best, 'student_best.pth')

    def after_train(self, runner) -> None:
        """Export the best network of the last weights."""
        if self.export:
            scores = runner.message_hub.runtime_info.get(SCORES, {})
            self._export(runner, scores.get('best', self._model.answering), 'student_last.pth')

    @master_only
    def _export(self, runner, network: str, name: str) -> None:
        path = osp.join(runner.work_dir, name)
        dataset = runner.train_dataloader.dataset
        weights = network_weights(saved_weights(runner), network)
        if self._stock_config is None:  # Printing a config takes a second or more.
            self._stock_config = stock_config(runner.cfg).pretty_text
        try:
            save_stock_checkpoint(path, weights, dataset.metainfo, self._stock_config)
        except OSError as error:
            runner.logger.warning(f'{path} could not be written ({error.strerror}); make room there. tools/export.py '
                                  'makes it from a checkpoint')
            return
        runner.logger.info(f'network {network} is exported to {path}, a checkpoint of the stock config')


def model_of(runner) -> Any:
    """The model of a runner, without its wrapper for distributed training."""
    return runner.model.module if is_model_wrapper(runner.model) else runner.model


def saved_weights(runner) -> Dict[str, torch.Tensor]:
    """The model's weights as a checkpoint of this moment would hold them: the averaged ones under ``EMAHook``, which
    are those that are validated."""
    checkpoint = dict(state_dict=model_of(runner).state_dict())
    runner.call_hook('before_save_checkpoint', checkpoint=checkpoint)
    return checkpoint['state_dict']


def clip_each_network(networks: List[list], parameters: list, *args, **kwargs) -> torch.Tensor:
    """Clip the gradients of each network by itself.

    Args:
        networks (List[list]): The parameters of each network.
        parameters (list): The parameters that have a gradient now.
        *args, **kwargs: Of ``torch.nn.utils.clip_grad_norm_``.

    Returns:
        Tensor: The largest of the networks' gradient norms.
    """
    present = {id(parameter) for parameter in parameters}
    return torch.stack([
        torch.nn.utils.clip_grad_norm_([p for p in own if id(p) in present], *args, **kwargs) for own in networks
    ]).max()


def _check_loader(loader) -> None:
    sampler = loader.sampler
    if not isinstance(loader.dataset, LabeledUnlabeledDataset) or not isinstance(sampler, LabeledUnlabeledSampler):
        raise ValueError('train_dataloader must have a LabeledUnlabeledDataset and a LabeledUnlabeledSampler; switch '
                         'the stock config with mmpose_dualteach.switch.mutual_teaching')
    if loader.batch_size != sampler.batch_size:
        labeled, unlabeled = sampler.counts
        raise ValueError(f'train_dataloader.batch_size is {loader.batch_size} but its sampler fills batches of '
                         f'{labeled} labelled and {unlabeled} unlabelled people; set batch_size, sampler.labeled and '
                         'sampler.unlabeled together')


def _check_finite(runner, outputs: dict) -> None:
    # mmengine has read these numbers for its log already; reading them again would wait for the device once more.
    logged = runner.message_hub.log_scalars
    broken = [key for key, value in outputs.items() if 'loss' in key and not math.isfinite(
        logged[f'train/{key}'].current() if f'train/{key}' in logged else float(value))]
    if broken:
        raise RuntimeError(f'iteration {runner.iter + 1}: {", ".join(broken)} not finite; training stops before this '
                           'step is saved. Lower optim_wrapper.optimizer.lr, clip gradients (optim_wrapper.clip_grad) '
                           'or go on from the last checkpoint with --resume')


def _indicator(runner, metrics: Dict[str, float]) -> Tuple[Optional[str], bool]:
    """The score by which networks are compared, the one of ``save_best`` if there is one, and if less is better."""
    for hook in runner.hooks:
        if isinstance(hook, CheckpointHook) and hook.save_best and hook.key_indicators[0] in metrics:
            return hook.key_indicators[0], hook.rules[0] == 'less'
    for key in metrics:
        return key, any(word in key.lower() for word in LESS_IS_BETTER)
    return None, False
