# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import copy
from typing import Any, Collection, Dict, Iterator, List, Mapping, Tuple

from mmengine.model import ExponentialMovingAverage
from torch import nn

from mmpose_dualteach.models.pseudo_labels.lessons import EMA, OWN, SNAPSHOT, Teacher


class TeacherCopies(nn.Module):
    """Copies of networks that teach in their place: moving averages, and snapshots of a while ago.

    The hook begins, averages and renews them; before it does they are as the networks were built.

    Args:
        networks (Mapping[str, nn.Module]): All networks by name.
        teachers (Collection[Teacher]): Who teaches.
    """

    def __init__(self, networks: Mapping[str, nn.Module], teachers: Collection[Teacher]) -> None:
        super().__init__()
        self.averages: Any = nn.ModuleDict(
            {name: ExponentialMovingAverage(networks[name], update_buffers=True) for name in taught_with(EMA, teachers)}
        )
        self.snapshots: Any = nn.ModuleDict(
            {name: copy.deepcopy(networks[name]).requires_grad_(False) for name in taught_with(SNAPSHOT, teachers)}
        )

    def weights_of(self, networks: Mapping[str, nn.Module]) -> Dict[Teacher, nn.Module]:
        """All that may teach, the networks themselves among it, by :attr:`Teacher.source`."""
        return {
            **{Teacher(name, OWN): network for name, network in networks.items()},
            **{Teacher(name, EMA): average.module for name, average in self.averages.items()},
            **{Teacher(name, SNAPSHOT): snapshot for name, snapshot in self.snapshots.items()},
        }

    def begin(self, networks: Mapping[str, nn.Module]) -> None:
        """Before the first step of a run, begun or resumed: averages that have not begun begin with their networks."""
        for name, average in self.averages.items():
            # mmengine's average goes on writing into the tensors that it had before it was moved to a device.
            average.avg_parameters = average.module.state_dict()
            if average.steps == 0:
                average.update_parameters(networks[name])

    def average(self, networks: Mapping[str, nn.Module], momentum: float) -> None:
        """After a step: the averages take in this share of their networks, buffers included."""
        for name, average in self.averages.items():
            average.momentum = momentum
            average.update_parameters(networks[name])

    def take_snapshots(self, networks: Mapping[str, nn.Module]) -> None:
        """Renew the snapshots."""
        for name, snapshot in self.snapshots.items():
            snapshot.load_state_dict(networks[name].state_dict())

    def take_buffers(self, networks: Mapping[str, nn.Module]) -> None:
        """Normalise as the networks do from now on."""
        for name, copied in self._copied():
            for own, theirs in zip(networks[name].buffers(), copied.buffers()):
                if own.is_floating_point():
                    theirs.copy_(own)

    def _copied(self) -> Iterator[Tuple[str, nn.Module]]:
        yield from ((name, average.module) for name, average in self.averages.items())
        yield from self.snapshots.items()


def taught_with(weights: str, teachers: Collection[Teacher]) -> List[str]:
    """Names of the networks that teach with such weights, in order."""
    return sorted({teacher.network for teacher in teachers if teacher.weights == weights})
