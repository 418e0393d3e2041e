# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""PoseDual with RandAugment's colours on the hard view.

Xie et al., ICCV 2021; the ten photometric operations of the released code (``lib/utils/rand_augment.py``), two in a
row at magnitude 20. Otherwise here: without its grey box, for which there is Joint Cutout; the two always differ; and
SolarizeAdd is the published one, which brightens dark pixels, where that code's brightens all and inverts the bright.
"""

from mmpose_dualteach.methods.posedual import OPTIONS as POSEDUAL
from mmpose_dualteach.utils.config_dicts import on_top

TITLE = 'PoseDual, RandAugment'
SOURCE = 'Xie et al., ICCV 2021'
OPTIONS = on_top(dict(rand_augment=dict(num=2, magnitude=20, operations='all')), POSEDUAL)
