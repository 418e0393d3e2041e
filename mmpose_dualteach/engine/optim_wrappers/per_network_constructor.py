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
            constructor; and ``networks``, by name the same of a network that has options of its own in place of these.
            Defaults to mmengine's own constructor, without options.
    """

    def __init__(self, optim_wrapper_cfg: dict, paramwise_cfg: Optional[dict] = None) -> None:
        self.optim_wrapper_cfg = optim_wrapper_cfg
        self.shared = dict(paramwise_cfg or {})
        self.own = self.shared.pop('networks', {})

    def __call__(self, model: nn.Module) -> OptimWrapper:
        """Build the optimizer's wrapper for a :class:`MutualTeachingPoseEstimator`."""
        mutual: Any = unwrapped(model)
        first, *others = [self._constructor(name)(mutual.networks[name]) for name in mutual.learning]
        for each in (first, *others):
            for group in each.optimizer.param_groups:
                # Not all constructors tell them, and torch joins no groups with and without.
                group.pop('param_names', None)
                if each is not first:
                    first.optimizer.add_param_group(group)
        return first

    def _constructor(self, name: str) -> Any:
        """The stock constructor of a network."""
        options = dict(self.own.get(name, self.shared))
        kind = options.pop('stock_constructor', 'DefaultOptimWrapperConstructor')
        stock = dict(type=kind, optim_wrapper_cfg=self.optim_wrapper_cfg, paramwise_cfg=options or None)
        return OPTIM_WRAPPER_CONSTRUCTORS.build(copy.deepcopy(stock))
