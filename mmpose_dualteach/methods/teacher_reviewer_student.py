# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Each of two networks is taught by the other and by its own moving average, on hard views whose joints are mixed.

Yun et al., "A New Teacher-Reviewer-Student Framework for Semi-supervised 2D Human Pose Estimation", 2025: the reviewer
keeps what the network learned before and supervises besides the teacher; Keypoint-Mix disturbs the hard view. No code
of it is released. Here the reviewer is the student's moving average, and teacher and reviewer teach their mean, which
has the gradient of half of each one's squared error; its heatmaps out of several stages of the backbone are left out,
stock heads have none. Otherwise as PoseDual.
"""

from mmpose_dualteach.methods.posedual import OPTIONS as POSEDUAL
from mmpose_dualteach.utils.config_dicts import on_top

TITLE = 'Teacher-Reviewer-Student'
SOURCE = 'Yun et al., 2025'
OPTIONS = on_top(
    dict(
        model=dict(
            lessons=[dict(teacher=['b', 'a.ema'], student='a'), dict(teacher=['a', 'b.ema'], student='b')],
            paths=[[dict(type='KeypointMix')]],
        )
    ),
    POSEDUAL,
)
