# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""One network is taught redrawn heatmaps of its moving average, of the surer half of a batch's joints.

Kim et al., "A Unified Framework for Domain Adaptive Pose Estimation", ECCV 2022
(VisionLearningGroup/UDA_PoseEstimation, ``train_human.py``: ``mask_ratio=0.5``, ``rectify``, an average of 0.999, 40 of
70 epochs on labels alone, labels at half their weight), without its style transfer, which is against the gap between
domains. Otherwise here: in the views of Xie et al., ICCV 2021, and targets moved onto the hard one, where its two views
are alike strong, in colour too, and the student's heatmap is moved back; lessons begin with the last weights of the
labels' part of the run, not with its best ones, and the average goes back through that part, where its own begins there
as a copy; peaks are found between cells, though MSRA labels lie on cells; its occlusion of one sure joint by a patch of
the same image is left out, for which there is ``JointOcclude``.
"""

from mmpose_dualteach.methods.mean_teacher import OPTIONS as MEAN_TEACHER
from mmpose_dualteach.utils.config_dicts import on_top

TITLE = 'UDA pose'
SOURCE = 'Kim et al., ECCV 2022'
OPTIONS = on_top(
    dict(model=dict(sup_weight=0.5, redraw=True, pseudo_label_quantile=0.5), hook=dict(burn_in='57%')), MEAN_TEACHER
)
