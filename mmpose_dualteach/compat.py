# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Every use of what mmengine, MMPose and torch call private, in one place. tests/test_compat.py holds each of them
against the installed versions."""

from collections import OrderedDict
from contextlib import contextmanager
from functools import wraps
from importlib import import_module
from types import FunctionType
from typing import Any, Callable, Collection, Dict, Iterator, List, Optional, Sequence, Tuple

import mmengine.config.config
import mmengine.hub.hub
import numpy as np
import torch
from mmengine.config import Config
from mmengine.config.utils import MODULE2PACKAGE
from mmengine.dataset import BaseDataset, ConcatDataset
from mmengine.hooks import CheckpointHook, Hook
from mmengine.logging import HistoryBuffer
from mmengine.optim import OptimWrapper
from mmengine.runner import IterBasedTrainLoop, Runner
from mmengine.runner.loops import _InfiniteDataloaderIterator
from mmengine.utils import digit_version
from mmpose.datasets.datasets.base import BaseCocoStyleDataset
from mmpose.datasets.transforms import TopdownAffine
from mmpose.models.data_preprocessors import PoseDataPreprocessor
from mmpose.visualization.opencv_backend_visualizer import OpencvBackendVisualizer
from torch import Tensor, nn

# ---------------------------------------------------------------------- torch


BATCH_NORM = nn.modules.batchnorm._BatchNorm  # What every batch norm is.


def allow_in_checkpoints(named: Dict[str, Any]) -> None:
    """Tell torch, 2.4 or later, what a checkpoint may name, by name with its module."""
    if digit_version(torch.__version__) >= digit_version('2.6'):
        torch.serialization.add_safe_globals([(each, name) for name, each in named.items()])
        return
    # These versions take each by the name that it has itself.
    for name, each in named.items():
        if isinstance(each, FunctionType):
            each.__module__, _, each.__name__ = name.rpartition('.')
    torch.serialization.add_safe_globals(list(named.values()))


def before_loading(module: nn.Module, action: Callable[..., None]) -> None:
    """Let an action change a state dict, ``action(state_dict, prefix, ...)``, before a module takes it."""
    module._register_load_state_dict_pre_hook(action)


def versions_of(state_dict: Any) -> Dict[str, dict]:
    """What torch keeps of each module beside its weights, its version for instance, by the module's name."""
    return getattr(state_dict, '_metadata', None) or {}


def set_versions(state_dict: Any, versions: Dict[str, dict]) -> None:
    """Let a state dict have what torch keeps of each module."""
    if versions:
        state_dict._metadata = OrderedDict(versions)


# ---------------------------------------------------------------------- mmengine


def is_pure_python(config: str) -> bool:
    """Whether a config's file is in mmengine's pure Python style, from which no other can inherit. Names such as
    ``mmpose::...`` are of the other style, so far."""
    return '::' not in config and Config._is_lazy_import(config)


@contextmanager
def one_optimizer_step(wrapper: OptimWrapper) -> Iterator[None]:
    """Let several backward passes inside count as one step of gradient accumulation."""
    done = wrapper._inner_count
    backward = wrapper.backward

    def counted_once(loss: Tensor, **kwargs) -> None:
        backward(loss, **kwargs)
        wrapper._inner_count = done

    wrapper.backward = counted_once
    try:
        yield
    finally:
        del wrapper.backward
    wrapper._inner_count = done + 1


def replace_hooks(runner: Runner, replaced: Callable[[Hook], Hook]) -> None:
    """Put another hook in the place of each of a runner's."""
    runner._hooks[:] = [replaced(hook) for hook in runner._hooks]


def let_hooks_be_none(own: Collection[str], optional: Collection[str]) -> None:
    """Let a config set default hooks of ours to None, as it may mmengine's, or to False.

    Args:
        own (Collection[str]): The keys of ``default_hooks`` under which our hooks stand.
        optional (Collection[str]): Those that a run can do without; of others one line says that it cannot.
    """
    stock = Runner.register_default_hooks

    @wraps(stock)
    def register_default_hooks(self: Runner, hooks: Optional[dict] = None) -> None:
        gone = {name: hook for name, hook in (hooks or {}).items() if hook in (None, False) and name in own}
        for name, hook in gone.items():
            if name not in optional:
                raise ValueError(f'default_hooks.{name}={hook}: mutual teaching needs that hook; leave it as it is')
        stock(self, hooks and {name: hook for name, hook in hooks.items() if name not in gone})

    Runner.register_default_hooks = register_default_hooks


