# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from .finite_js_loss import FiniteJSDiscretLoss
from .pseudo_heatmap_loss import PseudoHeatmapLoss

__all__ = ['FiniteJSDiscretLoss', 'PseudoHeatmapLoss']
