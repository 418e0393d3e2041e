# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import copy
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np
import torch
from mmengine.structures import InstanceData
from mmpose.models.pose_estimators.base import BasePoseEstimator
from mmpose.registry import KEYPOINT_CODECS, MODELS, TRANSFORMS
from mmpose.structures import PoseDataSample
from torch import Tensor

from mmpose_dualteach import geometry
from mmpose_dualteach.models.adapters.base import ADAPTERS, OutputAdapter, Target, detached, features_for_test
from mmpose_dualteach.models.adapters.joints import blobs, mean_of_predictions
from mmpose_dualteach.models.adapters.kinds import class_name, class_of
from mmpose_dualteach.models.pseudo_labels.view_pair import ViewPair
from mmpose_dualteach.models.utils.float_outputs import float_outputs
from mmpose_dualteach.models.utils.modes import evaluation_mode

Keypoints = Tuple[Tensor, Tensor]


@dataclass
class KeypointTarget(Target):
    """A target whose ``value`` are joints (x, y) in input pixels of the hard view in shape (N, K, 2).

    Attributes:
        samples (List[PoseDataSample]): The instances with labels of these joints.
    """

    samples: List[PoseDataSample] = field(default_factory=list)

    def detach(self) -> 'KeypointTarget':
        return replace(self)  # Keypoints have no graph.


