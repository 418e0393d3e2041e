# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Instances that a network finds in images by itself."""

from typing import Any, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import torch
from mmengine.structures import InstanceData
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from mmpose_dualteach import geometry
from mmpose_dualteach.models.view_pair import ViewPair

# Joints (x, y) in shape (N, M * K, 2), one instance after the other; their scores in shape (N, M * K); scores of the
# instances in shape (N, M), 0 where there is none; and boxes (left, top, right, bottom) in shape (N, M, 4). In input
# pixels; NaN where there is none.
Instances = Tuple[Tensor, Tensor, Tensor, Tensor]

DOUBT = 1 / 3  # Instances whose score is less than this share of the threshold are none.
MOST = 100  # Instances in an image.
AGREEMENT = 0.1  # Where two networks differ by this share of an instance's longer side, scores fall to exp(-1/2).
BESIDE, LEAST_SIDE = 0.1, 8.0  # Of a box around joints: how much of its longer side, and pixels.
NEAR = 0.3  # Mean distance of two networks' joints of one instance, of its longer side.


class Found(NamedTuple):
    """What a network finds in one image.

    Attributes:
        joints (np.ndarray): Joints (x, y) in shape (M, K, 2).
        scores (np.ndarray): Their scores in shape (M, K).
        certainty (np.ndarray): The instances' scores in shape (M,).
        boxes (np.ndarray, optional): Boxes (left, top, right, bottom) in shape (M, 4).
    """

    joints: np.ndarray
    scores: np.ndarray
    certainty: np.ndarray
    boxes: Optional[np.ndarray]


def as_arrays(instances: InstanceData, scale: np.ndarray) -> Found:
    """A stock prediction in pixels of a view.

    Args:
        instances (InstanceData): Of one image.
        scale (np.ndarray): Size of the image over that of the view in shape (2,).
    """
    joints = _array(instances.keypoints)[..., :2] / scale
    scores = _array(instances.keypoint_scores) if 'keypoint_scores' in instances else np.ones(joints.shape[:2])
    certainty = _array(instances.bbox_scores) if 'bbox_scores' in instances else scores.mean(axis=-1)
    boxes = _array(instances.bboxes).reshape(-1, 4) / np.tile(scale, 2) if 'bboxes' in instances else None
    sane = np.isfinite(joints).all(axis=(1, 2))
    return Found(joints[sane], np.nan_to_num(scores[sane]), certainty[sane], None if boxes is None else boxes[sane])


def as_rows(found: Sequence[Found], least: float, count: int, device: torch.device) -> Instances:
    """The instances of a batch, the surest first.

    Args:
        found (Sequence[Found]): What was found in each image.
        least (float): Those with a lower score are left out.
        count (int): Joints of an instance.
        device (torch.device): Where to.
    """
    orders = []
    for each in found:
        order = np.argsort(-each.certainty, kind='stable')[:MOST]
        orders.append(order[each.certainty[order] >= least])
    most = max(1, *map(len, orders))
    points = np.full((len(found), most, count, 2), np.nan, np.float32)
    scores, boxes = points[..., 0].copy(), np.full((len(found), most, 4), np.nan, np.float32)
    certainty = np.zeros((len(found), most), np.float32)
    for image, (each, order) in enumerate(zip(found, orders)):
        points[image, : len(order)] = each.joints[order]
        scores[image, : len(order)] = each.scores[order]
        certainty[image, : len(order)] = each.certainty[order]
        if each.boxes is not None:
            boxes[image, : len(order)] = each.boxes[order]
    rows = points.reshape(len(found), -1, 2), scores.reshape(len(found), -1), certainty, boxes
    return tuple(geometry.on_device(each, device) for each in rows)  # type: ignore[return-value]


def hulls(points: Tensor, count: int) -> Tensor:
    """Boxes around the joints of each instance in shape (N, M, 4), NaN where there is none."""
    joints = points.reshape(len(points), -1, count, 2)
    return torch.cat([joints.amin(dim=2), joints.amax(dim=2)], dim=-1)


