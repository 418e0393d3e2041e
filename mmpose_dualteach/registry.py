# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""A scope of this package's name, so that configs inherit from ours as ``'mmpose_dualteach::...'``.

mmengine gives all that such a base builds the scope of its package, and looks for registries of that name here. Ours
are registered in MMPose's own; these are empty children of them, through which everything is found.
"""

import mmpose.registry
from mmengine.registry import Registry

REGISTRIES = [
    Registry(parent.name, parent=parent, scope='mmpose_dualteach', locations=['mmpose_dualteach'])
    for parent in vars(mmpose.registry).values()
    if isinstance(parent, Registry)
]
