# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from .per_network_constructor import PerNetworkOptimWrapperConstructor

__all__ = ['PerNetworkOptimWrapperConstructor']
