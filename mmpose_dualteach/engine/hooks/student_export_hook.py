# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import os.path as osp
from math import isfinite
from typing import Dict, Optional

from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmpose.registry import HOOKS

from mmpose_dualteach.engine.checkpoints.export import network_weights, save_stock_checkpoint
from mmpose_dualteach.engine.run.network_scores import SCORES, NetworkScores, is_guessed, scores_in_words
from mmpose_dualteach.engine.run.saved_weights import saved_weights
from mmpose_dualteach.models.utils.unwrapped import unwrapped
from mmpose_dualteach.switch import stock_config


@HOOKS.register_module()
class StudentExportHook(Hook):
    """Writes the better network as an ordinary MMPose checkpoint: ``student_best.pth`` and ``student_last.pth`` in the
    work directory.

    One rule chooses both ``student_best.pth`` and the ``best_*.pth`` of ``save_best``: the validation at which the
    score with the stock name, that of the network (or the mean) which answers at test time, is best so far. Of that
    validation's networks the one with the best score is the student. ``student_last.pth`` is the same of the last
    validation, with the last weights. The log says which network it is, and by which score.
    """

    # Right before CheckpointHook (90), which saves the scores, and so behind every EMAHook that works with that one.
    priority = 89

    def __init__(self) -> None:
        self._configs: Dict[str, str] = {}
        self._training = False

    def before_train(self, runner) -> None:
        """A run that only validates exports nothing."""
        self._training = True

    def after_val_epoch(self, runner, metrics: Optional[Dict[str, float]] = None) -> None:
        """Remember each network's score, and export the better one where the answering one's is best so far."""
        model = unwrapped(runner.model)
        found = NetworkScores.of_validation(runner, model, metrics or {})
        if found is None or not self._training:
            return
        choice = found.choice(model.learning)
        if choice is None:  # All have diverged, or a validation loop of the user's scores the mean alone.
            return
        before = runner.message_hub.runtime_info.get(SCORES, {}).get('best_score')
        if before is None and is_guessed(runner, found.indicator):
            runner.logger.warning(
                f'nothing says whether less or more of {found.indicator} is better, more is taken; say it by '
                f"default_hooks.checkpoint.save_best={found.indicator!r} and rule='less' or 'greater'"
            )
        now = found.values[found.decides]
        improved = isfinite(now) and (before is None or found.is_better(now, before))
        runner.message_hub.update_info(
            SCORES,
            dict(choice, best_score=now if improved else before),
        )
        if improved:
            self._export(
                runner,
                choice['best'],
                'student_best.pth',
                f'{found.score} of {found.decides} is the best so far, {now:.4f}; of the networks: '
                f'{scores_in_words(choice["networks"])}',
            )

    def after_train(self, runner) -> None:
        """Export the better network of the last weights."""
        scores = runner.message_hub.runtime_info.get(SCORES)
        network = scores['best'] if scores else unwrapped(runner.model).test_network
        reason = (
            f'{scores["indicator"]}: {scores_in_words(scores["networks"])}' if scores else 'there was no validation'
        )
        self._export(runner, network, 'student_last.pth', reason)

    @master_only
    def _export(self, runner, network: str, name: str, reason: str) -> None:
        path = osp.join(runner.work_dir, name)
        if not runner.cfg.get('model'):
            runner.logger.warning(f'{path} is not written: the runner was made without cfg, the config of the student')
            return
        weights = network_weights(saved_weights(runner), network)
        if network not in self._configs:  # Printing a config takes a second or more.
            self._configs[network] = stock_config(runner.cfg, network).pretty_text
        try:
            save_stock_checkpoint(path, weights, runner.train_dataloader.dataset.metainfo, self._configs[network])
        except OSError as error:
            runner.logger.warning(
                f'{path} could not be written ({error.strerror}); make room there. tools/export.py '
                'makes it from a checkpoint'
            )
            return
        runner.logger.info(f'network {network} is exported to {path}, a checkpoint of the stock config ({reason})')
