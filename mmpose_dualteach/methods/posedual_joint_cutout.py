# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""PoseDual that covers five joints on the hard view.

Xie et al., ICCV 2021 (``lib/models/pose_dual.py``, ``mask_joint``). Otherwise here: five different joints, covered
where the teacher sees them on the hard view, not before the view is turned. The released code covers less, see
:class:`JointCutout`.
"""

from mmpose_dualteach.methods.posedual import OPTIONS as POSEDUAL
from mmpose_dualteach.utils.config_dicts import on_top

TITLE = 'PoseDual, Joint Cutout'
SOURCE = 'Xie et al., ICCV 2021'
OPTIONS = on_top(dict(model=dict(paths=[[dict(type='JointCutout')]])), POSEDUAL)