def format_configs_once() -> None:
    """Let mmengine format the text of a config once in a process, where its upstream does so for each checkpoint: yapf
    takes a second or two for a switched config, longer than an epoch of few labels."""
    formatted = getattr(mmengine.config.config, 'FormatCode', None)
    if formatted is None:  # The fork has another formatter.
        return
    known: Dict[Tuple[str, str], Any] = {}

    @wraps(formatted)
    def format_once(text: str, **options: Any) -> Any:
        key = text, repr(options)
        if key not in known:
            while len(known) >= 4:  # A run has one text.
                known.pop(next(iter(known)))
            known[key] = formatted(text, **options)
        return known[key]

    mmengine.config.config.FormatCode = format_once


def wants_to_resume(runner: Runner) -> bool:
    """Whether a run was asked to go on from a checkpoint."""
    return runner._resume


def checkpoint_asked_for(runner: Runner) -> Optional[str]:
    """The checkpoint that a run was asked to begin or go on from."""
    return runner._load_from


def resume_from(runner: Runner, path: Optional[str]) -> None:
    """Let a run go on from a checkpoint, or begin if there is none."""
    runner._load_from, runner._resume = path, path is not None


@contextmanager
def at_epoch(runner: Runner, epoch: int) -> Iterator[None]:
    """Let a run by epochs believe that it is at another one."""
    loop = runner.train_loop
    now = loop._epoch
    loop._epoch = epoch
    try:
        yield
    finally:
        loop._epoch = now


def decide_val_interval(loop: Any) -> None:
    """Let a training loop find the interval of validation that holds now."""
    loop._decide_current_val_interval()


class EndlessIterator(_InfiniteDataloaderIterator):
    """What a run by iterations takes its batches from, at any place of the run: pass after pass of an endless sampler.

    mmengine's own restarts the loader after each pass and sleeps two seconds then. When a run is resumed it loads and
    drops all batches that the run has had (0.10), or none, and so goes on with the first ones (0.9).

    Args:
        dataloader (DataLoader): The loader; its sampler is a :class:`LabeledUnlabeledSampler`.
        batches (int): How many the run has had.
    """

    # The loop's own next() calls for those that the run has had.
    DROPS = 'range' in IterBasedTrainLoop.run.__code__.co_names

    def __init__(self, dataloader: Any, batches: int) -> None:
        self._dataloader = dataloader
        self._iterator: Any = None
        self._batches = batches
        self._to_drop = batches if self.DROPS else 0

    def skip_iter(self, num_iters: int) -> None:
        """Called by mmengine's fork to move on; it is there."""

    def __next__(self) -> Any:
        if self._to_drop:
            self._to_drop -= 1
            return None
        if self._iterator is None:  # Not before: stock hooks set the sampler's epoch when training begins.
            self._dataloader.sampler.go_on_endlessly(self._batches)
            self._iterator = iter(self._dataloader)
        return next(self._iterator)


def history(buffer: HistoryBuffer) -> np.ndarray:
    """The values that a buffer of the log has."""
    return buffer._log_history


def plain_dict(config: Config) -> dict:
    """The very dict that a config is around, to be changed in place."""
    return config._cfg_dict


class SavingHook(CheckpointHook):
    """mmengine's :class:`CheckpointHook` with one place around every writing of checkpoints."""

    @contextmanager
    def saving(self, runner: Runner) -> Iterator[None]:
        """Is entered around every writing of a checkpoint."""
        yield

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        with self.saving(runner):
            super()._save_checkpoint_with_step(runner, step, meta)

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        with self.saving(runner):
            super()._save_best_checkpoint(runner, metrics)


