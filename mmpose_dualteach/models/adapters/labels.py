# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import copy
from abc import abstractmethod
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Iterator, List, Sequence, Tuple

import torch
from mmengine.dist import is_distributed
from mmengine.structures import InstanceData
from mmpose.models.pose_estimators.base import BasePoseEstimator
from mmpose.registry import TRANSFORMS
from mmpose.structures import PoseDataSample
from torch import Tensor

from mmpose_dualteach.models.adapters.base import OutputAdapter, Target, detached, stock_predictions
from mmpose_dualteach.models.utils.float_outputs import float_outputs
from mmpose_dualteach.models.utils.modes import evaluation_mode
from mmpose_dualteach.models.utils.stock_losses import tensors_of
from mmpose_dualteach.models.view_pair import ViewPair


@dataclass
class LabelTarget(Target):
    """A target that has been made into labels.

    Attributes:
        samples (List[PoseDataSample]): The hard views with labels.
        share (float): How much the loss counts, where labels cannot say it of each joint; 0 where there are none.
    """

    samples: List[PoseDataSample] = field(default_factory=list)
    share: float = 1.0

    def detach(self) -> 'LabelTarget':
        return replace(self)  # Keypoints have no graph.


OTHER_LABELS = (
    'Does it need more than joints? Then register an adapter for this head, or name that of a head it descends from as '
    'model.adapter, see docs/models.md'
)


class LabelsAdapter(OutputAdapter):
    """Heads that are taught as their stock pipelines teach them: what a teacher's ``predict()`` finds becomes pseudo
    ground truth, goes through the config's own ``GenerateTarget``, and the student's own ``loss()`` compares.

    Args:
        head (dict): The head's config.
        input_size (Sequence[int]): Input size (width, height).
        labels (Sequence[dict]): What the labelled pipeline makes labels of keypoints with: ``GenerateTarget`` and
            ``PackPoseInputs``.
        **options: Of :class:`OutputAdapter`.

    Raises:
        ValueError: As :class:`OutputAdapter`, or if labels or input size are missing; names the key.
    """

    codec_keys: Tuple[str, ...] = ('type', 'input_size')
    differentiable = False

    def __init__(self, head: dict, input_size: Sequence[int] = (), labels: Sequence[dict] = (), **options) -> None:
        super().__init__(head, **options)
        if len(input_size) != 2 or not labels:
            raise ValueError(
                f'model.keypoint_labels: {type(self).__name__} needs input_size and labels, the GenerateTarget and '
                'PackPoseInputs of the training pipeline; switch the stock config anew'
            )
        self.input_size = tuple(input_size)
        self.labels = [TRANSFORMS.build(dict(transform)) for transform in labels]

    @classmethod
    def codec_of(cls, head: dict) -> dict:
        return head.get('decoder') or {}

    # ------------------------------------------------------------------ lessons

    def output(self, network: BasePoseEstimator, images: Tensor) -> Any:
        seen: list = []
        if type(network).forward is not BasePoseEstimator.forward:  # What it does to images before, nobody else knows.
            with kept_features(network) as seen, torch.no_grad():
                network(images, None, mode='tensor')
        features, size = seen[-1] if seen else (network.extract_feat(images), (images.shape[-1], images.shape[-2]))
        return self.predicted(network, features, size)

    @abstractmethod
    def predicted(self, network: BasePoseEstimator, features: Any, size: Tuple[int, int]) -> Any:
        """What a network's stock ``predict()`` says, as an output.

        Args:
            network (BasePoseEstimator): The network.
            features (Any): Its features of images.
            size (Tuple[int, int]): Size of the images (width, height).

        Returns:
            Any: An output on the features' device.
        """

    def answer(self, network: BasePoseEstimator, images: Tensor) -> Tensor:
        return images  # The student's own loss() makes the pass.

    def said(self, network: BasePoseEstimator, answer: Tensor) -> Any:
        with torch.no_grad(), evaluation_mode(network):
            return self.output(network, answer)

    def loss(self, network: BasePoseEstimator, output: Tensor, target: LabelTarget) -> Tensor:  # type: ignore[override]
        if not target.share and not is_distributed():  # Heads count instances over all processes, each must do so.
            return output.new_zeros(())
        with float_outputs(network):
            try:
                losses = tensors_of(self.stock_loss(network, output, target.samples))
            except (AttributeError, KeyError) as missing:  # Of a data sample that has less than those of the file.
                raise ValueError(
                    f'the loss of {type(network).__name__} with {type(network.head).__name__} fails on labels made of '
                    f"a teacher's joints ({type(missing).__name__}: {missing}). {OTHER_LABELS}"
                ) from missing
        return network.parse_losses(losses)[0] * target.share

    # ------------------------------------------------------------------ test time

    def predict(self, network: BasePoseEstimator, images: Tensor, samples: Sequence) -> Tuple[List[InstanceData], Any]:
        instances = stock_predictions(network, images, samples)
        return instances, copy.deepcopy(instances)

    # ------------------------------------------------------------------ looking

    @contextmanager
    def watch(self, network: BasePoseEstimator) -> Iterator[list]:
        outputs: list = []
        with kept_features(network) as seen:
            yield outputs
        if seen:
            features, size = seen[-1]
            with evaluation_mode(network.head):
                outputs.append(self.predicted(network, detached(features), size))


@contextmanager
def kept_features(network: BasePoseEstimator) -> Iterator[List[Tuple[Any, Tuple[int, int]]]]:
    """Collect, while inside, the features that a network makes, each with the size (width, height) of its images."""
    seen: List[Tuple[Any, Tuple[int, int]]] = []
    own = network.extract_feat

    def kept(images: Tensor) -> Any:
        seen.append((own(images), (images.shape[-1], images.shape[-2])))
        return seen[-1][0]

    network.extract_feat = kept
    try:
        yield seen
    finally:
        del network.extract_feat  # That of its class is left.


def check_joint_count(count: int, views: ViewPair) -> None:
    """Refuse a teacher whose joints are others than the dataset's.

    Raises:
        ValueError: If they are not as many; names both numbers.
    """
    if count != len(views.flip_indices):
        raise ValueError(
            f'a teacher predicts {count} keypoints, the dataset has {len(views.flip_indices)}; let networks of the '
            'same keypoints teach each other'
        )


def first_tensor(features: Any) -> Tensor:
    """The first tensor in nested sequences."""
    while isinstance(features, (list, tuple)):
        features = features[0]
    return features
