# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from abc import ABCMeta, abstractmethod
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

import torch
from mmengine.registry import Registry
from mmengine.structures import InstanceData
from mmpose.models.pose_estimators.base import BasePoseEstimator
from mmpose.registry import KEYPOINT_CODECS, MODELS
from torch import Tensor, nn

from mmpose_dualteach.models.adapters.kinds import KEYPOINT_KEYS, Refusal, loss_of
from mmpose_dualteach.models.utils.map_tensors import map_tensors
from mmpose_dualteach.models.view_pair import ViewPair
from mmpose_dualteach.utils.ancestors import ancestor
from mmpose_dualteach.utils.config_dicts import class_name, hashable

# Adapters, the last registered one that knows a head is taken.
ADAPTERS = Registry('output adapter', locations=['mmpose_dualteach.models.adapters'])


@dataclass
class Target:
    """What a lesson asks of the student on the hard view.

    Attributes:
        value (Any): The teacher's prediction, mapped to the hard view, in the form of an output or, where the kind
            says so, of joints.
        valid (Tensor): Which part of it counts, bool: cells in shape (N, 1, H, W), or joints in shape (N, K).
        weight (Tensor, optional): How much each joint counts in shape (N, K); None where all count alike.
    """

    value: Any
    valid: Tensor
    weight: Optional[Tensor] = None

    def detach(self) -> 'Target':
        """The same without a gradient."""
        return Target(detached(self.value), self.valid, None if self.weight is None else self.weight.detach())


