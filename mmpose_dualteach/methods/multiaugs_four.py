# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Two networks teach each other on four differently occluded hard views each: JOCO, JCCM, JC and JO.

Zhou et al., 2024 (hnuzhy/MultiAugs), the paths for few labels (released for 1K of COCO); see `multiaugs`.
"""

from mmpose_dualteach.methods.multiaugs import JCCM, JOCO, JOINT_CUTOUT, JOINT_OCCLUDE
from mmpose_dualteach.methods.posedual import OPTIONS as POSEDUAL
from mmpose_dualteach.utils.config_dicts import on_top

TITLE = 'MultiAugs, two networks, four paths'
SOURCE = 'Zhou et al., 2024'
OPTIONS = on_top(dict(model=dict(paths=[JOCO, JCCM, [JOINT_CUTOUT], [JOINT_OCCLUDE]])), POSEDUAL)
