# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import copy
import glob
import os
import os.path as osp
import shutil
from contextlib import contextmanager, suppress
from typing import Any, Iterator, List, Optional

from mmengine.dist import master_only
from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import CheckpointHook
from mmpose.registry import HOOKS

from mmpose_dualteach import compat
from mmpose_dualteach.utils.file_io import UNFINISHED, atomic_write

BACKEND = 'atomic_local'
STATE = ('keep_ckpt_ids', 'last_ckpt', 'best_ckpt_path', 'best_ckpt_path_dict')


class AtomicLocalBackend(LocalBackend):
    """mmengine's backend of this machine's files, of which each appears under its name when it is whole."""

    def put(self, obj: bytes, filepath: str) -> None:
        """Write a file. See :class:`mmengine.fileio.LocalBackend`."""
        os.makedirs(osp.dirname(osp.abspath(filepath)), exist_ok=True)
        with atomic_write(str(filepath), binary=True) as file:
            file.write(obj)


register_backend(BACKEND, AtomicLocalBackend, force=True)


class _LaterRemovals(LocalBackend):
    """A backend that keeps in mind what to remove."""

    def __init__(self) -> None:
        self.waiting: List[str] = []

    def remove(self, filepath: str) -> None:
        self.waiting.append(filepath)

    rmtree = remove


@HOOKS.register_module()
class AtomicCheckpointHook(compat.SavingHook):
    """mmengine's :class:`CheckpointHook`, whose checkpoints on this machine's disks are whole at any moment.

    Each is written under another name, and renamed. Older ones are removed when the new one is there, not before, and
    none of another folder. Where
    one cannot be written, because the disk is full for instance, training goes on with a warning and those that are
    there stay; at the end of training that is an error. :class:`ExactResumeHook` puts it in the place of a run's own.
    Arguments are those of :class:`CheckpointHook`.
    """

    file_backend: Any
    best_ckpt_path: Optional[str]

    @classmethod
    def in_place_of(cls, hook: CheckpointHook) -> 'AtomicCheckpointHook':
        """The same with another hook's options."""
        own = cls.__new__(cls)
        own.__dict__.update(vars(hook))
        return own

    def before_train(self, runner) -> None:
        """Find the folder, and clear it of what a killed run was writing. See :class:`CheckpointHook`."""
        super().before_train(runner)
        if type(self.file_backend) is LocalBackend and self.file_client_args is None:
            self.file_backend = _LaterRemovals()
            self.backend_args = dict(backend=BACKEND)
            self._remove_unfinished()
            self._leave_other_folders()

    @contextmanager
    def saving(self, runner) -> Iterator[None]:
        """Remove older checkpoints when the new one is there; where it cannot be written, all is as before.

        Raises:
            OSError: If the last one of the training cannot be written.
        """
        info = runner.message_hub.runtime_info
        known: Any = copy.deepcopy({key: getattr(self, key) for key in STATE if hasattr(self, key)}), dict(info)
        try:
            yield
        except OSError as error:
            for key, value in known[0].items():
                setattr(self, key, value)
            info.clear()
            info.update(known[1])
            self._forget_removals()
            message = f'a checkpoint could not be written to {self.out_dir} ({error.strerror or error})'
            if self.is_last_train_epoch(runner) or self.is_last_train_iter(runner):
                raise OSError(f'{message}; make room there, then go on with --resume from the last one') from None
            runner.logger.warning(f'{message}; make room there. Those that are there stay, and training goes on')
        else:
            for path in self._forget_removals():
                with suppress(FileNotFoundError):
                    shutil.rmtree(path) if osp.isdir(path) else os.remove(path)

    @master_only
    def _remove_unfinished(self) -> None:
        for path in glob.glob(osp.join(glob.escape(self.out_dir), f'*.pth{UNFINISHED}*')):
            os.remove(path)

    def _leave_other_folders(self) -> None:
        # A run that goes on in a copy of its folder knows the original's best checkpoints, and would remove them.
        if hasattr(self, 'best_ckpt_path'):
            self.best_ckpt_path = self._of_own_folder(self.best_ckpt_path)
        for key, path in getattr(self, 'best_ckpt_path_dict', {}).items():
            self.best_ckpt_path_dict[key] = self._of_own_folder(path)

    def _of_own_folder(self, path: Optional[str]) -> Optional[str]:
        own = osp.join(self.out_dir, osp.basename(path or ''))
        return own if path and osp.exists(own) else None

    def _publish_model(self, runner, ckpt_path: Optional[str]) -> None:
        if ckpt_path:
            super()._publish_model(runner, ckpt_path)

    def _forget_removals(self) -> List[str]:
        backend = getattr(self, 'file_backend', None)
        if backend is None:  # A run that only validates.
            return []
        waiting, backend.waiting = getattr(backend, 'waiting', []), []
        return waiting
