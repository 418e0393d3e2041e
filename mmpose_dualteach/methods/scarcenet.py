# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""One network is taught redrawn heatmaps of its moving average, of the joints that it sees alike in two easy views.

Li and Lee, "ScarceNet: Animal Pose Estimation with Scarce Annotations", CVPR 2022 (chaneyddtt/ScarceNet,
``lib/core/function1.py``: joints that two views see within 0.6 cells are labelled anew, ``--dist_thre``; a moving
average of 0.999 teaches). Otherwise here: agreement is that of the average, which teaches the mean of the two views; in
its source the network's own agreement chooses, and the average teaches all joints besides; pseudo-labels made before
training, out of which it takes those of a small loss, are left out.
"""

from mmpose_dualteach.methods import on_top
from mmpose_dualteach.methods.mean_teacher import OPTIONS as MEAN_TEACHER

CELLS, PIXELS_A_CELL = 0.6, 4

TITLE = 'ScarceNet'
SOURCE = 'Li and Lee, CVPR 2022'
OPTIONS = on_top(
    dict(
        model=dict(
            lessons=[dict(teacher=['a.ema', 'a.ema.view2'], student='a')],
            max_disagreement=CELLS * PIXELS_A_CELL,
            redraw=True,
        )
    ),
    MEAN_TEACHER,
)
