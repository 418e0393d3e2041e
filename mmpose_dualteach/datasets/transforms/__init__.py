# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from .easy_hard_views import EasyHardViews, TakeView
from .whole_image_box import WholeImageBox

__all__ = ['EasyHardViews', 'TakeView', 'WholeImageBox']
