# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import copy
from functools import lru_cache
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np
import torch
from mmengine.structures import InstanceData
from mmpose.codecs import UDPHeatmap
from mmpose.models.pose_estimators.base import BasePoseEstimator
from mmpose.registry import KEYPOINT_CODECS, MODELS
from mmpose.structures import PoseDataSample
from torch import Tensor

from mmpose_dualteach import geometry
from mmpose_dualteach.models.adapters.base import ADAPTERS, Target
from mmpose_dualteach.models.adapters.joints import JointPictures, joint_weight, mean_of_predictions
from mmpose_dualteach.models.adapters.kinds import Refusal
from mmpose_dualteach.models.adapters.labels import (
    OTHER_LABELS,
    LabelsAdapter,
    LabelTarget,
    check_joint_count,
    first_tensor,
)
from mmpose_dualteach.models.utils.float_outputs import float_outputs
from mmpose_dualteach.models.utils.modes import heads_in_mode
from mmpose_dualteach.models.view_pair import ViewPair
from mmpose_dualteach.utils.ancestors import class_of
from mmpose_dualteach.utils.branches import JOINT_WEIGHTS
from mmpose_dualteach.utils.config_dicts import class_name

Keypoints = Tuple[Tensor, Tensor]


@ADAPTERS.register_module()
class KeypointAdapter(JointPictures, LabelsAdapter):
    """The general way, for every head that MMPose trains from keypoints.

    A teacher's ``predict()`` gives keypoints and scores; they move to the hard view, go as pseudo ground truth through
    the config's own ``GenerateTarget``, and the student's own ``loss()`` compares. Joints that teach nothing are
    invisible; of all others the labels' ``keypoint_weights`` are weighted, or the loss by their mean weight where the
    codec gives none. Outputs are (keypoints (x, y) in input pixels in shape (N, K, 2), scores in shape (N, K)), without
    a graph; the ``value`` of a target are the keypoints on the hard view.

    It waits for the device and encodes on the CPU in every lesson, and joints in place of heatmaps say nothing of a
    teacher's doubt but the score: an adapter that knows a head is quicker and says more.
    """

    @classmethod
    def refusal(cls, head: dict) -> Optional[Refusal]:
        if class_of(head, MODELS) is None:
            return Refusal(f'model.head is {class_name(head)}, which is not registered')
        config = cls.codec_of(head)
        codec = class_of(config, KEYPOINT_CODECS)
        if codec is None:
            return Refusal(
                f'the decoder of {class_name(head)} is {class_name(config)}, which is no registered codec', 'codec'
            )
        needed = sorted(codec.auxiliary_encode_keys)
        if needed:
            return Refusal(
                f'{class_name(config)}, the codec of {class_name(head)}, needs {", ".join(needed)} beside keypoints',
                'codec',
            )
        return None

    @classmethod
    def supports(cls) -> str:
        return 'any other head whose codec makes labels of keypoints alone'

    # ------------------------------------------------------------------ lessons

    def predicted(self, network: BasePoseEstimator, features: Any, size: Tuple[int, int]) -> Keypoints:
        device = first_tensor(features).device
        meta = dict(input_size=self.input_size, img_shape=self.input_size[::-1], flip=False)
        samples = [PoseDataSample(metainfo=meta) for _ in range(len(first_tensor(features)))]
        with torch.no_grad(), float_outputs(network), heads_in_mode(network, training=False):
            found = network.head.predict(features, samples, test_cfg={})
        instances: List[InstanceData] = found[0] if isinstance(found, tuple) else found
        points = np.stack([np.asarray(_on_cpu(each.keypoints), dtype=np.float32) for each in instances])
        if points.ndim != 4 or points.shape[1] != 1 or points.shape[3] != 2:
            raise ValueError(
                f'model.head: {type(network.head).__name__}.predict() gives keypoints in shape {points.shape[1:]} for '
                'each image, mutual teaching needs (1, K, 2); register an adapter for it, see docs/CONTRIBUTING.md'
            )
        scores = [
            np.asarray(_on_cpu(each.keypoint_scores), dtype=np.float32)
            if 'keypoint_scores' in each
            else np.ones((1, points.shape[2]), np.float32)
            for each in instances
        ]
        decodes = getattr(network.head, 'pose_head', network.head)  # Of VisPredictHead.
        keypoints = in_input_pixels(np.nan_to_num(points[:, 0]), getattr(decodes, 'decoder', None))
        certainty = np.nan_to_num(np.stack(scores)[:, 0])
        return tuple(geometry.on_device(values, device) for values in (keypoints, certainty))  # type: ignore[return-value]

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

    def move(self, output: Keypoints, views: ViewPair) -> LabelTarget:
        points = views.move_points(output[0])
        last = geometry.on_device(self.input_size, points.device) - 1
        return LabelTarget(points, ((points >= 0) & (points <= last)).all(dim=-1))

    def target(self, output: Keypoints, weight: Optional[Tensor], views: ViewPair) -> Target:
        check_joint_count(output[0].shape[1], views)
        target: LabelTarget = super().target(output, weight, views)  # type: ignore[assignment]  # Of move().
        counts = torch.ones_like(output[1]) if target.weight is None else target.weight
        each_one = zip(views.hard_meta, target.value.cpu().numpy(), counts.cpu().numpy())
        device = output[0].device
        target.samples = [self.labelled(meta, *each).to(device) for meta, *each in each_one]
        if 'keypoint_weights' not in target.samples[0].gt_instance_labels:
            target.share = float(counts[counts > 0].mean()) if (counts > 0).any() else 0.0
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
        results: Dict[str, Any] = {
            **meta,
            **{JOINT_WEIGHTS: np.ones(len(joints), np.float32)},  # They are in the counts.
        }
        results.update(
            img=np.zeros((1, 1, 3), np.uint8),  # Packed, and not looked at.
            keypoints=joints[None],
            transformed_keypoints=joints[None],
            keypoints_visible=(counts > 0)[None].astype(np.float32),
        )
        for transform in self.labels:
            try:
                results = transform(results)
            except KeyError as missing:
                raise ValueError(
                    f"{type(transform).__name__} reads {missing}, which a teacher's joints do not have. {OTHER_LABELS}"
                ) from missing
        sample = results['data_samples']
        labels = sample.gt_instance_labels
        if 'keypoint_weights' in labels:
            labels.keypoint_weights = labels.keypoint_weights * torch.from_numpy(counts)
            if 'keypoints_visible' in sample.get('gt_instances', ()):  # The loss of some heads goes by it instead.
                sample.gt_instances.keypoints_visible = sample.gt_instances.keypoints_visible * counts
        return sample

    # ------------------------------------------------------------------ test time

    def predict(self, network: BasePoseEstimator, images: Tensor, samples: Sequence) -> Tuple[List[InstanceData], Any]:
        instances, _ = super().predict(network, images, samples)
        for each in instances:
            if 'keypoint_scores' not in each:  # Some heads of others tell none, and MMPose's estimator wants them.
                each.keypoint_scores = np.ones(each.keypoints.shape[:2], np.float32)
        return instances, copy.deepcopy(instances)

    def decode_mean(self, network: BasePoseEstimator, outputs: Sequence[Any]) -> List[InstanceData]:
        return mean_of_predictions(outputs)

    # ------------------------------------------------------------------ looking

    def target_joints(self, target: Target) -> Tuple[Tensor, Tensor]:
        return target.value, joint_weight(target)


