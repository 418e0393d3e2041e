# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from typing import List, Optional, Sequence, Tuple

import numpy as np
import torch
from mmengine.structures import InstanceData
from mmpose.registry import KEYPOINT_CODECS, MODELS
from torch import Tensor, nn

from mmpose_dualteach import geometry

from ..views import ViewPair
from .base import OutputAdapter, Target

HEADS = ('HeatmapHead', )
CODECS = ('MSRAHeatmap', 'UDPHeatmap')


class HeatmapAdapter(OutputAdapter):
    """One heatmap a joint, in shape (N, K, H, W).

    Where the cells lie on the input is the codec's to say: ``input = cell * scale_factor``, both with centres at
    integers, with ``input_size / heatmap_size`` for MSRA and ``(input_size - 1) / (heatmap_size - 1)`` for UDP.

    Args:
        head (dict): The head's config.
        loss (dict): Config of the loss between heatmaps. Defaults to :class:`PseudoHeatmapLoss`.
    """

    def __init__(self, head: dict, loss: dict = dict(type='PseudoHeatmapLoss')) -> None:
        super().__init__(head)
        codec = KEYPOINT_CODECS.build(self.codec)
        self.scale_factor = codec.scale_factor
        self.size: Tuple[int, int] = tuple(codec.heatmap_size)
        self.criterion = MODELS.build(loss)

    @staticmethod
    def refusal(head: dict) -> Optional[str]:
        kind, codec = _name(head), head.get('decoder') or {}
        if kind not in HEADS:
            return f'model.head is {kind}; supported are {", ".join(HEADS)} with {" or ".join(CODECS)}'
        if _name(codec) not in CODECS:
            return f'the codec of {kind} is {_name(codec)}; supported are {" and ".join(CODECS)}'
        if codec.get('heatmap_type', 'gaussian') != 'gaussian':
            return f'the heatmap_type of {_name(codec)} is {codec["heatmap_type"]}; supported is gaussian'
        return None

    def output(self, network: nn.Module, images: Tensor) -> Tensor:
        heatmaps = super().output(network, images)
        if tuple(heatmaps.shape[-2:]) != self.size[::-1]:
            raise ValueError(
                f'codec mismatch: model.head gives heatmaps of {heatmaps.shape[-1]}x{heatmaps.shape[-2]} cells for a '
                f'{images.shape[-1]}x{images.shape[-2]} input, its codec expects {self.size[0]}x{self.size[1]}; '
                'correct heatmap_size (input sides must be divisible by 32 for a stock deconvolution head)')
        return heatmaps

    def move(self, output: Tensor, views: ViewPair) -> Target:
        heatmaps, valid = geometry.warp_heatmaps(
            output, geometry.in_cells(views.matrix, self.scale_factor), self.size)
        return Target(views.swap_sides(heatmaps), valid)

    def loss(self, output: Tensor, target: Target) -> Tensor:
        return self.criterion(output, target.value, target.valid)

    def joints(self, output: Tensor) -> Tuple[Tensor, Tensor]:
        width = output.shape[-1]
        scores, cell = output.detach().flatten(2).max(dim=-1)
        points = torch.stack((cell % width, torch.div(cell, width, rounding_mode='floor')), dim=-1).float()
        return points * points.new_tensor(self.scale_factor), scores.float()

    def heat(self, output: Tensor, size: Tuple[int, int]) -> Tensor:
        to_input = np.diag([*self.scale_factor, 1.])[:2][None].repeat(len(output), axis=0)
        return geometry.warp_heatmaps(output.detach(), to_input, size)[0].amax(dim=1)

    def predict(self, network: nn.Module, images: Tensor, samples: Sequence) -> Tuple[List[InstanceData], Tensor]:
        test_cfg = dict(network.test_cfg, output_heatmaps=True)
        features = network.extract_feat(images)
        if test_cfg.get('flip_test', False):
            features = [features, network.extract_feat(images.flip(-1))]
        predictions, fields = network.head.predict(features, samples, test_cfg=test_cfg)
        return predictions, torch.stack([field.heatmaps for field in fields])

    def decode_mean(self, network: nn.Module, outputs: Sequence[Tensor]) -> List[InstanceData]:
        return network.head.decode(torch.stack(tuple(outputs)).mean(dim=0))


def _name(config: dict) -> str:
    """The class name that a config asks for, without its scope."""
    kind = config.get('type', 'unnamed')
    return kind.split('.')[-1] if isinstance(kind, str) else kind.__name__
