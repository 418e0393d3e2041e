# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Two networks teach each other, each one's heatmap on the easy view being the other's target on the hard one.

Xie et al., "An Empirical Study of the Collapsing Problem in Semi-Supervised 2D Human Pose Estimation", ICCV 2021, as
the released code has it (xierc/Semi_Human_Pose: views in ``lib/dataset/mix_coco_coco.py``, weights in
``lib/core/loss.py``, ``PoseCoLoss``): labels count half, every joint of a lesson alike, all images count in batch
norm's running statistics, no burn-in, since its networks come from ImageNet. Networks from scratch want a burn-in:
``hook=dict(burn_in=...)``.

Otherwise here: both views are cut from the original image once, and heatmaps move by the map between them in float64,
where the released code turns the already turned image again; known cells alone count, where it takes the border's
zeros for background; the common factor 0.5 of its losses is left out.
"""

from mmpose_dualteach.datasets.unlabeled_pipeline import PAPER_VIEWS

TITLE = 'PoseDual'
SOURCE = 'Xie et al., ICCV 2021'
OPTIONS = dict(views=PAPER_VIEWS, rand_augment=False, model=dict(sup_weight=0.5, confidence=False, statistics='all'))