def some_of(joints: Tensor, count: int) -> Tensor:
    """Of which instances any joint is meant, from joints in shape (N, M * K), in shape (N, M), bool."""
    return joints.reshape(len(joints), -1, count).any(dim=-1)


def extents_of(points: Tensor, boxes: Tensor, count: int) -> Tensor:
    """Boxes of instances as their network tells them, or else around all their joints, and something beside, in shape
    (N, M, 4); NaN where there is none."""
    hull = hulls(points, count)
    middle, sides = (hull[..., 2:] + hull[..., :2]) / 2, hull[..., 2:] - hull[..., :2]
    # People reach beyond their joints, and joints may lie in one line.
    sides = torch.maximum(sides + 2 * BESIDE * sides.amax(dim=-1, keepdim=True), sides.new_tensor(LEAST_SIDE))
    around = torch.cat([middle - sides / 2, middle + sides / 2], dim=-1)
    return torch.where(boxes.isfinite(), boxes, around)


def moved_corners(boxes: Tensor, views: ViewPair) -> Tensor:
    """The corners of boxes, moved: where the map turns, boxes are upright no more.

    Args:
        boxes (Tensor): In input pixels of the easy view in shape (N, M, 4).
        views (ViewPair): The map.

    Returns:
        Tensor: Left top, left bottom, right top and right bottom (x, y) in input pixels of the hard view in shape (N,
        M, 4, 2).
    """
    left, top, right, bottom = boxes.unbind(dim=-1)
    corners = torch.stack([left, top, left, bottom, right, top, right, bottom], dim=-1).reshape(len(boxes), -1, 2)
    moved = geometry.transform_points(corners, geometry.on_device(views.matrix, boxes.device))
    return moved.unflatten(1, (-1, 4))


def mirrored_instances(instances: Instances, flip_indices: Tensor, width: float) -> Instances:
    """What instances on a mirrored image say of the image itself.

    Args:
        instances (Instances): On the mirrored image.
        flip_indices (Tensor): The joint that each becomes in a mirror in shape (K,).
        width (float): Width of the image in pixels.
    """
    points, scores, certainty, boxes = instances
    count, shape = len(flip_indices), certainty.shape
    x, y = points.unbind(dim=-1)
    joints = torch.stack([width - 1 - x, y], dim=-1).reshape(*shape, count, 2)[:, :, flip_indices]
    left, top, right, bottom = boxes.unbind(dim=-1)
    return (
        joints.reshape(points.shape),
        scores.reshape(*shape, count)[:, :, flip_indices].reshape(scores.shape),
        certainty,
        torch.stack([width - 1 - right, top, width - 1 - left, bottom], dim=-1),
    )


def in_same_places(outputs: Sequence[Instances]) -> List[Instances]:
    """Several networks' instances on the same images, the same instance in the same place; no instance where a network
    does not see it.

    Args:
        outputs (Sequence[Instances]): Each network's.
    """
    every, *others = outputs
    rows = [every]
    for other in others:
        placed, rest = matched(every, other)
        points, scores, certainty, boxes = (torch.full_like(part, float('nan')) for part in rest)
        nobody = points, scores, torch.zeros_like(certainty), boxes
        rows = [_behind(row, nobody) for row in rows] + [_behind(placed, rest)]
        every = _behind(every, rest)
    return rows


def _behind(first: Instances, second: Instances) -> Instances:
    return tuple(torch.cat(parts, dim=1) for parts in zip(first, second))  # type: ignore[return-value]


