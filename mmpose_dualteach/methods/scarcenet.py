# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""One network is taught redrawn heatmaps of its moving average, of the joints that it sees alike in two easy views.

Li and Lee, "ScarceNet: Animal Pose Estimation with Scarce Annotations", CVPR 2023 (chaneyddtt/ScarceNet,
``lib/core/function1.py``, ``tools/train_mt_part.py``: joints that two views see within 0.6 cells are labelled anew,
``--dist_thre``; a moving average of 0.999 teaches; 210 epochs of the few labelled images come first, then 150 of all
images with lessons, ramped up in ten of them; weak easy views, strong hard ones with RandAugment and, on half of them,
six patches of 33 pixels of a 256x256 input; what labels and the average teach weighs 2:1).

Otherwise here: labels alone have half of the run, in steps far more than there. Cells are
those of heatmaps of a quarter of the input, whatever the head has: 2.4 pixels. Agreement is that of the average, which
teaches the mean of the two views; in its source the network's own agreement chooses, by the highest cell of one view
and that of the other, warped, half a cell aside, so that of joints without any error a quarter pass, and all of them
here; and the average teaches besides all joints whose pseudo-label, made before training, had a score above the lowest
40%, and on labelled images. Those pseudo-labels, out of which it takes the ones of a small loss, and its head for parts
of the body are left out. The average begins with the run, its own with the lessons, as a copy of the best weights.
Every hard view has three patches, and one operation of colour at full strength, where its source draws two, weaker, and
leaves each out half the time. Both easy views are weak ones, its first is the box, shifted or of half a body at times.
Batches are half labelled, its own as the set is. The ramp-up is linear.
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
        rand_augment=dict(num=1, magnitude=20),
        model=dict(
            lessons=[dict(teacher=['a.ema', 'a.ema.view2'], student='a')],
            paths=[[dict(type='RandomCutout', patches=3, half_width=(16.5, 16.5), base_size=(256, 256))]],
            sup_weight=2.0,
            max_disagreement=CELLS * PIXELS_A_CELL,
            redraw=True,
        ),
        hook=dict(burn_in='50%', ramp_up='3.3%'),
    ),
    MEAN_TEACHER,
)
