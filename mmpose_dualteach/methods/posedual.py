# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Two networks teach each other, each one's heatmap on the easy view being the other's target on the hard one.

Xie et al., "An Empirical Study of the Collapsing Problem in Semi-Supervised 2D Human Pose Estimation", ICCV 2021, as
the released code has it (xierc/Semi_Human_Pose: views in ``lib/dataset/mix_coco_coco.py``, weights in
``lib/core/loss.py``, ``PoseCoLoss``): labels count half, every joint of a lesson alike, all images count in batch
norm's running statistics, no burn-in, since its networks come from ImageNet. Networks from scratch want a burn-in:
``hook=dict(burn_in='20%')``.

Otherwise here: both views are cut from the original image once, colours and patches go on the hard one, and heatmaps
move by the map between them in float64 and by bicubic interpolation; the released code turns the already turned and
coloured image again, fills with the mean colour, and moves heatmaps bilinearly (of a label's peak 0.94 is left, here
0.99) about a middle of their own, 0.9 pixels on average beside the joint. Known cells alone count, where it takes the
border's zeros for background, and divides by all: lessons weigh more here, by a fifth in these views. Its turn of a
hard view that is not square is a shear, ours is a turn. The common factor 0.5 of its losses is left out. Labelled
images go through the stock config's pipeline and schedule, not its own (no shifts and half bodies, scales of 0.75 to
1.25, turns of 30 degrees, at most 60). Networks begin with the stock config's weights: both with the same backbone,
where its ResNet-18s have weights of their own (``networks=dict(b=dict(backbone=dict(init_cfg=...)))``).
"""

TITLE = 'PoseDual'
SOURCE = 'Xie et al., ICCV 2021'
EASY = dict(
    rotate_factor=60.0,
    rotate_prob=0.6,
    scale_factor=(0.75, 1.25),
    scale_prob=1.0,
    shift_factor=0.0,
    flip_prob=0.5,
    law='clipped',
)
# What views='paper' stands for with any method; both views are mirrored alike.
PAPER_VIEWS = dict(easy=EASY, hard=dict(EASY, rotate_prob=0.8, flip_prob=0.0), independent=False)
OPTIONS = dict(views=PAPER_VIEWS, rand_augment=False, model=dict(sup_weight=0.5, confidence=False, statistics='all'))
