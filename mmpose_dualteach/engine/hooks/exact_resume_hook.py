# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import hashlib
import os.path as osp
from typing import Dict, List, Optional, Tuple

from mmengine.dist import all_gather_object, broadcast_object_list, get_rank, is_main_process
from mmengine.hooks import CheckpointHook, Hook
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop
from mmengine.runner.checkpoint import find_latest_checkpoint
from mmpose.registry import HOOKS

from mmpose_dualteach import compat
from mmpose_dualteach.datasets.sources.files import is_local
from mmpose_dualteach.engine.checkpoints.resumable import find_resumable, local_copy
from mmpose_dualteach.engine.hooks.atomic_checkpoint_hook import AtomicCheckpointHook
from mmpose_dualteach.engine.run.mode_switches import switch_modes_again
from mmpose_dualteach.engine.run.network_scores import NetworkScores
from mmpose_dualteach.engine.run.saved_weights import saved_weights
from mmpose_dualteach.engine.run.validation_log import VALIDATED, VALIDATIONS, ValidationLog, weights_digest
from mmpose_dualteach.models.utils.unwrapped import unwrapped
from mmpose_dualteach.utils.random_state import set_random_state

SEED = 'mutual_teaching_seed'
# The epoch that was begun last, and at which iteration: stock hooks may have changed how long epochs are.
BEGUN = 'mutual_teaching_epoch_begun'


