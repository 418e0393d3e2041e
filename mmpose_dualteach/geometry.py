# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Affine maps between views, and how heatmaps and points travel along them.

Convention of everything here: points are (x, y), pixel (or cell) centres lie at integers, matrices are 2x3, act on
column vectors and map *source to destination* coordinates. Heatmaps are (N, K, H, W).
"""

from typing import Any, Sequence, Tuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


def compose(second: np.ndarray, first: np.ndarray) -> np.ndarray:
    """The map that does ``first`` and then ``second``.

    Args:
        second (np.ndarray): Matrices in shape (..., 2, 3).
        first (np.ndarray): Matrices in shape (..., 2, 3).

    Returns:
        np.ndarray: Matrices in shape (..., 2, 3), float64.
    """
    return (_square(second) @ _square(first))[..., :2, :]


def invert(matrix: np.ndarray) -> np.ndarray:
    """The map from destination back to source.

    Args:
        matrix (np.ndarray): Matrices in shape (..., 2, 3).

    Returns:
        np.ndarray: Matrices in shape (..., 2, 3), float64.

    Raises:
        ValueError: If a matrix is singular.
    """
    matrix = np.asarray(matrix, dtype=np.float64)
    a, b, x = np.moveaxis(matrix[..., 0, :], -1, 0)
    c, d, y = np.moveaxis(matrix[..., 1, :], -1, 0)
    determinant = a * d - b * c
    if np.any(determinant == 0):
        raise ValueError('a view matrix is singular: its box has no area')
    # Written out: numpy.linalg wakes a pool of threads for it, which costs more than a small network's layer.
    rows = (d, -b, b * y - d * x), (-c, a, c * x - a * y)
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2) / determinant[..., None, None]


def mirror(width: float) -> np.ndarray:
    """The horizontal flip of an image ``width`` pixels wide: x becomes ``width - 1 - x``.

    Returns:
        np.ndarray: Matrix in shape (2, 3), float64.
    """
    return np.array([[-1.0, 0.0, width - 1.0], [0.0, 1.0, 0.0]])


def cells_to_input(scale_factor: Sequence[float], offset: float = 0.0) -> np.ndarray:
    """Where heatmap cells lie on the input: ``input = (cell + offset) * scale_factor``.

    Args:
        scale_factor (Sequence[float]): The codec's (x, y) factor.
        offset (float): How far the codec puts a cell's centre from the cell's index. Defaults to 0.

    Returns:
        np.ndarray: Matrix in shape (2, 3), cells to input pixels, float64.
    """
    x, y = scale_factor
    return np.array([[x, 0.0, offset * x], [0.0, y, offset * y]], dtype=np.float64)


def in_cells(matrix: np.ndarray, to_input: np.ndarray) -> np.ndarray:
    """Bring a map between input pixels into heatmap cells.

    Args:
        matrix (np.ndarray): Matrices in shape (..., 2, 3), input pixels to input pixels.
        to_input (np.ndarray): Where the cells lie, in shape (2, 3); see :func:`cells_to_input`.

    Returns:
        np.ndarray: Matrices in shape (..., 2, 3), cells to cells, float64.
    """
    return compose(invert(to_input), compose(matrix, to_input))


def without_scale(matrix: np.ndarray) -> np.ndarray:
    """The turn and the mirroring of maps that preserve shape, without their scale and shift.

    Args:
        matrix (np.ndarray): Maps in shape (..., 2, 3).

    Returns:
        np.ndarray: Linear maps in shape (..., 2, 2), float64.
    """
    linear = np.asarray(matrix, dtype=np.float64)[..., :2]
    determinant = linear[..., 0, 0] * linear[..., 1, 1] - linear[..., 0, 1] * linear[..., 1, 0]
    return linear / np.sqrt(np.abs(determinant))[..., None, None]


def transform_points(points: Tensor, matrix: Tensor) -> Tensor:
    """Move points along a map.

    Args:
        points (Tensor): Points (x, y) in shape (N, K, 2).
        matrix (Tensor): Maps in shape (N, 2, 3), source to destination, on the points' device.

    Returns:
        Tensor: Points in shape (N, K, 2), float32 or better, under autocast too.
    """
    points = points.to(torch.promote_types(points.dtype, torch.float32))
    matrix = matrix.to(points.dtype)
    with full_precision(points.device):
        return points @ matrix[:, :, :2].transpose(1, 2) + matrix[:, None, :, 2]


def full_precision(device: torch.device) -> torch.autocast:
    """No autocast: with half of the digits a joint at 200 pixels would be moved by one pixel more or less.

    Args:
        device (torch.device): Where tensors are.
    """
    return torch.autocast(device.type, enabled=False)


def warp_heatmaps(heatmaps: Tensor, matrix: np.ndarray, size: Tuple[int, int]) -> Tuple[Tensor, Tensor]:
    """Resample heatmaps along a map and say which cells are known.

    Bicubic, since bilinear interpolation would lower a peak of ``sigma`` cells by up to ``1 / (4 * sigma**2)``, and a
    network that is taught lower peaks teaches lower ones still.

    Sampling coordinates are normalised only after the map was applied in cells: a rotation put into normalised
    coordinates would be a shear where width and height differ.

    Args:
        heatmaps (Tensor): Source heatmaps in shape (N, K, H, W).
        matrix (np.ndarray): Maps in shape (N, 2, 3), source cells to destination cells.
        size (Tuple[int, int]): Destination size (width, height) in cells.

    Returns:
        Tuple[Tensor, Tensor]: The warped heatmaps in shape (N, K, height, width), zero where the source shows nothing,
        and the valid cells in shape (N, 1, height, width), bool: those whose source point lies within the source.
    """
    return sample_heatmaps(heatmaps, on_device(invert(matrix), heatmaps.device), size)


def on_device(values: Any, device: torch.device) -> Tensor:
    """Bring numbers to a device without waiting for what the device is doing.

    Args:
        values (np.ndarray | Sequence[float]): The numbers.
        device (torch.device): Where to.

    Returns:
        Tensor: The same; real numbers become float32.
    """
    values = np.asarray(values)
    tensor = torch.as_tensor(values, dtype=torch.float32 if values.dtype.kind == 'f' else None)
    if device.type == 'cuda':  # Only from pinned memory does a copy not wait.
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


def sample_heatmaps(
    heatmaps: Tensor, backward: Tensor, size: Tuple[int, int], mode: str = 'bicubic'
) -> Tuple[Tensor, Tensor]:
    """Resample heatmaps along a map given backwards; see :func:`warp_heatmaps`.

    Args:
        heatmaps (Tensor): Source heatmaps in shape (N, K, H, W).
        backward (Tensor): Maps in shape (N, 2, 3), destination cells to source cells, float32.
        size (Tuple[int, int]): Destination size (width, height) in cells.
        mode (str): ``'bicubic'``, which keeps the peaks of narrow Gaussians, or ``'bilinear'``, which never leaves the
            range of its source: offsets and discs have edges, over which the other swings. Defaults to ``'bicubic'``.

    Returns:
        Tuple[Tensor, Tensor]: As :func:`warp_heatmaps`.
    """
    width, height = size
    source_height, source_width = heatmaps.shape[-2:]
    source = transform_points(cell_grid(size, heatmaps.device).expand(len(heatmaps), -1, -1), backward)
    x, y = source.reshape(-1, height, width, 2).unbind(dim=-1)

    last_x, last_y = source_width - 1.0, source_height - 1.0
    # Half a thousandth of a cell of slack, so that rounding does not cut the border off an identity map.
    valid = (x >= -5e-4) & (x <= last_x + 5e-4) & (y >= -5e-4) & (y <= last_y + 5e-4)
    valid = valid.unsqueeze(1)
    grid = torch.stack((x * (2.0 / max(last_x, 1.0)) - 1.0, y * (2.0 / max(last_y, 1.0)) - 1.0), dim=-1)
    with full_precision(heatmaps.device):
        warped = F.grid_sample(heatmaps.float(), grid, mode=mode, padding_mode='border', align_corners=True)
    return warped * valid, valid


def peaks_between_cells(heatmaps: Tensor) -> Tensor:
    """Where heatmaps are highest, between cells: exactly the centre of a Gaussian, whatever its height and width.

    The maximum's neighbours say where the parabola through the logarithms has its own; Zhang et al.,
    "Distribution-Aware Coordinate Representation", CVPR 2020, without its smoothing.

    Args:
        heatmaps (Tensor): Heatmaps in shape (N, K, H, W), at least 3 cells wide and high.

    Returns:
        Tensor: Places (x, y) in cells in shape (N, K, 2), at most one cell beside the maximum.
    """
    height, width = heatmaps.shape[-2:]
    flat = heatmaps.flatten(2)
    cell = flat.argmax(dim=-1)
    places = []
    for step, at, count in (
        (1, cell % width, width),
        (width, torch.div(cell, width, rounding_mode='floor'), height),
    ):
        # On the border there is no neighbour: the parabola of the three cells beside it goes on.
        shift = at.clamp(1, count - 2) - at
        beside = torch.stack([cell + (shift + offset) * step for offset in (-1, 0, 1)], dim=-1)
        before, here, after = flat.gather(2, beside).float().clamp(min=1e-6).log().unbind(dim=-1)
        slope, bend = (after - before) / 2, (after + before - 2 * here).clamp(max=-1e-6)
        places.append(at + (shift - slope / bend).clamp(-1, 1))
    return torch.stack(places, dim=-1)


def cell_grid(size: Tuple[int, int], device: torch.device) -> Tensor:
    """All cells of a heatmap, row by row.

    Args:
        size (Tuple[int, int]): Size (width, height) in cells.
        device (torch.device): Where to.

    Returns:
        Tensor: Cells (x, y) in shape (1, height * width, 2), float32.
    """
    y, x = torch.meshgrid(
        torch.arange(size[1], dtype=torch.float32, device=device),
        torch.arange(size[0], dtype=torch.float32, device=device),
        indexing='ij',
    )
    return torch.stack((x, y), dim=-1).reshape(1, -1, 2)


def _square(matrix: np.ndarray) -> np.ndarray:
    """Complete (..., 2, 3) to (..., 3, 3) in float64."""
    matrix = np.asarray(matrix, dtype=np.float64)
    last = np.broadcast_to(np.array([0.0, 0.0, 1.0]), matrix.shape[:-2] + (1, 3))
    return np.concatenate((matrix, last), axis=-2)
