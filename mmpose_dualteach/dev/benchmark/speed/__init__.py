# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Speed and memory of mutual teaching, as ratios of what is measured side by side in one run."""
