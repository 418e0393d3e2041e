# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from contextlib import contextmanager
from typing import Iterable, Iterator

from mmpose.models.heads import BaseHead
from torch import nn

from mmpose_dualteach import compat


@contextmanager
def evaluation_mode(network: nn.Module) -> Iterator[None]:
    """Put a network into evaluation mode, and each of its modules back into its own mode afterwards."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


@contextmanager
def heads_in_mode(network: nn.Module, training: bool) -> Iterator[None]:
    """Put a network's heads themselves, without what is in them, into training or evaluation mode: some answer with all
    their levels in training and with the last one in evaluation, and their ``loss()`` and ``predict()`` go by that."""
    head = getattr(network, 'head', None)
    modes = [
        (module, module.training) for module in network.modules() if isinstance(module, BaseHead) or module is head
    ]
    for module, _ in modes:
        module.training = training
    try:
        yield
    finally:
        for module, before in modes:
            module.training = before


@contextmanager
def kept_running_statistics(networks: Iterable[nn.Module]) -> Iterator[None]:
    """Batch norm goes on normalising by each batch's own statistics, and leaves its running ones as they are."""
    norms = [module for network in networks for module in network.modules() if isinstance(module, compat.BATCH_NORM)]
    tracking = [norm for norm in norms if norm.track_running_stats]
    for norm in tracking:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in tracking:
            norm.track_running_stats = True


@contextmanager
def renewed_running_statistics(network: nn.Module) -> Iterator[None]:
    """Batch norm's running statistics become those of the batch that comes, whatever they were."""
    norms = [module for module in network.modules() if isinstance(module, compat.BATCH_NORM)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta):
            norm.momentum = momentum