class ParsedMetaDataset(BaseDataset):
    """mmengine's :class:`BaseDataset` whose metainfo has been parsed before, and whose subsets are its index's own."""

    @classmethod
    def _load_metainfo(cls, metainfo: Optional[dict] = None) -> dict:
        return dict(metainfo or {})

    def _get_unserialized_subset(self, indices: Any) -> Any:
        if isinstance(indices, int):
            indices = slice(indices) if indices >= 0 else slice(indices, None)
        return self.data_list[indices]

    @property
    def is_initialized(self) -> bool:
        """bool: Whether the list has been loaded."""
        return self._fully_initialized

    @property
    def own_metainfo(self) -> dict:
        """dict: The metainfo itself, no copy."""
        return self._metainfo


def place_in_parts(dataset: ConcatDataset, index: int) -> Tuple[int, int]:
    """Which part of joined datasets has an index, and the index there."""
    return dataset._get_ori_dataset_idx(index)


# ---------------------------------------------------------------------- MMPose


def reads_own_format(dataset: BaseDataset) -> bool:
    """Whether a dataset's class reads files of another format than COCO's."""
    return type(dataset)._load_annotations is not BaseCocoStyleDataset._load_annotations


def load_annotations(dataset: BaseDataset) -> List[dict]:
    """The instances of a stock dataset's file, as its class reads it."""
    return dataset._load_annotations()[0]


def with_aspect_ratio(scale: np.ndarray, aspect_ratio: float) -> np.ndarray:
    """Boxes' widths and heights in shape (N, 2), the smaller side of each enlarged to an aspect ratio."""
    return TopdownAffine._fix_aspect_ratio(scale, aspect_ratio=aspect_ratio)


def unnormalized(preprocessor: PoseDataPreprocessor, images: Tensor) -> Tensor:
    """Images in shape (N, C, H, W) as they were before a preprocessor, float32, on the CPU; channels as it turned
    them."""
    images = images.float().cpu()
    if getattr(preprocessor, '_enable_normalize', False):
        images = images * preprocessor.std.cpu() + preprocessor.mean.cpu()
    return images


def turns_channels(preprocessor: PoseDataPreprocessor) -> bool:
    """Whether a preprocessor makes RGB of BGR."""
    return preprocessor._channel_conversion


def read_configs_by_name(package: str, folder: str) -> None:
    """Let a config inherit from those of a package of ours as ``'package::...'``, of which mmengine
    keeps a list.

    Args:
        package (str): The package's name.
        folder (str): Where it is; mmengine does not find packages that are installed as editable.
    """

    def knowing(get_installed_path: Callable[[str], str]) -> Callable[[str], str]:
        return wraps(get_installed_path)(lambda name: folder if name == package else get_installed_path(name))

    MODULE2PACKAGE[package] = package
    for module in (mmengine.config.config, mmengine.hub.hub):
        module.get_installed_path = knowing(module.get_installed_path)


def safe_numpy_globals() -> Dict[str, Any]:
    """What a pickle of numpy arrays and scalars names, by its name under numpy 1 and numpy 2."""
    core: Sequence[str] = ('numpy.core.multiarray', 'numpy._core.multiarray')
    multiarray = import_module(core[0] if np.__version__.startswith('1.') else core[1])
    return {f'{package}.{name}': getattr(multiarray, name) for package in core for name in ('_reconstruct', 'scalar')}


# ---------------------------------------------------------------------- numpy


def _draw_circles_of_one_radius() -> None:
    """MMPose 1.3.2 gives the radius of a joint as an array of one number, which numpy 2.5 takes for no number."""
    stock = OpencvBackendVisualizer.draw_circles

    @wraps(stock)
    def draw_circles(self: OpencvBackendVisualizer, center: Any, radius: Any, *args: Any, **kwargs: Any) -> Any:
        radius = float(np.ravel(radius)[0]) if self.backend == 'opencv' else radius
        return stock(self, center, radius, *args, **kwargs)

    OpencvBackendVisualizer.draw_circles = draw_circles


if digit_version(np.__version__) >= digit_version('2.0'):
    _draw_circles_of_one_radius()