@HOOKS.register_module()
class ExactResumeHook(Hook):
    """A run that is killed and resumed ends where the uninterrupted run ends, bit for bit on one process.

    - Checkpoints are whole at any moment, see :class:`AtomicCheckpointHook`.
    - ``--resume`` goes on from the last checkpoint that is whole and of this model; others are named in a line each.
    - The random state of each step depends on the run's seed and the iteration alone, and that of each instance's
      loading on its place in the run, see :class:`LabeledUnlabeledSampler`. A run without a seed goes on with the one
      it drew.
    - From a checkpoint inside of an epoch that epoch goes on, where mmengine would begin it again; a run by iterations
      goes on at once, where mmengine would load all batches before.
    - What a stock hook changed at an epoch before, the pipeline of YOLOX-Pose for instance, is changed.
    - A validation that was due at the checkpoint and was not finished is done first. The scores of those that were are
      in ``validations.json`` in the work directory, since an epoch's checkpoint is written before its validation.
    """

    # Validation needs the other hooks ready, and nothing may draw random numbers between the last seed and the step.
    priority = 'LOWEST'

    def before_run(self, runner) -> None:
        """Make checkpoints whole, and choose the one to resume from."""
        compat.replace_hooks(
            runner, lambda hook: AtomicCheckpointHook.in_place_of(hook) if type(hook) is CheckpointHook else hook
        )
        self._validations = ValidationLog(osp.join(runner.work_dir, VALIDATIONS))
        if not compat.wants_to_resume(runner):
            if is_main_process():
                self._validations.clear()
            return
        chosen: List[Optional[str]] = [None, None, None]
        if is_main_process():
            wanted = compat.checkpoint_asked_for(runner) or (find_latest_checkpoint(runner.work_dir) or None)
            try:
                chosen = [self._choose(runner, wanted), wanted, None]
            except ValueError as error:
                chosen[2] = str(error)
        broadcast_object_list(chosen)
        path, wanted, problem = chosen
        if path and wanted and not problem and not osp.exists(path):  # On another machine than the main process's.
            try:
                local_copy(wanted, runner.work_dir)
            except ValueError as error:
                problem = str(error)
        problems = [each for each in all_gather_object(problem) if each]
        if problems:
            raise ValueError(problems[0])
        compat.resume_from(runner, path)

    def _choose(self, runner, wanted: Optional[str]) -> Optional[str]:
        folder = osp.dirname(osp.abspath(wanted)) if wanted and is_local(wanted) else runner.work_dir
        wanted = wanted and local_copy(wanted, runner.work_dir)
        found, refused = find_resumable(folder, wanted, unwrapped(runner.model).state_dict())
        for line in refused:
            runner.logger.warning(line)
        if refused and not found:
            raise ValueError(
                f'no checkpoint in {folder} can be resumed from; the first: {refused[0]}. Leave --resume out to begin '
                'anew, with another --work-dir'
            )
        runner.logger.info(f'going on from {found}' if found else f'{folder} has no checkpoint; training begins')
        return found

    def before_train(self, runner) -> None:
        """Take up the seed and the validation of the interrupted run."""
        sampler = runner.train_dataloader.sampler
        sampler.seed = runner.message_hub.runtime_info.get(SEED, sampler.seed)
        runner.message_hub.update_info(SEED, sampler.seed)
        self._key = (sampler.seed, get_rank())
        if isinstance(runner.train_loop, EpochBasedTrainLoop):
            switch_modes_again(runner)
        elif isinstance(runner.train_loop, IterBasedTrainLoop):
            runner.train_loop.dataloader_iterator = compat.EndlessIterator(runner.train_dataloader, runner.iter)
        if runner.iter:
            self._validate_if_due(runner)

    def _validate_if_due(self, runner) -> None:
        loop, by_epoch = runner.train_loop, isinstance(runner.train_loop, EpochBasedTrainLoop)
        validated = runner.message_hub.runtime_info.get(VALIDATED) == runner.iter
        if validated or runner.val_loop is None or (by_epoch and self._begun(runner) is not None):
            return
        compat.decide_val_interval(loop)
        done, last = (runner.epoch, runner.max_epochs) if by_epoch else (runner.iter, runner.max_iters)
        if done >= loop.val_begin and (done % loop.val_interval == 0 or done == last):
            known = [self._validations.scores(*_fingerprint(runner)) if is_main_process() else None]
            broadcast_object_list(known)  # The file is the main process's: others need not see it.
            if known[0] is None:
                runner.val_loop.run()
            else:
                self._replay(runner, known[0])

    @staticmethod
    def _replay(runner, metrics: Dict[str, float]) -> None:
        """Tell all hooks the scores of a validation that the interrupted run had finished."""
        runner.logger.info(f'the validation at iteration {runner.iter} had been finished; its scores are taken over')
        runner.call_hook('before_val')
        runner.call_hook('before_val_epoch')
        runner.call_hook('after_val_epoch', metrics=metrics)
        runner.call_hook('after_val')

    def before_val_epoch(self, runner) -> None:
        """Note which iteration's weights are validated: checkpoints written from now on have its scores."""
        runner.message_hub.update_info(VALIDATED, runner.iter)

    def after_val_epoch(self, runner, metrics: Optional[Dict[str, float]] = None) -> None:
        """Keep the scores: the checkpoint of this moment was written before them."""
        if metrics and is_main_process():
            model = unwrapped(runner.model)
            found = NetworkScores.of_validation(runner, model, metrics)
            choice = found.choice(model.learning) if found else None
            self._validations.add(*_fingerprint(runner), metrics, choice)

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Take out the text that mmengine would run as code, when it resumes or when a later checkpoint is loaded."""
        if isinstance(checkpoint.get('meta'), dict):
            checkpoint['meta'].pop('config', None)
        told = (checkpoint.get('message_hub') or {}).get('runtime_info')
        if isinstance(told, dict) and 'cfg' in told:  # It would go on into this run's own checkpoints.
            told['cfg'] = runner.message_hub.runtime_info.get('cfg', '')

    def before_train_epoch(self, runner) -> None:
        """Go on inside of an epoch, or begin it."""
        if isinstance(runner.train_loop, EpochBasedTrainLoop):
            sampler = runner.train_dataloader.sampler
            sampler.seed = self._key[0]  # A stock hook may just have built another loader, which drew a seed.
            begun = self._begun(runner)
            sampler.skip_batches(0 if begun is None else max(runner.iter - begun, 0))
            if begun is None:
                runner.message_hub.update_info(BEGUN, [runner.epoch, runner.iter])

    def before_train_iter(self, runner, batch_idx: int, data_batch: Optional[dict] = None) -> None:
        """Set the random states of the networks and of whatever else draws in a step."""
        set_random_state((*self._key, runner.iter), devices=True)

    @staticmethod
    def _begun(runner) -> Optional[int]:
        """At which iteration the current epoch began, if the run goes on inside of it."""
        epoch, iteration = runner.message_hub.runtime_info.get(BEGUN, (None, None))
        return iteration if epoch == runner.epoch else None


def _fingerprint(runner) -> Tuple[str, str]:
    """What a validation's scores depend on as short texts: the config, and the weights as a checkpoint has them."""
    settings = [runner.cfg.get(key) for key in ('model', 'custom_hooks', 'val_dataloader', 'val_evaluator', 'val_cfg')]
    digest = hashlib.blake2b(repr(settings).encode(), digest_size=16)
    return digest.hexdigest(), weights_digest(saved_weights(runner))
