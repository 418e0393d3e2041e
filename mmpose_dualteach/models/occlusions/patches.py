# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Where patches lie, and what is in them."""

from typing import Iterator, Tuple

import torch
from torch import Tensor


def within(boxes: Tensor, size: Tuple[int, int]) -> Tensor:
    """The pixels of boxes.

    Args:
        boxes (Tensor): Boxes (left, top, right, bottom) in input pixels in shape (N, M, 4).
        size (Tuple[int, int]): Input size (width, height).

    Returns:
        Tensor: In shape (N, M, H, W), bool.
    """
    left, top, right, bottom = boxes.unbind(dim=-1)
    x = torch.arange(size[0], device=boxes.device)
    y = torch.arange(size[1], device=boxes.device)
    columns = (x >= left[..., None]) & (x <= right[..., None])
    rows = (y >= top[..., None]) & (y <= bottom[..., None])
    return rows[..., :, None] & columns[..., None, :]


def others(count: int, device: torch.device) -> Tensor:
    """Draw another instance of the batch for each, in shape (N,); itself where it is alone."""
    return (torch.arange(count, device=device) + torch.randint(1, max(count, 2), (count,), device=device)) % count


def shifted(images: Tensor, offset: Tensor) -> Tuple[Tensor, Tensor]:
    """Images moved by whole pixels.

    Args:
        images (Tensor): Images in shape (N, C, H, W).
        offset (Tensor): By how much (x, y), in shape (N, 2), whole numbers.

    Returns:
        Tuple[Tensor, Tensor]: The moved images, and where they are known in shape (N, H, W), bool.
    """
    height, width = images.shape[-2:]
    x = torch.arange(width, device=images.device) - offset[:, :1]
    y = torch.arange(height, device=images.device) - offset[:, 1:]
    known = ((y >= 0) & (y < height))[:, :, None] & ((x >= 0) & (x < width))[:, None, :]
    instance = torch.arange(len(images), device=images.device)[:, None, None]
    moved = images.permute(0, 2, 3, 1)[instance, y.clamp(0, height - 1)[:, :, None], x.clamp(0, width - 1)[:, None, :]]
    return moved.permute(0, 3, 1, 2), known


def pasted(source: Tensor, covered: Tensor, cut: Tensor, boxes: Tensor) -> Iterator[Tuple[Tensor, Tensor]]:
    """What lies around some places, moved to others, patch by patch.

    Args:
        source (Tensor): The images that patches are cut from in shape (N, C, H, W).
        covered (Tensor): Where to (x, y), whole pixels in shape (N, M, 2).
        cut (Tensor): Where from, likewise.
        boxes (Tensor): The patches where they are pasted, (left, top, right, bottom) in shape (N, M, 4).

    Yields:
        Tuple[Tensor, Tensor]: The pixels of a patch that its source shows, in shape (N, 1, H, W), bool, and images that
        have it there, in shape (N, C, H, W).
    """
    height, width = source.shape[-2:]
    for number, inside in enumerate(within(boxes, (width, height)).unbind(dim=1)):
        patch, known = shifted(source, (covered[:, number] - cut[:, number]).long())
        yield (inside & known)[:, None], patch


def draw_joints(points: Tensor, count: int, replacement: bool = False) -> Tensor:
    """Draw joints of each instance, those that are nowhere (NaN) last.

    Args:
        points (Tensor): Joints in shape (N, K, 2).
        count (int): How many.
        replacement (bool): Whether a joint may be drawn again. Defaults to False.

    Returns:
        Tensor: Their numbers in shape (N, M).
    """
    instances, total = points.shape[:2]
    if replacement:
        return torch.randint(total, (instances, count), device=points.device)
    lot = torch.rand(instances, total, device=points.device).masked_fill(points.isnan().any(dim=-1), -1)
    return lot.topk(min(count, total), dim=1).indices
