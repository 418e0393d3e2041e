# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Labels of other tools, as COCO files, keypoint definition and stock config."""

from .import_labels import import_labels

__all__ = ['import_labels']
