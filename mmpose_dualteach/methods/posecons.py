# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""One network teaches itself from the easy to the hard view.

Xie et al., ICCV 2021 (``lib/models/pose_cons.py``, ``PoseDisLoss``). There labels count in full, since one network
has no second loss of labels beside its own. Otherwise here: as PoseDual.
"""

from mmpose_dualteach.methods.posedual import OPTIONS as POSEDUAL
from mmpose_dualteach.utils.config_dicts import on_top

TITLE = 'PoseCons'
SOURCE = 'Xie et al., ICCV 2021'
OPTIONS = on_top(
    dict(model=dict(networks=dict(a=dict()), lessons=[dict(teacher='a', student='a')], sup_weight=1.0)), POSEDUAL
)
