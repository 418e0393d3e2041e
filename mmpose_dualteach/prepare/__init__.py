# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What comes before training: splits of labels, boxes from a detector, a look at the views, a scan of the images."""
