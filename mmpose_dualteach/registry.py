# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""A scope of this package's name, so that configs inherit from ours as ``'mmpose_dualteach::...'``.

mmengine gives all that such a base builds the scope of its package, and looks for registries of that name here. Ours
are registered in MMPose's own; these are empty children of them, through which everything is found.
"""

import mmpose.registry
from mmengine.registry import Registry

SCOPE = 'mmpose_dualteach'

for parent in list(vars(mmpose.registry).values()):
    # mmengine's own are there as well, and one may have two names.
    if isinstance(parent, Registry) and parent.scope == 'mmpose' and SCOPE not in parent.children:
        Registry(parent.name, parent=parent, scope=SCOPE, locations=[SCOPE])
