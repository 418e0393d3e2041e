# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Two networks teach each other on two differently occluded hard views each: JOCO and JCCM.

Zhou et al., "Boosting Semi-Supervised 2D Human Pose Estimation by Revisiting Data Augmentation and Consistency
Training", 2024 (hnuzhy/MultiAugs): the two paths of its larger experiments; with few labels it takes four, see
`multiaugs-four`. JOCO covers two joints by another instance's and then five places; JCCM covers five joints and then
pastes two places of another image, as the released code for one network does; that for two hands five to it
(``lib/models/pose_dual.py``, ``MASK_HOLES_NUM_CO``). Otherwise here: as PoseDual; patches lie where the teacher sees
joints, on the hard view instead of before it is turned, and anywhere on it: see :class:`JointOcclude`,
:class:`JointCutout` and :class:`RandomPatches` for where the released code's lie.
"""

from mmpose_dualteach.methods.posedual import OPTIONS as POSEDUAL
from mmpose_dualteach.utils.config_dicts import on_top

JOINT_CUTOUT, JOINT_OCCLUDE = dict(type='JointCutout'), dict(type='JointOcclude')
JOCO = [JOINT_OCCLUDE, dict(type='RandomCutout')]
JCCM = [JOINT_CUTOUT, dict(type='RandomCutMix')]

TITLE = 'MultiAugs, two networks'
SOURCE = 'Zhou et al., 2024'
OPTIONS = on_top(dict(model=dict(paths=[JOCO, JCCM])), POSEDUAL)
