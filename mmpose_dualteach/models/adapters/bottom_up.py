# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""MMPose's own heads for images with several instances."""

from contextlib import ExitStack, contextmanager
from typing import Any, Dict, Iterator, List, Optional, Sequence

import numpy as np
import torch
from mmengine.structures import InstanceData
from mmpose.models.pose_estimators.base import BasePoseEstimator
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from mmpose_dualteach.models.adapters.base import ADAPTERS
from mmpose_dualteach.models.adapters.instances import InstanceAdapter
from mmpose_dualteach.models.adapters.kinds import Refusal
from mmpose_dualteach.models.utils.modes import evaluation_mode
from mmpose_dualteach.utils.ancestors import ancestor
from mmpose_dualteach.utils.config_dicts import class_name


class _StockHead(InstanceAdapter):
    """Of a stock head or its descendants."""

    @classmethod
    def refusal(cls, head: dict) -> Optional[Refusal]:
        return None if ancestor(head, MODELS, cls.heads) else Refusal(f'model.head is {class_name(head)}')

    @classmethod
    def supports(cls) -> str:
        return f'{", ".join(cls.heads)} of a BottomupPoseEstimator'


@ADAPTERS.register_module()
class DEKRAdapter(_StockHead):
    """Disentangled keypoint regression: its head predicts one image at a time, its decoder several."""

    heads = ('DEKRHead',)
    own_mask = 'valid'
    joint_by_joint = True

    def decoded(
        self, network: BasePoseEstimator, features: Any, samples: List[PoseDataSample], test_cfg: dict
    ) -> List[InstanceData]:
        heatmaps, displacements = network.head.forward(features)
        return network.head.decode([heatmaps], [displacements], test_cfg, samples[0].metainfo)


@ADAPTERS.register_module()
class CIDAdapter(_StockHead):
    """Contextual instance decoupling: its head predicts one image at a time. That it adds half a cell is right: its
    labels lie a whole cell too far to the left and the top in half of the sizes of instances."""

    heads = ('CIDHead',)
    own_mask = 'valid'
    joint_by_joint = True

    def decoded(
        self, network: BasePoseEstimator, features: Any, samples: List[PoseDataSample], test_cfg: dict
    ) -> List[InstanceData]:
        found = []
        for place, sample in enumerate(samples):
            one = [feature[place : place + 1] for feature in features]
            (instances,) = network.head.predict(one, [sample], test_cfg=test_cfg)
            found.append(instances)
        return found


@ADAPTERS.register_module()
class YOLOXPoseAdapter(_StockHead):
    """YOLOX-Pose and RTMO, whose loss takes a mask of what is not labelled."""

    heads = ('YOLOXPoseHead', 'RTMOHead')
    own_mask = 'invalid'
    codec_keys = ()

    def decoded(
        self, network: BasePoseEstimator, features: Any, samples: List[PoseDataSample], test_cfg: dict
    ) -> List[InstanceData]:
        with ExitStack() as stack:
            if hasattr(network.head, 'dcc'):  # RTMO would normalise over the instances of each image.
                stack.enter_context(evaluation_mode(network.head.dcc))
            return super().decoded(network, features, samples, test_cfg)

    def stock_loss(self, network: BasePoseEstimator, images: Tensor, samples: Sequence) -> Dict[str, Any]:
        # RTMO normalises over the places of all instances of a batch, and may have but one.
        with single_rows(network.head):
            return super().stock_loss(network, images, samples)

    def tell_doubts(self, sample: PoseDataSample, doubts: np.ndarray) -> None:
        if doubts.any():
            sample.gt_instance_labels.keypoints_visible_weights = torch.from_numpy(~doubts).float()

    def told(self, known: np.ndarray) -> np.ndarray:
        side = max(known.shape[1:])  # The heads look places up as if masks were square.
        invalid = np.zeros((1, side, side), dtype=bool)
        invalid[:, : known.shape[1], : known.shape[2]] = ~known
        return invalid


@contextmanager
def single_rows(module: nn.Module) -> Iterator[None]:
    """Let batch norm take its running statistics where there is a single row, of which training knows none."""
    single: List[nn.Module] = []

    def before(norm: nn.Module, rows: tuple) -> None:
        if norm.training and len(rows[0]) == 1:
            single.append(norm.eval())

    def after(norm: nn.Module, *_: Any) -> None:
        if norm in single:
            single.remove(norm.train())

    norms = [part for part in module.modules() if isinstance(part, nn.BatchNorm1d)]
    handles = [norm.register_forward_pre_hook(before) for norm in norms]
    handles += [norm.register_forward_hook(after) for norm in norms]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
