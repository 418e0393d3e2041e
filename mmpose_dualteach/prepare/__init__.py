# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What comes before training: labels of other tools, splits of labels, boxes with a detector and without, a scan of the
images."""