class OutputAdapter(metaclass=ABCMeta):
    """Knows one kind of network output: what a prediction is, how it moves from the easy to the hard view, how it
    becomes a target and which loss compares.

    Args:
        head (dict): The head's config.
        loss (dict, optional): None: most kinds are taught by the head's own loss.
        redraw (bool): Whether labels of the joints are drawn anew, in place of heatmaps; of kinds without heatmaps they
            always are. Defaults to False.

    Raises:
        ValueError: If another loss is asked for; names the key.
    """

    # Class names of the heads and codecs of this kind, which covers their descendants.
    heads: Tuple[str, ...] = ()
    codecs: Tuple[str, ...] = ()
    # Methods that this adapter does over again: descendants that override them are not of this kind.
    head_methods: Tuple[str, ...] = ()
    codec_methods: Tuple[str, ...] = ('encode', 'decode', 'batch_decode')
    # Where lessons have a loss of their own: the stock losses that it is like; others' networks are not of this kind.
    losses: Tuple[str, ...] = ()
    # Every key of the codec that labels and predictions must share.
    codec_keys: Tuple[str, ...] = ('type', 'input_size')
    # Whether heatmaps are drawn anew as labels; of kinds without heatmaps they always are.
    redraw = False
    # Of outputs that are maps of the input: their size (width, height).
    size: Optional[Tuple[int, int]] = None
    # Whether outputs tell scores of joints by themselves, whoever else looks.
    tells_scores = True
    # Whether a gradient can reach the teacher.
    differentiable = True
    # Whether there is a mean of several networks at test time.
    averages = True
    # The mean score on labelled images below which a network knows too little for its scores to tell of a collapse.
    ripe = 0.0

    def __init__(self, head: dict, loss: Optional[dict] = None, redraw: bool = False) -> None:
        if loss:
            raise ValueError(
                f'model.pseudo_loss={loss}: {class_name(head)} has a loss of its own, by which it is taught; set '
                'model.unsup_weight instead'
            )
        self.codec = dict(self.codec_of(head))
        # What networks share whose outputs are alike, cell by cell.
        counts = [head.get(key) for key in KEYPOINT_KEYS]
        self.kin = hashable((type(self).__name__, class_name(head), self.codec, head.get('loss'), counts))

    # ------------------------------------------------------------------ which heads

    @classmethod
    def refusal(cls, head: dict) -> Optional[Refusal]:
        """Say why a head's config is not of this kind, or None if it is."""
        kind, codec = class_name(head), head.get('decoder') or {}
        if not ancestor(head, MODELS, cls.heads, cls.head_methods):
            return Refusal(f'model.head is {kind}')
        if not cls.codec_kind(codec):
            return Refusal(f'the codec of {kind} is {class_name(codec)}', 'codec')
        other = cls.other_loss(head)
        return Refusal(f'the loss of {kind} is {other}', 'loss') if other else None

    @classmethod
    def other_loss(cls, head: dict) -> Optional[str]:
        """The head's loss, or a stage's, if it is unlike that of this kind's lessons."""
        stock = loss_of(head)
        stages = stock if isinstance(stock, (list, tuple)) else [stock]
        unlike = [each for each in stages if cls.losses and not ancestor(each, MODELS, cls.losses, ('forward',))]
        return class_name(unlike[0]) if unlike else None

    @classmethod
    def codec_kind(cls, codec: dict) -> Optional[str]:
        """The stock codec that a codec's config asks for, or a descendant of which, if it is of this kind."""
        return ancestor(codec, KEYPOINT_CODECS, cls.codecs, cls.codec_methods)

    @classmethod
    def supports(cls) -> str:
        """Which heads and codecs this kind covers, for messages."""
        return f'{", ".join(cls.heads)} with {", ".join(cls.codecs)}'

    @classmethod
    def codec_of(cls, head: dict) -> dict:
        """The config of the codec that decodes the head's predictions."""
        return head.get('decoder') or {}

    # ------------------------------------------------------------------ lessons

    def output(self, network: BasePoseEstimator, images: Tensor) -> Any:
        """A network's raw output on input images in shape (N, C, H, W)."""
        return network(images, None, mode='tensor')

    def answer(self, network: BasePoseEstimator, images: Tensor) -> Any:
        """What a student's loss is computed from, on hard views in shape (N, C, H, W): by default its raw output."""
        return self.output(network, images)

    def said(self, network: BasePoseEstimator, answer: Any) -> Any:
        """The raw output that belongs to a student's answer, for pictures."""
        return answer

    @abstractmethod
    def joints(self, output: Any) -> Tuple[Tensor, Optional[Tensor]]:
        """Where an output sees the joints.

        Returns:
            Tuple[Tensor, Optional[Tensor]]: Joints (x, y) in input pixels in shape (N, K, 2), and scores in shape
            (N, K), 1 for an output as sharp as a label; None if this kind has no score of its own.
        """

    def scores(self, outputs: Mapping[Any, Any]) -> Dict[Any, Tensor]:
        """The joints' scores in several networks' outputs on the same images.

        Args:
            outputs (Mapping[Any, Any]): Outputs by network.

        Returns:
            Dict[Any, Tensor]: Scores in shape (N, K) by network; empty if nothing tells them.
        """
        scores = {key: self.joints(output)[1] for key, output in outputs.items()}
        return {key: value for key, value in scores.items() if value is not None}

    def joint_scores(self, outputs: Mapping[Any, Any], ensembles: Mapping[tuple, Any]) -> Dict[tuple, Tensor]:
        """The scores of what several teachers say together.

        Args:
            outputs (Mapping[Any, Any]): Outputs by teacher.
            ensembles (Mapping[tuple, Any]): What those of a lesson say together, by (teachers, how they are combined).

        Returns:
            Dict[tuple, Tensor]: The ensembles' own scores in shape (N, K), or, where the kind tells none, the mean of
            their teachers'; empty if nothing tells them.
        """
        own = {key: self.joints(ensemble)[1] for key, ensemble in ensembles.items()}
        told = {key: score for key, score in own.items() if score is not None}
        if len(told) == len(own):
            return told
        scores = self.scores(outputs)
        return {key: torch.stack([scores[teacher] for teacher in key[0]]).mean(dim=0) for key in ensembles if scores}

    @abstractmethod
    def mirrored(self, output: Any, flip_indices: Tensor) -> Any:
        """What an output on a mirrored input says of the input itself.

        Args:
            output (Any): The raw output on the mirrored input.
            flip_indices (Tensor): The joint that each joint becomes in a mirror, in shape (K,), on the output's device.

        Returns:
            Any: An output.
        """

    @abstractmethod
    def from_view(self, output: Any, views: ViewPair) -> Tuple[Any, Optional[Tensor]]:
        """What an output on another easy view says of the first one.

        Args:
            output (Any): The raw output on the other view.
            views (ViewPair): The map from the other view to the first.

        Returns:
            Tuple[Any, Optional[Tensor]]: An output, and which of its cells the other view showed, in shape (N, 1, H,
            W), bool; None where an output has no cells.
        """

    def on_images(self, points: Tensor, images: Tensor) -> Tensor:
        """Points in input pixels in shape (N, K, 2) as pixels of images in shape (N, C, H, W), which a data
        preprocessor may have resized."""
        return points

    def in_view(self, images: Tensor) -> Tensor:
        """Images in shape (N, C, H, W) in the size that points go by."""
        return images

    def checked(self, outputs: Mapping[Any, Any]) -> Dict[Any, Any]:
        """Outputs of several networks on the same images, each with the scores that are left beside the others; of most
        kinds a score is a network's own."""
        return dict(outputs)

    def aligned(self, outputs: Sequence[Any]) -> List[Any]:
        """Several outputs on the same images in a form in which one can be compared with another, part by part."""
        return list(outputs)

    def distance(self, one: Any, other: Any) -> Tensor:
        """How far apart two aligned outputs see each joint, in input pixels, in any shape."""
        return (self.joints(one)[0] - self.joints(other)[0]).norm(dim=-1)

    def blended(self, outputs: Sequence[Any], shares: Sequence[Tensor]) -> Any:
        """The mean of several outputs on the same images, in which each has a share of each joint.

        Args:
            outputs (Sequence[Any]): The outputs.
            shares (Sequence[Tensor]): The share of each in shape (N, K), or of each cell in shape (N, K, H, W).

        Returns:
            Any: An output, in float32.
        """
        if isinstance(outputs[0], (list, tuple)):
            return type(outputs[0])(self.blended(parts, shares) for parts in zip(*outputs))
        return sum(
            output.float() * share.reshape(*share.shape, *[1] * (output.dim() - share.dim()))
            for output, share in zip(outputs, shares)
        )

    def places(self, output: Any) -> Tensor:
        """Where an output sees the joints (x, y) in input pixels in shape (N, K, 2), between cells where it has cells:
        to compare teachers by."""
        return self.joints(output)[0]

    def target(self, output: Any, weight: Optional[Tensor], views: ViewPair) -> Target:
        """What a teacher's output on the easy view asks on the hard view.

        Args:
            output (Any): The teacher's raw output.
            weight (Tensor, optional): How much each of its joints counts, on the easy view, in shape (N, K).
            views (ViewPair): The map between the views.

        Returns:
            Target: The target.
        """
        target = self.move(output, views)
        if weight is not None:
            weight = views.swap_sides(weight)
            target.weight = weight if target.weight is None else weight * target.weight
        if views.has_counterpart is not None:
            every = torch.ones(views.has_counterpart.shape, device=target.valid.device)
            target.weight = views.of_counterparts(every if target.weight is None else target.weight)
        return target

    @abstractmethod
    def move(self, output: Any, views: ViewPair) -> Target:
        """Map a teacher's output from the easy to the hard view."""

    @abstractmethod
    def loss(self, network: BasePoseEstimator, output: Any, target: Target) -> Tensor:
        """The scalar loss of a student ``network``'s answer on the hard view."""

    def stock_loss(self, network: BasePoseEstimator, images: Tensor, samples: Sequence) -> Dict[str, Any]:
        """A network's own losses on images in shape (N, C, H, W) with labels, by name.

        Raises:
            TypeError: If the network's ``loss()`` gives something else; names its class.
        """
        losses: Any = network(images, samples, mode='loss')
        if not isinstance(losses, dict):
            raise TypeError(
                f'{type(network).__name__}.loss() gives a {type(losses).__name__}, mutual teaching needs losses by '
                "name, as MMPose's own estimators give them; let a subclass give them alone, and name it as model.type"
            )
        return losses

    # ------------------------------------------------------------------ test time

    def answers_for(self, head: dict) -> bool:
        """Whether :meth:`predict` gives what a network with such a head predicts by itself."""
        return True

    @abstractmethod
    def predict(self, network: BasePoseEstimator, images: Tensor, samples: Sequence) -> Tuple[List[InstanceData], Any]:
        """A network's stock prediction, test-time augmentation included, and what :meth:`decode_mean` needs of it."""

    @abstractmethod
    def decode_mean(self, network: BasePoseEstimator, outputs: Sequence[Any]) -> List[InstanceData]:
        """Decode the mean of several networks' outputs as ``network`` decodes its own."""

    # ------------------------------------------------------------------ looking

    @abstractmethod
    def heat(self, output: Any, size: Tuple[int, int]) -> Tensor:
        """Where an output is warm, for pictures: over all joints, in shape (N, height, width) of input pixels."""

    def target_joints(self, target: Target) -> Tuple[Tensor, Optional[Tensor]]:
        """Where a target sees the joints; see :meth:`joints`."""
        return self.joints(target.value)

    def target_heat(self, target: Target, size: Tuple[int, int]) -> Tensor:
        """Where a target is warm; see :meth:`heat`."""
        return self.heat(target.value, size)

    def known(self, target: Target, size: Tuple[int, int]) -> Optional[Tensor]:
        """Which pixels of the hard view have a target, in shape (N, height, width), bool; None for all."""
        return None

    @contextmanager
    def watch(self, network: BasePoseEstimator) -> Iterator[list]:
        """Collect, while inside, the outputs that the network's own ``loss()`` computes its loss from; the last one is
        the network's answer.

        Stock heads do not return them, and another forward pass would change batch-norm statistics.
        """
        outputs: list = []
        modules = self.loss_modules(network)
        handles = [
            module.register_forward_pre_hook(lambda _, arguments: outputs.append(detached(self.watched(arguments))))
            for module in modules
        ]
        try:
            yield outputs
        finally:
            for handle in handles:
                handle.remove()

    def loss_modules(self, network: BasePoseEstimator) -> List[nn.Module]:
        """The modules that a network's stock ``loss()`` hands its output to."""
        module = network.head.loss_module
        return list(module) if isinstance(module, nn.ModuleList) else [module]

    def watched(self, arguments: tuple) -> Any:
        """The output among the arguments of a loss module."""
        return arguments[0]


def detached(output: Any) -> Any:
    """An output without its gradient, whatever it is made of."""
    return map_tensors(output, Tensor.detach)


def first_instances(output: Any, count: int) -> Any:
    """The part of an output that belongs to the first instances of the batch."""
    return map_tensors(output, lambda part: part[:count])


def stock_predictions(network: BasePoseEstimator, images: Tensor, samples: Sequence) -> List[InstanceData]:
    """What a network's head predicts at test time, without heatmaps."""
    instances = network.head.predict(features_for_test(network, images), samples, test_cfg=network.test_cfg)
    return instances[0] if isinstance(instances, tuple) else instances


def features_for_test(network: BasePoseEstimator, images: Tensor) -> Any:
    """A network's features as its head's ``predict()`` wants them, those of the mirrored images too where the config
    has a flip test."""
    features = network.extract_feat(images)
    if network.test_cfg.get('flip_test', False):
        return [features, network.extract_feat(images.flip(-1))]
    return features
