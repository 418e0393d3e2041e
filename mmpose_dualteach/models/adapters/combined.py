# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from typing import Optional, Sequence, Tuple

import cv2
import torch
import torch.nn.functional as F
from mmpose.models.pose_estimators.base import BasePoseEstimator
from mmpose.registry import KEYPOINT_CODECS, MODELS
from torch import Tensor

from mmpose_dualteach import geometry
from mmpose_dualteach.models.adapters.base import ADAPTERS, Target
from mmpose_dualteach.models.adapters.heatmap import HeatmapAdapter
from mmpose_dualteach.models.adapters.kinds import Refusal
from mmpose_dualteach.models.view_pair import ViewPair
from mmpose_dualteach.utils.ancestors import ancestor
from mmpose_dualteach.utils.config_dicts import class_name


@ADAPTERS.register_module()
class CombinedAdapter(HeatmapAdapter):
    """UDP's combined targets: three maps a joint, in shape (N, 3K, H, W).

    The first says whether a cell lies within a radius of the joint, the other two how far it is to the joint, in x and
    y, in units of that radius. The radius is the same in every view, so a change of scale moves the joint and leaves
    the disc around it as large as it was; a turn turns the disc and every offset in it. Each joint's maps are
    therefore sampled about the joint, where the teacher sees it, by the map's turn alone.

    Args:
        head (dict): The head's config.
        **options: Of :class:`HeatmapAdapter`.
    """

    heads: Tuple[str, ...] = ('HeatmapHead',)
    codecs: Tuple[str, ...] = ('UDPHeatmap',)
    losses: Tuple[str, ...] = ('CombinedTargetMSELoss',)
    redrawable = ()

    def __init__(self, head: dict, **options) -> None:
        super().__init__(head, **options)
        codec = KEYPOINT_CODECS.build(self.codec)
        self.radius = codec.radius_factor * max(self.size)
        # The codec smooths the class map before it looks for the maximum.
        side = 2 * codec.blur_kernel_size + 1
        self.kernel = cv2.getGaussianKernel(side, 0).ravel()

    @classmethod
    def refusal(cls, head: dict) -> Optional[Refusal]:
        codec = head.get('decoder') or {}
        known = ancestor(head, MODELS, cls.heads) and cls.codec_kind(codec)
        if not known or codec.get('heatmap_type') != 'combined':
            return Refusal(f'model.head is {class_name(head)} without combined UDPHeatmap')
        other = cls.other_loss(head)
        return Refusal(f'the loss of {class_name(head)} is {other}', 'loss') if other else cls.own_output(head)

    @classmethod
    def supports(cls) -> str:
        return 'HeatmapHead with UDPHeatmap of heatmap_type combined'

    def joints(self, output: Tensor) -> Tuple[Tensor, Tensor]:  # type: ignore[override]  # One stage alone.
        cells, scores = self._cells(output.detach().float())
        return self.in_pixels(cells), scores

    def places(self, output: Tensor) -> Tensor:  # type: ignore[override]  # Offsets go between cells already.
        return self.joints(output)[0]

    def _cells(self, output: Tensor) -> Tuple[Tensor, Tensor]:
        """Joints (x, y) in heatmap cells in shape (N, K, 2) and their scores in shape (N, K), as the codec decodes."""
        count, _, height, width = output.shape
        maps = output.reshape(count, -1, 3, height, width)
        scores, index = self._smoothed(maps[:, :, 0]).flatten(2).max(dim=-1)
        cells = torch.stack((index % width, torch.div(index, width, rounding_mode='floor')), dim=-1).float()
        offsets = maps[:, :, 1:].flatten(3).gather(-1, index[..., None, None].expand(-1, -1, 2, 1))[..., 0]
        return cells + offsets * self.radius, scores

    def _smoothed(self, maps: Tensor) -> Tensor:
        """Gaussian blur as OpenCV does it, with mirrored borders."""
        kernel = geometry.on_device(self.kernel, maps.device)
        flat = maps.flatten(0, 1)[:, None]
        for shape in ((1, 1, 1, -1), (1, 1, -1, 1)):
            weight = kernel.reshape(shape)
            pad = [(weight.shape[3] - 1) // 2] * 2 + [(weight.shape[2] - 1) // 2] * 2
            with geometry.full_precision(flat.device):
                flat = F.conv2d(F.pad(flat, pad, mode='reflect'), weight)
        return flat[:, 0].reshape(maps.shape)

    def from_view(self, output: Tensor, views: ViewPair) -> Tuple[Tensor, Tensor]:  # type: ignore[override]  # One stage alone.
        output = output.float()
        count, channels, height, width = output.shape
        total = channels // 3
        matrix = geometry.in_cells(views.matrix, self.to_input)
        turn = geometry.on_device(geometry.without_scale(matrix), output.device)
        easy = self._cells(output)[0]
        hard = geometry.transform_points(easy, geometry.on_device(matrix, output.device))
        # From a hard cell back to the easy cell that lies in the same direction and at the same distance of the joint.
        back = turn.transpose(1, 2)[:, None].expand(-1, total, -1, -1)
        backward = torch.cat((back, easy[..., None] - back @ hard[..., None]), dim=-1).flatten(0, 1)
        maps = geometry.sample_heatmaps(
            output.reshape(count * total, 3, height, width), backward, self.size, mode='bilinear'
        )[0]
        maps = maps.reshape(count, total, 3, height, width)
        offsets = torch.einsum('nij,nkjhw->nkihw', turn, maps[:, :, 1:])
        maps = views.swap_sides(torch.cat((maps[:, :, :1], offsets), dim=2))
        return maps.flatten(1, 2), geometry.warp_heatmaps(output[:, :1], matrix, self.size)[1]

    def mirrored(self, output: Tensor, flip_indices: Tensor) -> Tensor:  # type: ignore[override]  # One stage alone.
        maps = self.in_mirror(output).reshape(len(output), -1, 3, *output.shape[2:]).index_select(1, flip_indices)
        signs = geometry.on_device([1.0, -1.0, 1.0], output.device).to(output.dtype)
        return (maps * signs[:, None, None]).flatten(1, 2)

    def blended(self, outputs: Sequence[Tensor], shares: Sequence[Tensor]) -> Tensor:
        return super().blended(outputs, [share.repeat_interleave(3, dim=1) for share in shares])

    def loss(self, network: BasePoseEstimator, output: Tensor, target: Target) -> Tensor:  # type: ignore[override]  # One stage alone.
        # As stock CombinedTargetMSELoss: half of each map's error, offsets only as far as the target says joint. Its
        # weights are squared; labels' are 0 and 1, scores between them count once.
        shape = (len(output), -1, 3, *output.shape[2:])
        answer, asked = output.float().reshape(shape), target.value.reshape(shape)
        joint = asked[:, :, :1]
        answer = torch.cat((answer[:, :, :1], joint * answer[:, :, 1:]), dim=2).flatten(1, 2)
        asked = torch.cat((joint, joint * asked[:, :, 1:]), dim=2).flatten(1, 2)
        weight = None if target.weight is None else target.weight.repeat_interleave(3, dim=1)
        return 1.5 * self.stage_weights[0] * self.criterion(answer, asked, target.valid, weight)

    def heat(self, output: Tensor, size: Tuple[int, int]) -> Tensor:  # type: ignore[override]  # One stage alone.
        return super().heat(output[:, ::3], size)
