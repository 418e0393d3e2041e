# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from typing import Any, List, Sequence, Tuple

import numpy as np
import torch
from mmengine.structures import InstanceData
from mmpose.models.pose_estimators.base import BasePoseEstimator
from mmpose.models.utils.tta import flip_vectors
from mmpose.registry import KEYPOINT_CODECS
from torch import Tensor

from mmpose_dualteach import geometry
from mmpose_dualteach.models.adapters.base import ADAPTERS, Target
from mmpose_dualteach.models.adapters.joints import JointAdapter, joint_weight
from mmpose_dualteach.models.view_pair import ViewPair

Vectors = Tuple[Tensor, Tensor]


@ADAPTERS.register_module()
class SimCCAdapter(JointAdapter):
    """Two vectors a joint, one along x in shape (N, K, Wx), one along y in shape (N, K, Wy): SimCC, RTMPose, RTMW.

    A teacher's vectors are decoded to a joint with a score, the joint is moved to the hard view, and encoded there as
    the config's own codec does it. The score is the lower of the two vectors' peaks, as probabilities, over the peak of
    a label, so that it falls where a vector goes flat.

    Args:
        head (dict): The head's config.
        **options: Of :class:`JointAdapter`.
    """

    heads = ('SimCCHead', 'RTMCCHead', 'RTMWHead')
    head_methods = (*JointAdapter.head_methods, 'predict')
    codecs = ('SimCCLabel',)
    codec_keys = ('type', 'input_size', 'simcc_split_ratio', 'smoothing_type')

    def __init__(self, head: dict, **options) -> None:
        super().__init__(head, **options)
        encoder = KEYPOINT_CODECS.build(self.codec)
        self.sigma = tuple(float(sigma) for sigma in encoder.sigma)
        self.ratio, self.gaussian = encoder.simcc_split_ratio, encoder.smoothing_type == 'gaussian'
        self.normalize, self.smooth = encoder.normalize, encoder.label_smooth_weight
        self.bins = tuple(int(np.around(side * self.ratio)) for side in encoder.input_size)
        loss = self.stock_losses[0]
        self.beta = getattr(loss, 'beta', 1.0)
        self.label_beta = getattr(loss, 'label_beta', 10.0) if getattr(loss, 'label_softmax', False) else None
        centre = torch.tensor([[[side // 2 for side in encoder.input_size]]], dtype=torch.float32)
        self.label_peaks = [self._label_share(label).max().item() for label in self.encode(centre)[0]]

    # ------------------------------------------------------------------ lessons

    def joints(self, output: Vectors) -> Tuple[Tensor, Tensor]:
        shares, bins = zip(*[(vector.detach().float() * self.beta).softmax(dim=-1).max(dim=-1) for vector in output])
        scores = torch.minimum(*[share / peak for share, peak in zip(shares, self.label_peaks)])
        return torch.stack(bins, dim=-1).float() / self.ratio, scores.clamp(max=1.0)

    def mirrored(self, output: Vectors, flip_indices: Tensor) -> Vectors:
        x, y = output
        # A bin's centre is at bin / ratio; the mirror image of x is at width - 1 - x.
        last = round((self.codec['input_size'][0] - 1) * self.ratio)
        bins = (last - torch.arange(x.shape[-1], device=x.device)).clamp(0, x.shape[-1] - 1)
        return x.index_select(1, flip_indices).index_select(2, bins), y.index_select(1, flip_indices)

    def from_view(self, output: Vectors, views: ViewPair) -> Tuple[Vectors, None]:
        # A turn mixes x and y, which two vectors cannot follow: each keeps its shape about its own maximum.
        before = views.swap_sides(torch.stack([vector.argmax(dim=-1) for vector in output], dim=-1))
        after = torch.round(views.move_points(self.joints(output)[0]) * self.ratio).long()
        mirrored = geometry.on_device(np.where(views.mirrored, -1, 1), before.device)[:, None, None]
        moved = []
        for vector, old, new, way in zip(
            output, before.unbind(dim=-1), after.unbind(dim=-1), (mirrored, torch.ones_like(mirrored))
        ):
            bins = torch.arange(vector.shape[-1], device=vector.device)
            source = (old[..., None] + way * (bins - new[..., None])).clamp(0, vector.shape[-1] - 1)
            moved.append(views.swap_sides(vector).gather(-1, source))
        return (moved[0], moved[1]), None

    def encode(self, points: Tensor) -> Tuple[Vectors, Tensor]:
        """Encode joints as the config's ``SimCCLabel`` does, for a whole batch on its device.

        Args:
            points (Tensor): Joints (x, y) in input pixels in shape (N, K, 2).

        Returns:
            Tuple[Tuple[Tensor, Tensor], Tensor]: The labels along x in shape (N, K, Wx) and y in shape (N, K, Wy), and
            which joints have one in shape (N, K), bool.
        """
        centres = torch.round(points * self.ratio)
        labels, valid = [], torch.ones(points.shape[:2], dtype=torch.bool, device=points.device)
        for centre, count, sigma in zip(centres.unbind(dim=-1), self.bins, self.sigma):
            position = torch.arange(count, dtype=torch.float32, device=points.device)
            distance = position - centre[..., None]
            if self.gaussian:
                radius = 3 * sigma
                valid &= (centre - radius < count) & (centre + radius + 1 >= 0)
                label = torch.exp(-distance.square() / (2 * sigma**2))
                labels.append(label / (sigma * np.sqrt(np.pi * 2)) if self.normalize else label)
            else:
                valid &= (centre >= 0) & (centre < count)
                labels.append(torch.where(distance == 0, 1.0 - self.smooth, self.smooth / (count - 1)))
        x, y = [label * valid[..., None] for label in labels]
        return (x, y), valid

    def move(self, output: Vectors, views: ViewPair) -> Target:
        labels, valid = self.encode(views.move_points(self.joints(output)[0]))
        return Target(labels, valid)

    def loss(self, network: BasePoseEstimator, output: Vectors, target: Target) -> Tensor:
        return network.head.loss_module(tuple(vector.float() for vector in output), target.value, joint_weight(target))

    # ------------------------------------------------------------------ test time

    def predict(self, network: BasePoseEstimator, images: Tensor, samples: Sequence) -> Tuple[List[InstanceData], Any]:
        # As the stock heads' predict(), which does not tell the vectors that it decodes.
        x, y = network.head.forward(network.extract_feat(images))
        if network.test_cfg.get('flip_test', False):
            mirrored = network.head.forward(network.extract_feat(images.flip(-1)))
            flip_x, flip_y = flip_vectors(*mirrored, flip_indices=samples[0].metainfo['flip_indices'])
            x, y = (x + flip_x) * 0.5, (y + flip_y) * 0.5
        return network.head.decode((x, y)), (x, y)

    def decode_mean(self, network: BasePoseEstimator, outputs: Sequence[Vectors]) -> List[InstanceData]:
        x, y = [torch.stack(vectors).mean(dim=0) for vectors in zip(*outputs)]
        return network.head.decode((x, y))

    # ------------------------------------------------------------------ looking

    def target_joints(self, target: Target) -> Tuple[Tensor, Tensor]:
        points = torch.stack([vector.argmax(dim=-1) for vector in target.value], dim=-1) / self.ratio
        return points, joint_weight(target)

    def _label_share(self, label: Tensor) -> Tensor:
        """A label as the probabilities that the stock loss makes of it."""
        return (label * self.label_beta).softmax(dim=-1) if self.label_beta else label / label.sum(dim=-1, keepdim=True)