@ADAPTERS.register_module()
class KeypointAdapter(OutputAdapter):
    """The general way, for every head that MMPose trains from keypoints.

    A teacher's ``predict()`` gives keypoints and scores; they move to the hard view, go as pseudo ground truth through
    the config's own ``GenerateTarget``, and the student's own ``loss()`` compares. Joints that teach nothing are
    invisible; of all others the labels' ``keypoint_weights``, if the codec gives such, are weighted. Outputs are
    (keypoints (x, y) in input pixels in shape (N, K, 2), scores in shape (N, K)), without a graph.

    It waits for the device and encodes on the CPU in every lesson, and joints in place of heatmaps say nothing of a
    teacher's doubt but the score: an adapter that knows a head is quicker and says more.

    Args:
        head (dict): The head's config.
        input_size (Sequence[int]): Input size (width, height).
        labels (Sequence[dict]): What the labelled pipeline makes labels of keypoints with: ``GenerateTarget`` and
            ``PackPoseInputs``.
        loss (dict, optional): None; the head's own loss is used.
        redraw (bool): Makes no difference, labels are always drawn anew. Defaults to False.

    Raises:
        ValueError: If another loss is asked for, or labels or input size are missing; names the key.
    """

    codec_keys = ('type', 'input_size')
    differentiable = False

    def __init__(
        self,
        head: dict,
        input_size: Sequence[int] = (),
        labels: Sequence[dict] = (),
        loss: Optional[dict] = None,
        redraw: bool = False,
    ) -> None:
        super().__init__(head)
        if loss:
            raise ValueError(
                f'model.pseudo_loss={loss}: {class_name(head)} has a loss of its own; set model.unsup_weight instead'
            )
        if len(input_size) != 2 or not labels:
            raise ValueError(
                'model.keypoint_labels: KeypointAdapter needs input_size and labels, the GenerateTarget and '
                'PackPoseInputs of the training pipeline; switch the stock config anew'
            )
        self.input_size = tuple(input_size)
        self.labels = [TRANSFORMS.build(dict(transform)) for transform in labels]

    @classmethod
    def refusal(cls, head: dict) -> Optional[str]:
        if class_of(head, MODELS) is None:
            return f'model.head is {class_name(head)}, which is not registered'
        config = cls.codec_of(head)
        codec = class_of(config, KEYPOINT_CODECS)
        if codec is None:
            return f'the decoder of {class_name(head)} is {class_name(config)}, which is no registered codec'
        needed = sorted(codec.auxiliary_encode_keys)
        if needed:
            return f'{class_name(config)}, the codec of {class_name(head)}, needs {", ".join(needed)} beside keypoints'
        return None

    @classmethod
    def supports(cls) -> str:
        return 'any other head whose codec makes labels of keypoints alone'

    @classmethod
    def codec_of(cls, head: dict) -> dict:
        return head.get('decoder') or {}

    # ------------------------------------------------------------------ lessons

    def output(self, network: BasePoseEstimator, images: Tensor) -> Keypoints:
        return self._predicted(network, network.extract_feat(images))

    def _predicted(self, network: BasePoseEstimator, features: Any) -> Keypoints:
        """What a network's stock ``predict()`` says, on the images' device."""
        some = features
        while isinstance(some, (list, tuple)):
            some = some[0]
        meta = dict(input_size=self.input_size, img_shape=self.input_size[::-1], flip=False)
        samples = [PoseDataSample(metainfo=meta) for _ in range(len(some))]
        with torch.no_grad(), float_outputs(network):
            found = network.head.predict(features, samples, test_cfg={})
        instances: List[InstanceData] = found[0] if isinstance(found, tuple) else found
        points = np.stack([np.asarray(_on_cpu(each.keypoints), dtype=np.float32) for each in instances])
        if points.ndim != 4 or points.shape[1] != 1 or points.shape[3] != 2:
            raise ValueError(
                f'model.head: {type(network.head).__name__}.predict() gives keypoints in shape {points.shape[1:]} for '
                'each image, mutual teaching needs (1, K, 2); register an adapter for it, see CONTRIBUTING.md'
            )
        scores = [
            np.asarray(_on_cpu(each.keypoint_scores), dtype=np.float32)
            if 'keypoint_scores' in each
            else np.ones((1, points.shape[2]), np.float32)
            for each in instances
        ]
        keypoints, certainty = np.nan_to_num(points[:, 0]), np.nan_to_num(np.stack(scores)[:, 0])
        return tuple(geometry.on_device(values, some.device) for values in (keypoints, certainty))  # type: ignore[return-value]

    def answer(self, network: BasePoseEstimator, images: Tensor) -> Tensor:
        return images  # The student's own loss() makes the pass.

    def said(self, network: BasePoseEstimator, answer: Tensor) -> Keypoints:
        with torch.no_grad(), evaluation_mode(network):
            return self.output(network, answer)

    def joints(self, output: Keypoints) -> Keypoints:
        points, scores = output
        return points, scores.clamp(0, 1)

    def mirrored(self, output: Keypoints, flip_indices: Tensor) -> Keypoints:
        points, scores = output
        other_side = torch.stack((self.input_size[0] - 1 - points[..., 0], points[..., 1]), dim=-1)
        return other_side.index_select(1, flip_indices), scores.index_select(1, flip_indices)

    def from_view(self, output: Keypoints, views: ViewPair) -> Tuple[Keypoints, None]:
        points, scores = output
        return (views.move_points(points), views.swap_sides(scores)), None

    def move(self, output: Keypoints, views: ViewPair) -> KeypointTarget:
        points = views.move_points(output[0])
        last = geometry.on_device(self.input_size, points.device) - 1
        return KeypointTarget(points, ((points >= 0) & (points <= last)).all(dim=-1))

    def target(self, output: Keypoints, weight: Optional[Tensor], views: ViewPair) -> Target:
        if output[0].shape[1] != len(views.flip_indices):
            raise ValueError(
                f'a teacher predicts {output[0].shape[1]} keypoints, the dataset has {len(views.flip_indices)}; let '
                'networks of the same keypoints teach each other'
            )
        target = self.move(output, views)
        if weight is not None:
            target.weight = views.swap_sides(weight)
        counts = torch.ones_like(output[1]) if target.weight is None else target.weight
        each_one = zip(views.hard_meta, target.value.cpu().numpy(), counts.cpu().numpy())
        device = output[0].device
        target.samples = [self.labelled(meta, *each).to(device) for meta, *each in each_one]
        return target

    def labelled(self, meta: dict, joints: np.ndarray, counts: np.ndarray) -> PoseDataSample:
        """An instance with labels, as the stock pipeline makes them.

        Args:
            meta (dict): What is known of the instance's hard view.
            joints (np.ndarray): Joints (x, y) in input pixels in shape (K, 2).
            counts (np.ndarray): How much each counts in shape (K,), 0 to 1.

        Returns:
            PoseDataSample: On the CPU.
        """
        results: Dict[str, Any] = dict(
            meta,
            img=np.zeros((1, 1, 3), np.uint8),  # Packed, and not looked at.
            keypoints=joints[None],
            transformed_keypoints=joints[None],
            keypoints_visible=(counts > 0)[None].astype(np.float32),
        )
        for transform in self.labels:
            results = transform(results)
        sample = results['data_samples']
        labels = sample.gt_instance_labels
        if 'keypoint_weights' in labels:
            labels.keypoint_weights = labels.keypoint_weights * torch.from_numpy(counts)
        return sample

    def loss(self, network: BasePoseEstimator, output: Tensor, target: KeypointTarget) -> Tensor:  # type: ignore[override]
        with float_outputs(network):
            return network.parse_losses(network.loss(output, target.samples))[0]

    # ------------------------------------------------------------------ test time

    def predict(self, network: BasePoseEstimator, images: Tensor, samples: Sequence) -> Tuple[List[InstanceData], Any]:
        instances = network.head.predict(features_for_test(network, images), samples, test_cfg=network.test_cfg)
        instances = instances[0] if isinstance(instances, tuple) else instances
        for each in instances:
            if 'keypoint_scores' not in each:  # Some heads of others tell none, and MMPose's estimator wants them.
                each.keypoint_scores = np.ones(each.keypoints.shape[:2], np.float32)
        return instances, copy.deepcopy(instances)

    def decode_mean(self, network: BasePoseEstimator, outputs: Sequence[Any]) -> List[InstanceData]:
        return mean_of_predictions(outputs)

    # ------------------------------------------------------------------ looking

    def heat(self, output: Keypoints, size: Tuple[int, int]) -> Tensor:
        return blobs(*self.joints(output), size)

    def target_joints(self, target: Target) -> Tuple[Tensor, Tensor]:
        return target.value, target.valid * (1.0 if target.weight is None else target.weight)

    def target_heat(self, target: Target, size: Tuple[int, int]) -> Tensor:
        return blobs(*self.target_joints(target), size)

    @contextmanager
    def watch(self, network: BasePoseEstimator) -> Iterator[list]:
        outputs: list = []
        features: list = []
        own = network.extract_feat

        def kept(images: Tensor) -> Any:
            features.append(own(images))
            return features[-1]

        network.extract_feat = kept
        try:
            yield outputs
        finally:
            del network.extract_feat  # That of its class is left.
        if features:
            with evaluation_mode(network.head):
                outputs.append(self._predicted(network, detached(features[-1])))


def _on_cpu(values: Any) -> Any:
    return values.detach().cpu() if isinstance(values, Tensor) else values
