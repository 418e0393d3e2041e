# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""One network teaches itself on four differently occluded hard views: JOCO, JCCM, JC and JO.

Zhou et al., 2024 (hnuzhy/MultiAugs), one network and the paths for few labels; see `multiaugs`.
"""

from mmpose_dualteach.methods.multiaugs_four import OPTIONS as FOUR
from mmpose_dualteach.methods.posecons import OPTIONS as POSECONS
from mmpose_dualteach.utils.config_dicts import on_top

TITLE = 'MultiAugs, one network, four paths'
SOURCE = 'Zhou et al., 2024'
OPTIONS = on_top(dict(model=dict(paths=FOUR['model']['paths'])), POSECONS)
