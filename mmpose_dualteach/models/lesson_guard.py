# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from typing import Dict, Hashable, List, Optional, Sequence

import torch
from torch import Tensor, nn


class LessonGuard:
    """Keep a lesson whose loss is not finite from reaching the networks, and count such lessons.

    Its gradient, and what it did to the running statistics of batch norm in teacher and student, is taken back. On a
    GPU that is done on the device, since asking the host whether a loss is finite would wait for the device at every
    step.

    Args:
        networks (Dict[Hashable, nn.Module]): The networks and averages that take part, by name.
    """

    def __init__(self, networks: Dict[Hashable, nn.Module]) -> None:
        self._networks = networks
        self._gate: Optional[Tensor] = None
        self._gated = False
        self._counts: Dict[str, Tensor] = {}
        self._statistics: Dict[Hashable, Tensor] = {}
        self._bad: Dict[Hashable, List[Tensor]] = {}

    def begin(self) -> None:
        """Remember the running statistics before the lessons of a step."""
        self._statistics = {name: torch.cat([each.flatten() for each in _statistics(network)] or [torch.empty(0)])
                            for name, network in self._networks.items()}
        self._bad = {}

    def passed(self, loss: Tensor, networks: Sequence[Hashable], student: str, on_device: bool) -> Tensor:
        """A lesson's loss, 0 where it is not finite.

        Args:
            loss (Tensor): A scalar.
            networks (Sequence[Hashable]): Who takes part in the lesson.
            student (str): Who learns.
            on_device (bool): Whether the gradient will be taken before :meth:`open` is called, and of nothing else.

        Returns:
            Tensor: A scalar; without a graph where it is known to be not finite.
        """
        bad = ~torch.isfinite(loss.detach())
        count = self._counts.setdefault(student, torch.zeros(2, dtype=torch.long, device=loss.device))
        # In all, and in a row.
        self._counts[student] = torch.stack((count[0] + bad, (count[1] + 1) * bad))
        for name in networks:
            self._bad.setdefault(name, []).append(bad)
        if on_device:
            self._close(bad)
            return torch.where(bad, torch.zeros_like(loss), loss)
        return torch.zeros_like(loss.detach()) if bad else loss

    def open(self) -> None:
        """Let gradients through again."""
        self._gate = None

    def end(self, on_device: bool) -> None:
        """Take back what bad lessons did to the running statistics."""
        for name, found in self._bad.items():
            bad = torch.stack(found).any()
            if on_device or bad:
                statistics = _statistics(self._networks[name])
                if not statistics:
                    continue
                now = torch.cat([each.flatten() for each in statistics])
                kept = torch.where(bad, self._statistics[name], now).split([each.numel() for each in statistics])
                kept = [new.view_as(old) for new, old in zip(kept, statistics)]
                if on_device:
                    torch._foreach_copy_(statistics, kept)
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
        return None if self._gate is None else torch.where(self._gate, torch.zeros_like(gradient), gradient)


def _statistics(network: nn.Module) -> List[Tensor]:
    return [buffer for buffer in network.buffers() if buffer.is_floating_point()]
