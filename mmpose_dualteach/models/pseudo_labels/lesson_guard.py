# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Mapping, Optional

import torch
from torch import Tensor, nn

from mmpose_dualteach import compat
from mmpose_dualteach.models.pseudo_labels.lessons import Lesson, Teacher


class LessonGuard:
    """Keep a lesson whose loss is not finite from reaching the networks, and count such lessons.

    Its gradient, and what it did to the running statistics of batch norm in teacher and student, is taken back. On a
    GPU that is done on the device, since asking the host whether a loss is finite would wait for the device at every
    step.

    Args:
        networks (Mapping[Teacher, nn.Module]): The networks and averages that take part.
    """

    def __init__(self, networks: Mapping[Teacher, Any]) -> None:
        self._networks = networks
        self._gate: Optional[Tensor] = None
        self._gated = False
        self._on_device = False
        self._counts: Dict[str, Tensor] = {}
        self._statistics: Dict[Teacher, Tensor] = {}
        self._bad: Dict[Teacher, List[Tensor]] = {}

    @contextmanager
    def step(self, on_device: bool) -> Iterator[None]:
        """The lessons of one step: remember the running statistics, and take back what bad lessons did to them.

        Args:
            on_device (bool): Whether gradients will be taken before :meth:`open` is called, and of nothing else.
        """
        self._on_device = on_device
        self._statistics = {
            name: torch.cat([each.flatten() for each in _statistics(network)] or [torch.empty(0)])
            for name, network in self._networks.items()
        }
        self._bad = {}
        yield
        self._take_back()

    def passed(self, loss: Tensor, lesson: Lesson) -> Tensor:
        """A lesson's loss, 0 where it is not finite.

        Args:
            loss (Tensor): A scalar.
            lesson (Lesson): The lesson.

        Returns:
            Tensor: A scalar; without a graph where it is known to be not finite.
        """
        bad = ~torch.isfinite(loss.detach())
        count = self._counts.setdefault(lesson.student, torch.zeros(2, dtype=torch.long, device=loss.device))
        # In all, and in a row.
        self._counts[lesson.student] = torch.stack((count[0] + bad, (count[1] + 1) * bad))
        for network in {teacher.source for teacher in lesson.teachers} | {Teacher(lesson.student)}:
            self._bad.setdefault(network, []).append(bad)
        if self._on_device:
            self._close(bad)
            return torch.where(bad, torch.zeros_like(loss), loss)
        return torch.zeros_like(loss.detach()) if bad else loss

    def open(self) -> None:
        """Let gradients through again."""
        self._gate = None

    def _take_back(self) -> None:
        for name, found in self._bad.items():
            bad = torch.stack(found).any()
            if self._on_device or bad:
                statistics = _statistics(self._networks[name])
                if not statistics:
                    continue
                now = torch.cat([each.flatten() for each in statistics])
                kept = torch.where(bad, self._statistics[name], now).split([each.numel() for each in statistics])
                kept = [new.view_as(old) for new, old in zip(kept, statistics)]
                if self._on_device:
                    compat.copy_all(statistics, kept)
                    continue
                for old, new in zip(statistics, kept):
                    old.data = new.clone()  # Written to in place, they would fail a backward pass that is to come.
        self._statistics, self._bad = {}, {}

    def counts(self) -> Dict[str, List[int]]:
        """How many lessons of each student were skipped, in all and in a row until now."""
        return {student: count.tolist() for student, count in self._counts.items()}

    def _close(self, bad: Tensor) -> None:
        self._gate = bad if self._gate is None else self._gate | bad
        if not self._gated:
            for network in self._networks.values():
                for parameter in network.parameters():
                    if parameter.requires_grad:
                        parameter.register_hook(self._let_through)
            self._gated = True

    def _let_through(self, gradient: Tensor) -> Optional[Tensor]:
        return None if self._gate is None else gradient.masked_fill(self._gate, 0)


def _statistics(network: nn.Module) -> List[Tensor]:
    return [buffer for buffer in network.buffers() if buffer.is_floating_point()]
