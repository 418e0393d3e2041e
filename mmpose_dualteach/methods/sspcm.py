# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Two networks teach each other; a third learns of each joint from those two of them, now or an epoch ago, that agree.

Huang et al., "Semi-Supervised 2D Human Pose Estimation Driven by Position Inconsistency Pseudo Label Correction
Module", CVPR 2023 (hlz0606/SSPCM, ``lib/models/my_pose_triple.py``, with the settings of its
``PoseTriple_all_module`` configs): the mean of the closest pair out of two networks and their copies of the last epoch,
two joints occluded by another instance's, joints below a score of 0.1 left out, labels at half their weight. The third
network answers.

Otherwise here: as PoseDual; the score is that of a lesson's own teachers, where the released code has the mean of both
networks' for all; the closest pair goes by places between cells, where the released code compares highest cells, whose
many ties its first pair wins, that of the networks as they are; patches lie on joints of the hard view (see
:class:`JointOcclude` for where the released code's lie); the third network learns from the first step on, where the
released code, with the settings above, has no target in its first epoch and fails; the best checkpoint is the third
network's, its own that of the first.
"""

from mmpose_dualteach.methods.posedual import OPTIONS as POSEDUAL
from mmpose_dualteach.utils.config_dicts import on_top

TITLE = 'SSPCM'
SOURCE = 'Huang et al., CVPR 2023'
OPTIONS = on_top(
    dict(
        model=dict(
            networks=dict(a=dict(), b=dict(), c=dict()),
            lessons=[
                dict(teacher='a', student='b'),
                dict(teacher='b', student='a'),
                dict(teacher=['a', 'b', 'a.snapshot', 'b.snapshot'], student='c', combine='closest'),
            ],
            paths=[[dict(type='JointOcclude')]],
            pseudo_label_thr=0.1,
            predict_on='c',
        )
    ),
    POSEDUAL,
)
