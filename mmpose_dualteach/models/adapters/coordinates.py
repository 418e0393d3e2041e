# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import copy
import math
from itertools import combinations
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np
import torch
from mmengine.logging import MessageHub
from mmengine.structures import InstanceData
from mmpose.models.pose_estimators.base import BasePoseEstimator
from mmpose.registry import KEYPOINT_CODECS, MODELS
from torch import Tensor

from mmpose_dualteach import geometry
from mmpose_dualteach.models.adapters.base import ADAPTERS, Target, stock_predictions
from mmpose_dualteach.models.adapters.joints import JointAdapter, joint_weight, mean_of_predictions
from mmpose_dualteach.models.view_pair import ViewPair
from mmpose_dualteach.utils.ancestors import ancestor, class_of

# Where two networks differ by this share of the input's sides, their score is exp(-1/2). It is the distance at which
# stock regression heads call a joint right.
AGREEMENT = 0.05


@ADAPTERS.register_module()
class CoordinateAdapter(JointAdapter):
    """Coordinates of the joints, as shares of the input's width and height: a tensor (N, K, 2), with two more numbers
    of uncertainty (N, K, 4) for RLE, or (coordinates, heatmaps) for integral regression.

    The score is what RLE says of its uncertainty; the height of integral regression's heatmap over that of a label;
    where a head says nothing, how far the networks agree on the easy view.

    Args:
        head (dict): The head's config.
        **options: Of :class:`JointAdapter`.
    """

    heads = ('RegressionHead', 'RLEHead', 'DSNTHead', 'IntegralRegressionHead')
    codecs = ('RegressionLabel', 'IntegralRegressionLabel')

    def __init__(self, head: dict, **options) -> None:
        super().__init__(head, **options)
        self.input_size = tuple(self.codec['input_size'])
        sigma = self.codec.get('sigma')
        self.label_height = 1 / (2 * math.pi * sigma**2) if sigma else None
        # DSNTHead's loss compares heatmaps too.
        both = ancestor(head, MODELS, ['DSNTHead']) is not None
        self.encoder: Any = KEYPOINT_CODECS.build(self.codec) if both else None
        # Descendants may tell more.
        silent = () if self.label_height else ('DSNTHead', 'IntegralRegressionHead')
        self.tells_scores = class_of(head, MODELS) not in [MODELS.get(name) for name in ('RegressionHead', *silent)]

    # ------------------------------------------------------------------ lessons

    def joints(self, output: Union[Tensor, tuple]) -> Tuple[Tensor, Optional[Tensor]]:
        coordinates, heatmaps = output if isinstance(output, (tuple, list)) else (output, None)
        coordinates = coordinates.detach().float()
        points = coordinates[..., :2] * self._sides(coordinates)
        if heatmaps is not None and self.label_height:
            peaks = heatmaps.detach().float().flatten(2).amax(dim=-1)
            return points, (peaks / self.label_height).clamp(max=1.0)
        if coordinates.shape[-1] == 4:
            return points, 1 - coordinates[..., 2:].sigmoid().mean(dim=-1)
        return points, None

    def scores(self, outputs: Mapping[Any, Any]) -> Dict[Any, Tensor]:
        scores = super().scores(outputs)
        return scores or self._agreement({key: self.joints(output)[0] for key, output in outputs.items()})

    def _agreement(self, points: Dict[Any, Tensor]) -> Dict[Any, Tensor]:
        """Each network's mean agreement with the others, joint by joint; with itself, before a mirror or an epoch ago,
        it would agree too easily."""
        scores: Dict[Any, list] = {key: [] for key in points}
        for one, other in combinations(points, 2):
            if getattr(one, 'network', one) == getattr(other, 'network', other):
                continue
            share = (points[one] - points[other]) / self._sides(points[one])
            agreement = torch.exp(-0.5 * (share / AGREEMENT).square().sum(dim=-1))
            scores[one].append(agreement)
            scores[other].append(agreement)
        return {key: torch.stack(values).mean(dim=0) for key, values in scores.items() if values}

    def mirrored(self, output: Any, flip_indices: Tensor) -> Any:
        if isinstance(output, (tuple, list)):
            coordinates, heatmaps = output
            # Of the heatmaps the height alone counts.
            return self.mirrored(coordinates, flip_indices), heatmaps.flip(-1).index_select(1, flip_indices)
        width, output = self.input_size[0], output.float()
        x = (width - 1) / width - output[..., :1]
        return torch.cat((x, output[..., 1:]), dim=-1).index_select(1, flip_indices)

    def from_view(self, output: Any, views: ViewPair) -> Tuple[Any, None]:
        if isinstance(output, (tuple, list)):
            coordinates, heatmaps = output
            # Of the heatmaps the height alone counts.
            return (self.from_view(coordinates, views)[0], views.swap_sides(heatmaps)), None
        points = views.move_points(output[..., :2].float() * self._sides(output))
        return torch.cat((points / self._sides(output), views.swap_sides(output[..., 2:].float())), dim=-1), None

    def move(self, output: Any, views: ViewPair) -> Target:
        points = views.move_points(self.joints(output)[0])
        # The codec's own rule for which joints lie in the input.
        sides = self._sides(points)
        inside = ((points >= 0) & (points <= sides - 1)).all(dim=-1)
        value = points / sides
        return Target(value if self.encoder is None else (value, self._heatmaps(points, inside)), inside)

    def _heatmaps(self, points: Tensor, inside: Tensor) -> Tensor:
        """The codec's heatmaps in shape (N, K, H, W) of joints in input pixels in shape (N, K, 2), of those inside."""
        encode = self.encoder.encode
        each_one = zip(points.cpu().numpy(), inside.float().cpu().numpy())
        labels = [encode(joints[None], there[None])['heatmaps'] for joints, there in each_one]
        return geometry.on_device(np.stack(labels).astype(np.float32), points.device)

    def loss(self, network: BasePoseEstimator, output: Any, target: Target) -> Tensor:
        compare, weight = network.head.loss_module, joint_weight(target)[..., None]
        if self.encoder is not None:  # As DSNTHead.loss() adds up the losses of coordinates and heatmaps.
            parts = compare([part.float() for part in output], list(target.value), joint_weight(target))
            begun = MessageHub.get_current_instance().get_info('epoch', 0)
            return parts[0] if 0 < network.head.lambda_t <= begun else parts[0] + parts[1]
        coordinates = output[0] if isinstance(output, (tuple, list)) else output
        coordinates = coordinates.float()
        if coordinates.shape[-1] == 4:
            return compare(coordinates[..., :2], coordinates[..., 2:], target.value, weight)
        return compare(coordinates, target.value, weight)

    # ------------------------------------------------------------------ test time

    def predict(self, network: BasePoseEstimator, images: Tensor, samples: Sequence) -> Tuple[List[InstanceData], Any]:
        instances = stock_predictions(network, images, samples)
        # Copies: MMPose moves an instance's joints to the original image in place.
        return instances, copy.deepcopy(instances)

    def decode_mean(self, network: BasePoseEstimator, outputs: Sequence[Any]) -> List[InstanceData]:
        # Decoding is linear, so the mean of what was decoded is the decoded mean.
        return mean_of_predictions(outputs)

    # ------------------------------------------------------------------ looking

    def watched(self, arguments: tuple) -> Any:
        first, second = arguments[:2]
        if isinstance(first, (list, tuple)):
            return tuple(first)
        return torch.cat((first, second), dim=-1) if len(arguments) == 4 else first

    def target_joints(self, target: Target) -> Tuple[Tensor, Tensor]:
        coordinates = target.value if self.encoder is None else target.value[0]
        return coordinates * self._sides(coordinates), joint_weight(target)

    def _sides(self, like: Tensor) -> Tensor:
        """The input's width and height on another tensor's device."""
        return geometry.on_device(self.input_size, like.device)