def in_input_pixels(keypoints: np.ndarray, decoder: Any) -> np.ndarray:
    """Decoded keypoints where labels of them would lie.

    Stock ``UDPHeatmap`` puts the last cell on the last pixel's centre when it encodes, and on the input's far edge when
    it decodes, from where stock estimators find the way back to the image.

    Args:
        keypoints (np.ndarray): Keypoints (x, y) in shape (N, K, 2).
        decoder (BaseKeypointCodec, optional): The codec that decoded them.

    Returns:
        np.ndarray: Keypoints in input pixels, pixel centres at integers, of the same shape.
    """
    if isinstance(decoder, UDPHeatmap) and _to_far_edge(decoder, keypoints.shape[1]):
        size = np.asarray(decoder.input_size, dtype=keypoints.dtype)
        return keypoints * (size - 1) / size
    return keypoints


@lru_cache(maxsize=32)
def _to_far_edge(decoder: UDPHeatmap, count: int) -> bool:
    """Whether a codec of so many joints decodes as the stock one: a descendant is asked for the cell in the middle,
    which the stock one puts half a pixel beside its label."""
    if type(decoder).decode is UDPHeatmap.decode:
        return True
    middle = np.tile(np.asarray(decoder.heatmap_size) // 2 * decoder.scale_factor, (1, count, 1)).astype(np.float32)
    maps = decoder.encode(middle, np.ones(middle.shape[:2], dtype=np.float32)).get('heatmaps')
    return maps is not None and float((decoder.decode(maps)[0] - middle).mean()) > 0.25


def _on_cpu(values: Any) -> Any:
    return values.detach().cpu() if isinstance(values, Tensor) else values
