# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Reading checkpoints as data, going on from them, and leaving with an ordinary one."""
