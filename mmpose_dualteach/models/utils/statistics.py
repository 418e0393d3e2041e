# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from contextlib import nullcontext
from typing import Any, ContextManager, List, Mapping

from torch import nn

from mmpose_dualteach.models.utils.modes import kept_running_statistics, renewed_running_statistics
from mmpose_dualteach.utils.branches import HARD

KINDS = ('easy', 'labeled', 'all')


class RunningStatistics:
    """Of which images batch norm's running statistics are, in networks that see easy views themselves.

    Args:
        kind (str): ``'easy'``: in backbone and neck of easy views alone; ``'labeled'``: of labelled images alone, heads
            included; ``'all'``: of all images.
        networks (Mapping[str, nn.Module]): Those networks by name.
        teachers (Mapping[str, nn.Module]): These, and those that teach by their average or a snapshot, which has its
            network's statistics.

    Raises:
        ValueError: If there is no such kind.
    """

    def __init__(self, kind: str, networks: Mapping[str, nn.Module], teachers: Mapping[str, nn.Module]) -> None:
        check_statistics(kind)
        self.kind = kind
        self.networks = teachers if kind == 'labeled' else networks
        self.teachers = teachers
        self._renewing = False

    def kept_from(self, branch: str) -> ContextManager:
        """Keep a branch's images out of the statistics that others make. It holds for as long as gradients are taken:
        checkpointed blocks run forward again in the backward pass."""
        networks = self.networks.values()
        if self.kind == 'easy':
            return kept_running_statistics(part for network in networks for part in feature_extractor(network))
        return kept_running_statistics(networks if self.kind == 'labeled' and branch == HARD else ())

    def turn_to_labels(self, renew: bool) -> None:
        """Be of labelled images from now on; ``renew`` them by the next batch, where they have been of others."""
        self.kind, self.networks, self._renewing = 'labeled', self.teachers, renew

    def of_labeled(self, name: str) -> ContextManager:
        """Around a network's pass over labelled images."""
        renewing = self._renewing and name in self.networks
        return renewed_running_statistics(self.networks[name]) if renewing else nullcontext()

    def labeled_done(self) -> bool:
        """All networks have seen the labelled batch; whether it has renewed their statistics."""
        renewed, self._renewing = self._renewing, False
        return renewed


def check_statistics(kind: str) -> None:
    """Refuse a kind of running statistics that there is not.

    Raises:
        ValueError: Names the key.
    """
    if kind not in KINDS:
        raise ValueError(f"model.statistics={kind!r}; choose 'easy', 'labeled' or 'all'")


def feature_extractor(network: Any) -> List[nn.Module]:
    """Backbone and, where there is one, neck: what runs on every image, whatever a network is asked."""
    return [part for part in (network.backbone, getattr(network, 'neck', None)) if part is not None]
