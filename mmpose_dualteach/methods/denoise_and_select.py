# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Two networks are taught redrawn heatmaps of each joint's closest pair out of both networks on two easy views.

Yu et al., "Denoising and Selecting Pseudo-Heatmaps for Semi-Supervised Human Pose Estimation", WACV 2024: several views
and a threshold-and-refine step give a pool of pseudo-heatmaps, out of which the uncertainty between the two students
selects. No code of it is released. Here the pool are both networks on two easy views each; of each joint the mean of
the two predictions of different networks that lie closest is taken, redrawn as the codec's label, and left out below a
score of 0.1, as in SSPCM. Numbers of views and thresholds are this package's.
"""

from mmpose_dualteach.methods.posedual import OPTIONS as POSEDUAL
from mmpose_dualteach.utils.config_dicts import on_top

POOL = ['a', 'b', 'a.view2', 'b.view2']

TITLE = 'Denoise and select'
SOURCE = 'Yu et al., WACV 2024'
OPTIONS = on_top(
    dict(
        model=dict(
            lessons=[dict(teacher=POOL, student=student, combine='closest') for student in 'ab'],
            redraw=True,
            pseudo_label_thr=0.1,
        )
    ),
    POSEDUAL,
)
