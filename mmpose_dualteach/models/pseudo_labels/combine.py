# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""How much each of several teachers has to say of each joint."""

from itertools import combinations
from typing import Callable, Dict, List, Optional, Sequence

import torch
from torch import Tensor


def mean_of_all(networks: Sequence[str], joints: Sequence[Tensor]) -> List[Tensor]:
    """All teachers alike.

    Args:
        networks (Sequence[str]): The network of each teacher.
        joints (Sequence[Tensor]): Where each sees the joints (x, y), in input pixels of the easy view in shape
            (N, K, 2).

    Returns:
        List[Tensor]: The share of each in shape (N, K); they sum to 1.
    """
    return [torch.full_like(each[..., 0], 1 / len(joints)) for each in joints]


def closest_pair(networks: Sequence[str], joints: Sequence[Tensor]) -> List[Tensor]:
    """Of each joint those two teachers that see it closest together, of different networks where there are several.

    Source: Huang et al., CVPR 2023, the position inconsistency of SSPCM (hlz0606/SSPCM,
    ``lib/models/my_pose_triple.py``): of two networks, each as it is and as it was an epoch ago.

    Args:
        networks (Sequence[str]): See :func:`mean_of_all`.
        joints (Sequence[Tensor]): See :func:`mean_of_all`.

    Returns:
        List[Tensor]: See :func:`mean_of_all`.
    """
    several = len(set(networks)) > 1
    pairs = [
        (one, other)
        for one, other in combinations(range(len(joints)), 2)
        if networks[one] != networks[other] or not several
    ]
    if not pairs:
        return mean_of_all(networks, joints)
    nearest = torch.stack([(joints[one] - joints[other]).norm(dim=-1) for one, other in pairs]).argmin(dim=0)
    shares = [torch.zeros_like(each[..., 0]) for each in joints]
    for number, pair in enumerate(pairs):
        for teacher in pair:
            shares[teacher] = shares[teacher] + 0.5 * (nearest == number)
    return shares


COMBINE: Dict[str, Callable[[Sequence[str], Sequence[Tensor]], List[Tensor]]] = dict(
    mean=mean_of_all, closest=closest_pair
)


def among_known(shares: Sequence[Tensor], known: Sequence[Optional[Tensor]]) -> List[Tensor]:
    """The shares cell by cell, where not every teacher has seen every cell: of those who have.

    Args:
        shares (Sequence[Tensor]): The share of each teacher in shape (N, K).
        known (Sequence[Tensor, optional]): Which cells each has seen, in shape (N, 1, H, W), bool; None for all, which
            one at least must have.

    Returns:
        List[Tensor]: The share of each in shape (N, K, H, W), or the shares themselves where all have seen all. Where
        nobody who has a share has seen a cell, those who have share alike.
    """
    masks = [mask for mask in known if mask is not None]
    if not masks:
        return list(shares)
    seen = [torch.ones_like(masks[0]) if mask is None else mask for mask in known]
    own = [share[..., None, None] * mask for share, mask in zip(shares, seen)]
    total, heads = torch.stack(own).sum(dim=0), torch.stack(seen).sum(dim=0)
    return [torch.where(total > 0, part / total.clamp(min=1e-6), mask / heads) for part, mask in zip(own, seen)]


def farthest(joints: Sequence[Tensor]) -> Tensor:
    """How far apart those two are that see a joint farthest apart.

    Args:
        joints (Sequence[Tensor]): Where each teacher sees the joints (x, y) in shape (N, K, 2); two or more.

    Returns:
        Tensor: Distances in shape (N, K).
    """
    return torch.stack([(one - other).norm(dim=-1) for one, other in combinations(joints, 2)]).amax(dim=0)
