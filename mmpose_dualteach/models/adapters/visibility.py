# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from typing import Any, List, Optional, Sequence, Tuple

import numpy as np
from mmengine.structures import InstanceData
from mmpose.models.pose_estimators.base import BasePoseEstimator
from mmpose.registry import MODELS
from torch import Tensor, nn

from mmpose_dualteach.models.adapters.base import ADAPTERS
from mmpose_dualteach.models.adapters.heatmap import HeatmapAdapter
from mmpose_dualteach.models.adapters.kinds import Refusal
from mmpose_dualteach.utils.ancestors import ancestor
from mmpose_dualteach.utils.config_dicts import class_name


@ADAPTERS.register_module()
class VisibilityAdapter(HeatmapAdapter):
    """Heatmaps beside which the head says whether each joint is visible (``VisPredictHead``).

    The heatmaps are taught. Visibility learns from labels alone: what the easy view shows the hard view may not.

    Args:
        head (dict): The head's config.
        **options: Of :class:`HeatmapAdapter`.
    """

    heads = ('VisPredictHead',)

    def __init__(self, head: dict, **options) -> None:
        super().__init__(head['pose_cfg'], **options)

    @classmethod
    def refusal(cls, head: dict) -> Optional[Refusal]:
        if not ancestor(head, MODELS, cls.heads):
            return Refusal(f'model.head is {class_name(head)}')
        return HeatmapAdapter.refusal(head.get('pose_cfg') or {})

    @classmethod
    def supports(cls) -> str:
        return f'VisPredictHead around {HeatmapAdapter.supports()}'

    @classmethod
    def codec_of(cls, head: dict) -> dict:
        return (head.get('pose_cfg') or head)['decoder']

    def output(self, network: BasePoseEstimator, images: Tensor) -> Tensor:
        return network(images, None, mode='tensor')[0]

    def loss_modules(self, network: BasePoseEstimator) -> List[nn.Module]:
        return [network.head.pose_head.loss_module]

    def predict(self, network: BasePoseEstimator, images: Tensor, samples: Sequence) -> Tuple[List[InstanceData], Any]:
        instances, heatmaps = super().predict(network, images, samples)
        return instances, (heatmaps, np.stack([each.keypoints_visible for each in instances]))

    def decode_mean(self, network: BasePoseEstimator, outputs: Sequence[Any]) -> List[InstanceData]:
        heatmaps, visible = zip(*outputs)
        instances = network.head.pose_head.decode(sum(heatmaps) / len(heatmaps))
        for instance, each in zip(instances, np.mean(visible, axis=0)):
            instance.keypoints_visible = each
        return instances
