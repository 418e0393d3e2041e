# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Where instances without labels come from: annotation files, detections, folders, videos."""
