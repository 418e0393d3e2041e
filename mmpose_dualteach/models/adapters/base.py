# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from abc import ABCMeta, abstractmethod
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Iterator, List, Optional, Sequence, Tuple

from mmengine.structures import InstanceData
from torch import Tensor, nn

from ..views import ViewPair


@dataclass
class Target:
    """What a lesson asks of the student on the hard view.

    Attributes:
        value (Any): The teacher's prediction, mapped to the hard view.
        valid (Tensor): Which part of it counts, bool.
    """
    value: Any
    valid: Tensor


class OutputAdapter(metaclass=ABCMeta):
    """Knows one kind of network output: what a prediction is, how it moves from the easy to the hard view, how it
    becomes a target and which loss compares.

    Args:
        head (dict): The head's config.
    """

    def __init__(self, head: dict) -> None:
        self.codec = dict(head['decoder'])

    @staticmethod
    @abstractmethod
    def refusal(head: dict) -> Optional[str]:
        """Say why a head's config is not of this kind, or None if it is."""

    def output(self, network: nn.Module, images: Tensor) -> Any:
        """A network's raw output on input images in shape (N, C, H, W)."""
        return network(images, None, mode='tensor')

    @abstractmethod
    def move(self, output: Any, views: ViewPair) -> Target:
        """Map a teacher's output from the easy to the hard view."""

    @abstractmethod
    def loss(self, output: Any, target: Target) -> Tensor:
        """The scalar loss of a student's output on the hard view."""

    @abstractmethod
    def joints(self, output: Any) -> Tuple[Tensor, Tensor]:
        """Where an output sees the joints.

        Returns:
            Tuple[Tensor, Tensor]: Joints (x, y) in input pixels in shape (N, K, 2) and scores in shape (N, K).
        """

    @abstractmethod
    def heat(self, output: Any, size: Tuple[int, int]) -> Tensor:
        """Where an output is warm, for pictures: over all joints, in shape (N, height, width) of input pixels."""

    @abstractmethod
    def predict(self, network: nn.Module, images: Tensor, samples: Sequence) -> Tuple[List[InstanceData], Any]:
        """A network's stock prediction, test-time augmentation included, and the output it was decoded from."""

    @abstractmethod
    def decode_mean(self, network: nn.Module, outputs: Sequence[Any]) -> List[InstanceData]:
        """Decode the mean of several networks' outputs as ``network`` decodes its own."""

    @contextmanager
    def watch(self, network: nn.Module) -> Iterator[list]:
        """Collect, while inside, the outputs that the network's own ``loss()`` computes its loss from.

        Stock heads do not return them, and another forward pass would change batch-norm statistics.
        """
        outputs: list = []
        handle = network.head.loss_module.register_forward_pre_hook(
            lambda module, arguments: outputs.append(arguments[0].detach()))
        try:
            yield outputs
        finally:
            handle.remove()
