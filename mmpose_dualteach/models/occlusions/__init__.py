# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What makes a hard view harder where the teacher sees it: patches that cover parts of an instance."""

from .block_shuffle import BlockShuffle
from .joint_cutout import JointCutout
from .joint_occlude import JointOcclude
from .keypoint_mix import KeypointMix
from .occlusion import Occlusion
from .paths import Path, parse_paths
from .random_patches import RandomCutMix, RandomCutout

__all__ = [
    'BlockShuffle',
    'JointCutout',
    'JointOcclude',
    'KeypointMix',
    'Occlusion',
    'Path',
    'RandomCutMix',
    'RandomCutout',
    'parse_paths',
]
