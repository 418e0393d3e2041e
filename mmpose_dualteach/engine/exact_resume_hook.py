# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import os.path as osp
from typing import Optional

from mmengine.dist import broadcast_object_list, get_rank, is_main_process
from mmengine.hooks import CheckpointHook, Hook
from mmengine.runner import EpochBasedTrainLoop
from mmengine.runner.checkpoint import find_latest_checkpoint
from mmpose.registry import HOOKS

from mmpose_dualteach.random_state import set_random_state

from .dual_teacher_hook import model_of
from .resumable import resumable
from .whole_checkpoint_hook import WholeCheckpointHook

SEED = 'mutual_teaching_seed'
VALIDATED = 'mutual_teaching_validated'


@HOOKS.register_module()
class ExactResumeHook(Hook):
    """A run that is killed and resumed ends where the uninterrupted run ends, bit for bit on one process.

    - Checkpoints are whole at any moment, see :class:`WholeCheckpointHook`.
    - ``--resume`` goes on from the last checkpoint that is whole and of this model; others are named in a line each.
    - The random state of each step depends on the run's seed and the iteration alone, and that of each person's loading
      on its place in the run, see :class:`LabeledUnlabeledSampler`. A run without a seed goes on with the one it drew.
    - From a checkpoint inside of an epoch that epoch goes on, where mmengine would begin it again.
    - A validation that was due at the checkpoint and is not in it is done first: the run may have been killed in it.
    """
    # Validation needs the other hooks ready, and nothing may draw random numbers between the last seed and the step.
    priority = 'LOWEST'

    def before_run(self, runner) -> None:
        """Make checkpoints whole, and choose the one to resume from."""
        runner._hooks[:] = [WholeCheckpointHook.in_place_of(hook) if type(hook) is CheckpointHook else hook
                            for hook in runner.hooks]
        if not runner._resume:
            return
        chosen = [None, None]
        if is_main_process():
            try:
                chosen[0] = self._choose(runner)
            except ValueError as error:
                chosen[1] = str(error)
        broadcast_object_list(chosen)
        if chosen[1]:
            raise ValueError(chosen[1])
        runner._load_from, runner._resume = chosen[0], chosen[0] is not None

    def _choose(self, runner) -> Optional[str]:
        wanted = runner._load_from or (find_latest_checkpoint(runner.work_dir) or None)
        folder = osp.dirname(osp.abspath(wanted)) if wanted else runner.work_dir
        found, refused = resumable(folder, wanted, model_of(runner).state_dict())
        for line in refused:
            runner.logger.warning(line)
        if refused and not found:
            raise ValueError(f'no checkpoint in {folder} can be resumed from; the first: {refused[0]}. Leave --resume '
                             'out to begin anew, with another --work-dir')
        runner.logger.info(f'going on from {found}' if found else f'{folder} has no checkpoint; training begins')
        return found

    def before_train(self, runner) -> None:
        """Take up the seed and the validation of the interrupted run."""
        sampler = runner.train_dataloader.sampler
        sampler.seed = runner.message_hub.runtime_info.get(SEED, sampler.seed)
        runner.message_hub.update_info(SEED, sampler.seed)
        self._key = (sampler.seed, get_rank())
        if runner.iter:
            self._validate_if_due(runner)

    def _validate_if_due(self, runner) -> None:
        loop, by_epoch = runner.train_loop, isinstance(runner.train_loop, EpochBasedTrainLoop)
        validated = runner.message_hub.runtime_info.get(VALIDATED) == runner.iter
        if validated or runner.val_loop is None or (by_epoch and self._inside_epoch(runner)):
            return
        loop._decide_current_val_interval()
        done, last = (runner.epoch, runner.max_epochs) if by_epoch else (runner.iter, runner.max_iters)
        if done >= loop.val_begin and (done % loop.val_interval == 0 or done == last):
            runner.val_loop.run()

    def before_val_epoch(self, runner) -> None:
        """Note which iteration's weights are validated: checkpoints written from now on have its scores."""
        runner.message_hub.update_info(VALIDATED, runner.iter)

    def before_train_epoch(self, runner) -> None:
        """Go on inside of an epoch, or begin it."""
        if isinstance(runner.train_loop, EpochBasedTrainLoop):
            runner.train_dataloader.sampler.skip(self._inside_epoch(runner))

    def before_train_iter(self, runner, batch_idx: int, data_batch: Optional[dict] = None) -> None:
        """Set the random states of the networks and of whatever else draws in a step."""
        set_random_state((*self._key, runner.iter), devices=True)

    @staticmethod
    def _inside_epoch(runner) -> int:
        """Iterations of the current epoch that are done."""
        return runner.iter - runner.epoch * len(runner.train_dataloader)
