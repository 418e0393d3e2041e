# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from typing import Any, List, Optional, Sequence, Tuple, Union

import numpy as np
import torch
from mmengine.structures import InstanceData
from mmpose.models.pose_estimators.base import BasePoseEstimator
from mmpose.registry import KEYPOINT_CODECS, MODELS
from torch import Tensor

from mmpose_dualteach import geometry
from mmpose_dualteach.models.adapters.base import ADAPTERS, OutputAdapter, Target, features_for_test
from mmpose_dualteach.models.adapters.kinds import Refusal
from mmpose_dualteach.models.view_pair import ViewPair
from mmpose_dualteach.utils.ancestors import ancestor
from mmpose_dualteach.utils.config_dicts import class_name

# Megvii's codec rounds down: its cells' centres lie half a cell further. Its labels are 255 high.
CELL_OFFSET = dict(MegviiHeatmap=0.5)
LABEL_HEIGHT = dict(MegviiHeatmap=255.0)

Heatmaps = Union[Tensor, List[Tensor]]


@ADAPTERS.register_module()
class HeatmapAdapter(OutputAdapter):
    """One heatmap a joint in shape (N, K, H, W), from one stage or a list of several.

    Where the cells lie on the input is the codec's to say: ``input = cell * scale_factor``, both with centres at
    integers, with ``input_size / heatmap_size`` for MSRA and ``(input_size - 1) / (heatmap_size - 1)`` for UDP;
    ``input = (cell + 0.5) * input_size / heatmap_size`` for Megvii.

    Of several stages, the teacher's last one that was trained on the same kind of label teaches each: where all stages
    share their labels, the last stage teaches all; where they go from blunt to sharp (Megvii), like teaches like.
    Every stage's loss has the weight that the stock config gives it.

    Args:
        head (dict): The head's config.
        loss (dict, optional): What differs in the config of the loss, :class:`PseudoHeatmapLoss`.
        redraw (bool): Ask for the codec's label of the joints that the teacher sees, not for its heatmaps. Defaults to
            False.

    Raises:
        ValueError: If labels of this kind cannot be redrawn.
    """

    heads: Tuple[str, ...] = ('HeatmapHead', 'ViPNASHead', 'CPMHead', 'MSPNHead')

    codecs: Tuple[str, ...] = ('MSRAHeatmap', 'UDPHeatmap', 'MegviiHeatmap')
    losses: Tuple[str, ...] = ('KeypointMSELoss', 'KeypointOHKMMSELoss')
    codec_keys = ('type', 'input_size', 'heatmap_size', 'heatmap_type')
    size: Tuple[int, int]

    # Codecs whose labels are one Gaussian a joint.
    redrawable: Tuple[str, ...] = ('MSRAHeatmap', 'UDPHeatmap')

    def __init__(self, head: dict, loss: Optional[dict] = None, redraw: bool = False) -> None:
        super().__init__(head)
        codec = KEYPOINT_CODECS.build(self.codec)
        kind = self.codec_kind(self.codec) or class_name(self.codec)
        self.to_input = geometry.cells_to_input(codec.scale_factor, CELL_OFFSET.get(kind, 0.0))
        self.label_height = LABEL_HEIGHT.get(kind, 1.0)
        if redraw and (kind not in self.redrawable or not isinstance(codec.sigma, (int, float))):
            raise ValueError(
                f'model.redraw=True: labels of {kind} are not one Gaussian a joint; set model.redraw=False'
            )
        self.redraw = redraw
        self.differentiable = not redraw
        self.sigma: Any = getattr(codec, 'sigma', None)
        self.unbiased = kind == 'MSRAHeatmap' and codec.unbiased
        self.rounded = kind == 'MSRAHeatmap' and not codec.unbiased  # Labels lie on cells, not between them.
        self.size = tuple(codec.heatmap_size)
        self.criterion = MODELS.build(dict(dict(type='PseudoHeatmapLoss'), **(loss or {})))
        levels, self.stage_weights = stages(head)
        # The teacher's stage that teaches each of the student's.
        self.teaching_stage = [max(i for i, other in enumerate(levels) if other == level) for level in levels]
        self.kin = (self.kin, tuple(self.teaching_stage))

    @classmethod
    def refusal(cls, head: dict) -> Optional[Refusal]:
        refusal, codec = super().refusal(head), head.get('decoder') or {}
        if refusal is None and codec.get('heatmap_type', 'gaussian') != 'gaussian':
            return Refusal(f'the heatmap_type of {class_name(codec)} is {codec["heatmap_type"]}', 'codec')
        return refusal or cls.own_output(head)

    @classmethod
    def own_output(cls, head: dict) -> Optional[Refusal]:
        """The refusal of a descendant that has a loss() and a predict() of its own: what its output means is between
        these two."""
        own = [name for name in ('loss', 'predict') if not ancestor(head, MODELS, cls.heads, (name,))]
        return Refusal(f'{class_name(head)} has a loss() and a predict() of its own') if len(own) == 2 else None

    # ------------------------------------------------------------------ lessons

    def output(self, network: BasePoseEstimator, images: Tensor) -> Heatmaps:
        heatmaps = super().output(network, images)
        height, width = last(heatmaps).shape[-2:]
        if (width, height) != self.size:
            raise ValueError(
                f'codec mismatch: model.head gives heatmaps of {width}x{height} cells for a '
                f'{images.shape[-1]}x{images.shape[-2]} input, its codec expects {self.size[0]}x{self.size[1]}; '
                'correct heatmap_size (input sides must be divisible by 32 for a stock deconvolution head)'
            )
        return heatmaps

    def joints(self, output: Heatmaps) -> Tuple[Tensor, Tensor]:
        heatmaps = last(output).detach()
        width = heatmaps.shape[-1]
        scores, cell = heatmaps.flatten(2).max(dim=-1)
        points = torch.stack((cell % width, torch.div(cell, width, rounding_mode='floor')), dim=-1).float()
        return self.in_pixels(points), scores.float() / self.label_height

    def places(self, output: Heatmaps) -> Tensor:
        return self.in_pixels(geometry.peaks_between_cells(last(output).detach()))

    def in_pixels(self, cells: Tensor) -> Tensor:
        """Points from heatmap cells to input pixels, in shape (N, K, 2)."""
        to_input = geometry.on_device(self.to_input, cells.device)
        return geometry.transform_points(cells, to_input.expand(len(cells), -1, -1))

    def mirrored(self, output: Heatmaps, flip_indices: Tensor) -> Heatmaps:
        if not isinstance(output, Tensor):
            return [self.in_mirror(stage).index_select(1, flip_indices) for stage in output]
        return self.in_mirror(output).index_select(1, flip_indices)

    def in_mirror(self, maps: Tensor) -> Tensor:
        """Maps of a mirrored input in shape (N, K, H, W), on the input itself; joints keep their places."""
        matrix = geometry.in_cells(geometry.mirror(self.codec['input_size'][0]), self.to_input)
        if np.allclose(matrix, geometry.mirror(self.size[0])):
            return maps.flip(-1)
        warped, known = geometry.warp_heatmaps(maps, np.repeat(matrix[None], len(maps), axis=0), self.size)
        return torch.where(known, warped, maps.flip(-1).float())  # The border's own cells, not nothing, beyond it.

    def from_view(self, output: Heatmaps, views: ViewPair) -> Tuple[Heatmaps, Tensor]:
        matrix = geometry.in_cells(views.matrix, self.to_input)
        stages = [output] if isinstance(output, Tensor) else output
        warped, known = zip(*[geometry.warp_heatmaps(stage, matrix, self.size) for stage in stages])
        moved = [views.swap_sides(heatmaps) for heatmaps in warped]
        return (moved[0] if isinstance(output, Tensor) else moved), known[0]

    def move(self, output: Heatmaps, views: ViewPair) -> Target:
        if self.redraw:
            matrix = geometry.in_cells(views.matrix, self.to_input)
            cells = geometry.peaks_between_cells(last(output).detach())
            hard = views.swap_sides(geometry.transform_points(cells, geometry.on_device(matrix, cells.device)))
            labels, weight = self.labels(hard)
            valid = geometry.warp_heatmaps(last(output)[:, :1], matrix, self.size)[1]
            return Target(labels if isinstance(output, Tensor) else [labels] * len(output), valid, weight)
        if isinstance(output, Tensor):
            return Target(*self.from_view(output, views))
        teaching = sorted(set(self.teaching_stage))
        moved, valid = self.from_view([output[stage] for stage in teaching], views)
        return Target([moved[teaching.index(stage)] for stage in self.teaching_stage], valid)

    def labels(self, cells: Tensor) -> Tuple[Tensor, Tensor]:
        """The codec's labels, which it cuts off at three sigmas.

        Args:
            cells (Tensor): Joints (x, y) in heatmap cells in shape (N, K, 2).

        Returns:
            Tuple[Tensor, Tensor]: Heatmaps in shape (N, K, H, W), and the joints' weights in shape (N, K): as of the
            codec, 0 where nothing of a label lies on the map.
        """
        nearest, reach = (cells + 0.5).trunc(), 3 * self.sigma
        # Where a label begins and ends, rounded as the codecs round it: a joint beside the map may have a weight too.
        middle = cells if self.unbiased else nearest
        begin, end = middle - reach, middle + reach + 1
        if not self.unbiased:
            begin, end = begin.trunc(), end.trunc()
        on_map = (begin < begin.new_tensor(self.size)) & (end >= 0)
        cells = nearest if self.rounded else cells
        columns, rows = [
            torch.exp(-0.5 * ((torch.arange(count, device=cells.device) - centre[..., None]) / self.sigma).square())
            for count, centre in zip(self.size, cells.unbind(dim=-1))
        ]
        return rows[..., :, None] * columns[..., None, :], on_map.all(dim=-1).float()

    def loss(self, network: BasePoseEstimator, output: Heatmaps, target: Target) -> Tensor:
        if isinstance(output, Tensor):
            output, value = [output], [target.value]
        else:
            value = target.value
        return sum(
            weight * self.criterion(answer, asked, target.valid, target.weight)
            for weight, answer, asked in zip(self.stage_weights, output, value)
        )

    # ------------------------------------------------------------------ test time

    def answers_for(self, head: dict) -> bool:
        # Scores are of what a head's own predict() says, which a mean heatmap knows nothing of.
        others = not type(self).predict.__module__.startswith(__package__)
        return others or ancestor(head, MODELS, self.heads) == ancestor(head, MODELS, self.heads, ('predict',))

    def predict(self, network: BasePoseEstimator, images: Tensor, samples: Sequence) -> Tuple[List[InstanceData], Any]:
        predictions, fields = network.head.predict(
            features_for_test(network, images), samples, test_cfg=dict(network.test_cfg, output_heatmaps=True)
        )
        return predictions, torch.stack([field.heatmaps for field in fields])

    def decode_mean(self, network: BasePoseEstimator, outputs: Sequence[Tensor]) -> List[InstanceData]:
        return network.head.decode(torch.stack(tuple(outputs)).mean(dim=0))

    # ------------------------------------------------------------------ looking

    def heat(self, output: Heatmaps, size: Tuple[int, int]) -> Tensor:
        heatmaps = last(output).detach() / self.label_height
        return self.on_input(heatmaps, size).amax(dim=1)

    def on_input(self, heatmaps: Tensor, size: Tuple[int, int]) -> Tensor:
        """Heatmaps at the size of the input."""
        return geometry.warp_heatmaps(heatmaps, self.to_input[None].repeat(len(heatmaps), axis=0), size)[0]

    def known(self, target: Target, size: Tuple[int, int]) -> Tensor:
        return self.on_input(target.valid.float(), size)[:, 0] > 0.5


def stages(head: dict) -> Tuple[List[int], List[float]]:
    """The level of labels and the loss weight of each stage of a head.

    Args:
        head (dict): The head's config.

    Returns:
        Tuple[List[int], List[float]]: Level and weight of each.
    """
    count = head.get('num_stages', 1) * head.get('num_units', 1)
    losses = head.get('loss') or {}
    losses = list(losses) if isinstance(losses, (list, tuple)) else [losses] * count
    return list(head.get('level_indices') or [0] * count), [float(loss.get('loss_weight', 1.0)) for loss in losses]


def last(output: Heatmaps) -> Tensor:
    """The last stage's heatmaps: the network's answer."""
    return output if isinstance(output, Tensor) else output[-1]
