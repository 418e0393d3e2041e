# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from contextlib import contextmanager
from typing import Any, Iterator

import torch
from mmpose.models.heads.base_head import BaseHead
from torch import Tensor, nn

from mmpose_dualteach.models.utils.map_tensors import map_tensors


@contextmanager
def float_outputs(network: nn.Module) -> Iterator[None]:
    """Let a network's heads give float32 where they compute in bfloat16: stock heads compute their accuracy in numpy,
    which has no such numbers, and losses convert them in any case.

    Args:
        network (nn.Module): A stock pose estimator.
    """
    # YOLOX-Pose's and RTMO's are no BaseHead.
    every = [each for each in network.modules() if isinstance(each, BaseHead) or each is getattr(network, 'head', None)]
    heads = [(module, vars(module).get('forward')) for module in every]
    for head, _ in heads:
        head.forward = _converting(head.forward)
    try:
        yield
    finally:
        for head, before in heads:
            del head.forward  # That of its class is left.
            if before is not None:  # Inside of another such context.
                head.forward = before


def _converting(forward: Any) -> Any:
    return lambda *args, **kwargs: map_tensors(forward(*args, **kwargs), _as_float)


def _as_float(part: Tensor) -> Tensor:
    return part.float() if part.dtype == torch.bfloat16 else part
