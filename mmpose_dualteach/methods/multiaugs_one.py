# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""One network teaches itself on two differently occluded hard views: JOCO and JCCM.

Zhou et al., 2024 (hnuzhy/MultiAugs), one network; see `multiaugs`.
"""

from mmpose_dualteach.methods.multiaugs import JCCM, JOCO
from mmpose_dualteach.methods.posecons import OPTIONS as POSECONS
from mmpose_dualteach.utils.config_dicts import on_top

TITLE = 'MultiAugs, one network'
SOURCE = 'Zhou et al., 2024'
OPTIONS = on_top(dict(model=dict(paths=[JOCO, JCCM])), POSECONS)