def matched(first: Instances, other: Instances) -> Tuple[Instances, Instances]:
    """Another network's instances in the places of the first one's: those whose joints lie near on the average, each at
    most once; where there is none, no instance.

    Args:
        first (Instances): One network's instances.
        other (Instances): Another one's on the same images.

    Returns:
        Tuple[Instances, Instances]: Those in the first one's places, and in their own those that have none.
    """
    shape = first[2].shape
    own = [first[0].reshape(*shape, -1, 2), other[0].reshape(*other[2].shape, -1, 2)]
    place = torch.full(shape, -1, dtype=torch.long)
    left = torch.ones(other[2].shape, dtype=torch.bool)
    for image, (joints, others) in enumerate(zip(*own)):
        extent = (joints.amax(dim=1) - joints.amin(dim=1)).amax(dim=-1).clamp(min=1)
        apart = (joints[:, None] - others[None]).norm(dim=-1).mean(dim=-1) / extent[:, None]
        # One that is too far away is as good as another: pairs are not to be given up for the sake of their sum.
        cost = apart.nan_to_num(2 * NEAR).clamp(max=2 * NEAR).cpu().numpy()
        for row, column in zip(*linear_sum_assignment(cost)):
            if cost[row, column] <= NEAR:
                place[image, row], left[image, column] = column, False
    place = place.to(first[0].device)
    missing, safe = place < 0, place.clamp(min=0)

    def taken(values: Tensor, empty: float) -> Tensor:
        values = values.reshape(*other[2].shape, -1)
        chosen = values.gather(1, safe[..., None].expand(-1, -1, values.shape[-1]))
        return chosen.masked_fill(missing[..., None], empty)

    placed = (
        taken(other[0], float('nan')).reshape(first[0].shape),
        taken(other[1], float('nan')).reshape(first[1].shape),
        taken(other[2], 0.0).reshape(shape),
        taken(other[3], float('nan')).reshape(first[3].shape),
    )
    gone = ~left.to(first[0].device)
    joint_gone = gone.repeat_interleave(other[1].shape[1] // other[2].shape[1], dim=1)
    rest = (
        other[0].masked_fill(joint_gone[..., None], float('nan')),
        other[1].masked_fill(joint_gone, float('nan')),
        other[2].masked_fill(gone, 0.0),
        other[3].masked_fill(gone[..., None], float('nan')),
    )
    return placed, rest


def seen_by_others(instances: Instances, others: Sequence[Instances]) -> Instances:
    """A network's instances with scores times the mean agreement with other networks', joint by joint; that of an
    instance is the mean of its joints', and nothing where the other has no such instance.

    Args:
        instances (Instances): The network's.
        others (Sequence[Instances]): Other networks' on the same images.
    """
    points, scores, certainty, boxes = instances
    count = points.shape[1] // certainty.shape[1]
    extent = hulls(points, count)
    side = (extent[..., 2:] - extent[..., :2]).amax(dim=-1).clamp(min=1).repeat_interleave(count, dim=1)
    shares = [(points - matched(instances, other)[0][0]).norm(dim=-1) / side for other in others]
    agreement = torch.stack([torch.exp(-0.5 * (share / AGREEMENT).square()).nan_to_num() for share in shares]).mean(
        dim=0
    )
    whole = agreement.reshape(*certainty.shape, count).mean(dim=-1)
    return points, scores * agreement, certainty * whole, boxes


def mean_of_matched(instances: Sequence[Instances], shares: Sequence[Tensor]) -> Instances:
    """The mean of what several networks see; of an instance that not all see, of those who do, with the less certainty.

    Args:
        instances (Sequence[Instances]): See :func:`in_same_places`.
        shares (Sequence[Tensor]): The share of each in each joint in shape (N, M * K).
    """
    weights = [share * each[1].isfinite() for share, each in zip(shares, instances)]
    total = torch.stack(weights).sum(dim=0)

    def mean(values: Sequence[Tensor], parts: Sequence[Tensor], whole: Any) -> Tensor:
        return torch.stack([value.nan_to_num() * part for value, part in zip(values, parts)]).sum(dim=0) / whole

    points, scores, certainty, boxes = (list(part) for part in zip(*instances))
    seen = [box.isfinite() for box in boxes]
    return (
        mean(points, [weight[..., None] for weight in weights], total[..., None]),  # NaN where nobody sees one.
        mean(scores, weights, 1.0).masked_fill(total == 0, float('nan')),
        torch.stack(certainty).mean(dim=0),
        mean(boxes, seen, torch.stack(seen).sum(dim=0)),
    )


def _array(values: Any) -> np.ndarray:
    values = values.detach().float().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
    return values.astype(np.float32)
