# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""One network is taught on the hard view by its own moving average on the easy one.

Tarvainen and Valpola, "Mean teachers are better role models", NeurIPS 2017, in the views of Xie et al., ICCV 2021, as
mmdet's SoftTeacher has it for boxes. Otherwise here: the average normalises by the batch, as all teachers do here,
where SoftTeacher's uses running statistics (``model.teacher_mode='eval'``), and follows closer in the first steps
(``hook.momentum``); lessons count in full from the first step on, where that paper ramps their weight up
(``hook.ramp_up``).
"""

from mmpose_dualteach.methods.posecons import OPTIONS as POSECONS
from mmpose_dualteach.utils.config_dicts import on_top

TITLE = 'mean teacher'
SOURCE = 'Tarvainen and Valpola, NeurIPS 2017'
OPTIONS = on_top(dict(model=dict(lessons=[dict(teacher='a.ema', student='a')])), POSECONS)
