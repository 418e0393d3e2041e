# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""A training step against its floor: the same networks doing nothing but forward and backward passes."""

import copy
import statistics
import time
from contextlib import nullcontext
from itertools import product
from typing import Any, Callable, ContextManager, Dict, List

import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.runner import Runner
from mmpose.registry import MODELS
from torch import Tensor

from mmpose_dualteach.methods import DEFAULT
from mmpose_dualteach.switch import mutual_teaching
from mmpose_dualteach.utils.bfloat16 import autocast_dtype
from mmpose_dualteach.utils.branches import EASY, HARD, LABELED, easy_view
from mmpose_dualteach.utils.mmpose_files import read_stock_config

STOCK = 'body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py'
CHANNELS = {18: 512, 50: 2048}


class Setup:
    """A switched stock config on drawn people, with one batch.

    Args:
        ann_file (str): Of :func:`draw_images`.
        folder (str): Its folder.
        depth (int): Of the ResNet.
        instances (int): Labelled instances in a batch, and unlabelled ones as many.
        device (str): Where to.
        amp (bool): Whether to train under mmengine's AMP, on GPUs. Defaults to False.
        method (str): The method. Defaults to the package's default.
        **model: Arguments of the wrapper.
    """

    def __init__(
        self,
        ann_file: str,
        folder: str,
        depth: int,
        instances: int,
        device: str,
        amp: bool = False,
        method: str = DEFAULT,
        **model: Any,
    ) -> None:
        stock = read_stock_config(STOCK)
        source = dict(data_root='', ann_file=ann_file, data_prefix=dict(img=folder))
        small = dict(backbone=dict(depth=depth, init_cfg=None), head=dict(in_channels=CHANNELS[depth]))
        stock.merge_from_dict(dict(model=small))
        config = Config(stock.to_dict())
        config.merge_from_dict(
            mutual_teaching(
                stock, labeled=source, unlabeled=source, batch=(instances, instances), method=method, model=model
            )
        )
        loader = dict(config.train_dataloader, num_workers=0, persistent_workers=False)
        torch.manual_seed(0)
        self.batch = next(iter(Runner.build_dataloader(loader, seed=0)))
        self.model = MODELS.build(config.model)
        self.model.init_weights()
        self.model.to(device).train()
        wrapper = dict(type='AmpOptimWrapper', loss_scale=1024.0) if amp else dict(type='OptimWrapper')
        self.optim = build_optim_wrapper(self.model, dict(wrapper, optimizer=dict(type='SGD', lr=0.0)))
        # The optimizer's time is neither the method's nor the floor's.
        self.optim.step = self.optim.zero_grad = lambda **_: None
        self.amp = amp
        prepared = self.model.data_preprocessor(copy.deepcopy(self.batch), True)['inputs']
        self.images = self.model.in_format(prepared)
        self.next_batch: List[dict] = []

    def before(self) -> None:
        """What a loader has done before a step."""
        self.next_batch = [copy.deepcopy(self.batch)]
        self.model.zero_grad(set_to_none=True)

    def step(self) -> None:
        """The product's step: preprocessing, losses, gradients."""
        self.model.train_step(self.next_batch.pop(), self.optim)

    def floor(self) -> None:
        """The method's passes and nothing else: forward and backward on the labelled batch for each network, forward on
        the easy one for each teacher, forward and backward on the hard one for each path of each lesson."""
        for name in self.model.learning:
            self._learn(self.model.networks[name], self.images[LABELED])
        with torch.no_grad():
            for teacher in self.model.teachers:
                with self._precision():
                    network = self.model.teacher_weights[teacher.source]
                    network(self.images[easy_view(teacher.view)], None, mode='tensor')
        for lesson, _ in product(self.model.lessons, self.model.paths):
            self._learn(self.model.networks[lesson.student], self.images[HARD])

    def _learn(self, network: torch.nn.Module, images: Tensor) -> None:
        with self._precision():
            loss = network(images, None, mode='tensor').float().square().mean()
        loss.backward()

    def _precision(self) -> ContextManager:
        device = self.images[EASY].device.type
        if self.amp:
            return torch.autocast(device, torch.float16)
        dtype = autocast_dtype(self.model.autocast, device)
        return torch.autocast(device, dtype) if dtype else nullcontext()


