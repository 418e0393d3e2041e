# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""A stock MMPose config in, a mutual-teaching config out, and back."""

from mmpose_dualteach.switch.names import is_switched
from mmpose_dualteach.switch.refusals import check_switchable
from mmpose_dualteach.switch.to_mutual_teaching import mutual_teaching
from mmpose_dualteach.switch.to_stock import stock_config
from mmpose_dualteach.switch.to_supervised import supervised

__all__ = ['check_switchable', 'is_switched', 'mutual_teaching', 'stock_config', 'supervised']
