# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""One network is taught redrawn heatmaps of its moving average, of the joints that it sees alike in two easy views.

Li and Lee, "ScarceNet: Animal Pose Estimation with Scarce Annotations", CVPR 2023 (chaneyddtt/ScarceNet,
``lib/core/function1.py``, ``tools/train_mt_part.py``: joints that two views see within 0.6 cells are labelled anew,
``--dist_thre``; a moving average of 0.999 teaches; a run on labels comes first, as long as that with lessons, which are
ramped up in 10 of 210 epochs; weak easy views, strong hard ones with RandAugment and six patches of 32 pixels; labels
weigh twice as much as lessons).

Otherwise here: agreement is that of the average, which teaches the mean of the two views; in its source the network's
own agreement chooses, by the one's highest cell and the other's place between cells, half a cell aside, and the average
teaches besides all joints whose pseudo-label, made before training, had a score above the lowest 40%. Those
pseudo-labels, out of which it takes the ones of a small loss, and its head for parts of the body are left out. Both
easy views are weak ones, its first is the bare box. Batches are half labelled, its own as the set is. The ramp-up is
linear.
"""

from mmpose_dualteach.methods.mean_teacher import OPTIONS as MEAN_TEACHER
from mmpose_dualteach.utils.config_dicts import on_top

CELLS, PIXELS_A_CELL = 0.6, 4
TURNS = dict(rotate_prob=0.6, flip_prob=0.5, law='clipped')

TITLE = 'ScarceNet'
SOURCE = 'Li and Lee, CVPR 2023'
OPTIONS = on_top(
    dict(
        views=dict(
            easy=dict(scale_factor=(0.9, 1.1), rotate_factor=40.0, **TURNS),
            hard=dict(scale_factor=(0.5, 1.5), rotate_factor=80.0, **TURNS),
            independent=True,
        ),
        rand_augment=dict(num=2, magnitude=20),
        model=dict(
            lessons=[dict(teacher=['a.ema', 'a.ema.view2'], student='a')],
            paths=[[dict(type='RandomCutout', patches=6, half_width=(16, 16))]],
            sup_weight=2.0,
            max_disagreement=CELLS * PIXELS_A_CELL,
            redraw=True,
        ),
        hook=dict(burn_in='50%', ramp_up='2.4%'),
    ),
    MEAN_TEACHER,
)