def seconds(action: Callable[[], None], before: Callable[[], None]) -> float:
    """How long an action takes."""
    before()
    _wait()
    begin = time.perf_counter()
    action()
    _wait()
    return time.perf_counter() - begin


def compare(one: Callable[[], float], other: Callable[[], float], rounds: int) -> Dict[str, float]:
    """Measure two things in turn.

    Args:
        one (Callable): Gives its seconds.
        other (Callable): Likewise.
        rounds (int): How often; a first time is left out.

    Returns:
        Dict[str, float]: ``ratio``, the median over rounds of one's time over the other's, and the median times.
    """
    pairs = []
    for number in range(rounds + 1):
        # In turns the first, since what follows a large allocation is not what precedes it.
        pairs.append((one(), other()) if number % 2 else (other(), one())[::-1])
    pairs = pairs[1:]
    return dict(
        ratio=statistics.median(a / b for a, b in pairs),
        one=statistics.median(a for a, _ in pairs),
        other=statistics.median(b for _, b in pairs),
    )


def step_over_floor(setup: Setup, rounds: int) -> Dict[str, float]:
    """The product's step time over the floor's; see :func:`compare`."""
    return compare(lambda: seconds(setup.step, setup.before), lambda: seconds(setup.floor, setup.before), rounds)


def time_over(one: Setup, other: Setup, rounds: int) -> Dict[str, float]:
    """One setup's step time over another's; see :func:`compare`."""
    return compare(lambda: seconds(one.step, one.before), lambda: seconds(other.step, other.before), rounds)


def memory_over_floor(setup: Setup) -> Dict[str, float]:
    """The peak of what the product's step holds over the peak of what the floor holds, weights left out of both and the
    batch's images counted in both."""
    device = setup.images[EASY].device.type
    ours, floor = (peak_bytes(action, setup.before, device) for action in (setup.step, setup.floor))
    floor += sum(images.numel() * images.element_size() for images in setup.images.values())
    return dict(ratio=ours / floor, ours_mb=ours / 1e6, floor_mb=floor / 1e6)


def peak_bytes(action: Callable[[], None], before: Callable[[], None], device: str) -> float:
    """The most bytes that an action holds at a time on a device, of what it allocates itself."""
    before()
    if device == 'cuda':
        _wait()
        base = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        action()
        _wait()
        return torch.cuda.max_memory_allocated() - base
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        action()
    events = [event for event in profile.profiler.kineto_results.events() if event.name() == '[memory]']
    held = most = 0
    for size in [event.nbytes() for event in sorted(events, key=_began)]:
        held += size
        most = max(most, held)
    return most


def _began(event) -> int:
    return event.start_ns() if hasattr(event, 'start_ns') else event.start_us()  # torch before 2.4.


def synchronisations(setup: Setup) -> Dict[str, int]:
    """How often the product's step, and stock MMPose's on the labelled batch, wait for the GPU."""
    import warnings

    counts = {}
    network = next(iter(setup.model.networks.values()))
    network.train_cfg['compute_acc'] = True
    labeled = {key: [each for each in branches[LABELED] if each is not None] for key, branches in setup.batch.items()}

    def stock() -> None:
        data = setup.model.data_preprocessor.data_preprocessor(copy.deepcopy(labeled), True)
        network.loss(data['inputs'], data['data_samples'])

    for name, action in (('ours', setup.step), ('stock', stock)):
        setup.before()
        _wait()
        torch.cuda.set_sync_debug_mode('warn')
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter('always')
                action()
        finally:
            torch.cuda.set_sync_debug_mode('default')
        counts[name] = sum('synchroniz' in str(each.message) for each in caught)
    return counts


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
