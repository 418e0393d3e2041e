# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import copy
from typing import Any, Optional

from mmengine.optim import OptimWrapper
from mmpose.registry import OPTIM_WRAPPER_CONSTRUCTORS
from torch import nn

from mmpose_dualteach.models.utils.unwrapped import unwrapped


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class PerNetworkOptimWrapperConstructor:
    """Lets a stock constructor build the optimizer of each network as if it trained alone, and joins them.

    Some constructors go by parameters' names, layer-wise decay or ``custom_keys`` for instance, and the wrapper's names
    have a prefix.

    Args:
        optim_wrapper_cfg (dict): The stock config of the optimizer's wrapper.
        paramwise_cfg (dict): The stock options and, where there is one, ``stock_constructor``, the name of the stock
            constructor. Defaults to mmengine's own.
    """

    def __init__(self, optim_wrapper_cfg: dict, paramwise_cfg: Optional[dict] = None) -> None:
        paramwise_cfg = dict(paramwise_cfg or {})
        self.stock = dict(
            type=paramwise_cfg.pop('stock_constructor', 'DefaultOptimWrapperConstructor'),
            optim_wrapper_cfg=optim_wrapper_cfg,
            paramwise_cfg=paramwise_cfg or None,
        )

    def __call__(self, model: nn.Module) -> OptimWrapper:
        """Build the optimizer's wrapper for a :class:`MutualTeachingPoseEstimator`."""
        mutual: Any = unwrapped(model)
        first, *others = [
            OPTIM_WRAPPER_CONSTRUCTORS.build(copy.deepcopy(self.stock))(mutual.networks[name])
            for name in mutual.learning
        ]
        for other in others:
            for group in other.optimizer.param_groups:
                first.optimizer.add_param_group(group)
        return first
