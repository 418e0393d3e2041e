# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from typing import Any, Tuple

import torch
from mmpose.registry import MODELS
from torch import Tensor

from mmpose_dualteach.models.utils.map_tensors import map_tensors


@MODELS.register_module()
class BlockShuffle:
    """Cut each hard view into blocks and show them in another order; heatmaps are put together again before they are
    compared, so that a student must know a joint by what lies around it.

    The S3KL of the field's tables, without code of it that we could read.

    Args:
        blocks (Tuple[int, int]): How many, (across, down). Defaults to (2, 2).

    Raises:
        ValueError: If there are less than two blocks.
    """

    def __init__(self, blocks: Tuple[int, int] = (2, 2)) -> None:
        self.across, self.down = blocks
        if min(blocks) < 1 or self.across * self.down < 2:
            raise ValueError(f'BlockShuffle: blocks={tuple(blocks)} must be at least two')

    def check(self, *sizes: Tuple[int, int]) -> None:
        """Refuse sizes (width, height) that cannot be cut into the blocks.

        Raises:
            ValueError: If one is none of whole blocks.
        """
        for width, height in sizes:
            if width % self.across or height % self.down:
                raise ValueError(
                    f'model.paths: BlockShuffle cannot cut {width}x{height} into {self.across}x{self.down} blocks; '
                    'change blocks'
                )

    def draw(self, count: int, device: torch.device) -> Tensor:
        """Draw for each image which block comes to which place, in shape (N, M)."""
        return torch.rand(count, self.across * self.down, device=device).argsort(dim=1)

    def shuffled(self, maps: Tensor, order: Tensor) -> Tensor:
        """Images or maps in shape (N, C, H, W) with their blocks in an order in shape (N, M)."""
        count, channels, height, width = maps.shape
        h, w = height // self.down, width // self.across
        blocks = maps.reshape(count, channels, self.down, h, self.across, w).permute(0, 2, 4, 1, 3, 5).flatten(1, 2)
        blocks = blocks[torch.arange(count, device=maps.device)[:, None], order]
        blocks = blocks.reshape(count, self.down, self.across, channels, h, w).permute(0, 3, 1, 4, 2, 5)
        return blocks.reshape(count, channels, height, width)

    def restored(self, output: Any, order: Tensor) -> Any:
        """Maps, or those of several stages, with their blocks where they were before ``order``."""
        return map_tensors(output, lambda maps: self.shuffled(maps, order.argsort(dim=1)))
