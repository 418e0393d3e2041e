# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Mapping, Set

import torch
from torch import Tensor, nn

from mmpose_dualteach.models.pseudo_labels.lessons import Lesson, Teacher


class LessonGuard:
    """Keep a lesson whose loss is not finite from reaching the networks, and count such lessons.

    It is not given, and what it did to the running statistics of batch norm in teacher and student is taken back: those
    of easy views are then what they were before the step. To know it the host waits for the device once a lesson,
    between its passes forward and backward, which costs less than a gate for the gradient of every parameter.

    Args:
        networks (Mapping[Teacher, nn.Module]): The networks and averages that take part.
    """

    def __init__(self, networks: Mapping[Teacher, Any]) -> None:
        self._networks = networks
        self._counts: Dict[str, List[int]] = {}
        self._bad: Set[Teacher] = set()

    @contextmanager
    def step(self) -> Iterator[None]:
        """The lessons of one step: remember the running statistics, and take back what bad lessons did to them."""
        self._bad = set()
        before = {
            name: torch.cat([each.flatten() for each in _statistics(network)] or [torch.empty(0)])
            for name, network in self._networks.items()
        }
        yield
        for name in self._bad:
            statistics = _statistics(self._networks[name])
            for now, kept in zip(statistics, before[name].split([each.numel() for each in statistics])):
                # Without autograd's notice, which would fail a backward pass to come; in place, since averages hold it.
                now.data.copy_(kept.view_as(now))

    def passed(self, loss: Tensor, lesson: Lesson) -> Tensor:
        """A lesson's loss, 0 without a graph where it is not finite.

        Args:
            loss (Tensor): A scalar.
            lesson (Lesson): The lesson.

        Returns:
            Tensor: A scalar.
        """
        count = self._counts.setdefault(lesson.student, [0, 0])
        if torch.isfinite(loss.detach()):
            count[1] = 0
            return loss
        self._counts[lesson.student] = [each + 1 for each in count]
        self._bad.update({teacher.source for teacher in lesson.teachers} | {Teacher(lesson.student)})
        return torch.zeros_like(loss.detach())

    def counts(self) -> Dict[str, List[int]]:
        """How many lessons of each student were skipped, in all and in a row until now."""
        return {student: list(count) for student, count in self._counts.items()}


def _statistics(network: nn.Module) -> List[Tensor]:
    return [buffer for buffer in network.buffers() if buffer.is_floating_point()]
