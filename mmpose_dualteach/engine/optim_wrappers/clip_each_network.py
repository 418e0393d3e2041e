# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from typing import List

import torch


def clip_each_network(networks: List[list], parameters: list, *args, **kwargs) -> torch.Tensor:
    """Clip the gradients of each network by itself.

    Args:
        networks (List[list]): The parameters of each network.
        parameters (list): The parameters that have a gradient now.
        *args, **kwargs: Of ``torch.nn.utils.clip_grad_norm_``.

    Returns:
        Tensor: The largest of the networks' gradient norms.
    """
    present = {id(parameter) for parameter in parameters}
    clipped = [[p for p in own if id(p) in present] for own in networks]
    norms = [torch.nn.utils.clip_grad_norm_(own, *args, **kwargs) for own in clipped if own]  # Not a frozen network's.
    return torch.stack(norms).max() if norms else torch.zeros(())
