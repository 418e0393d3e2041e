# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What must hold before training begins. Everything is told in one line that names the file or key and the remedy."""

from .annotation_files import check_entries, is_coco, is_entry, listed_categories, read_coco_json, read_json, short
from .boxes import box_problem, boxes_are_usable, layout_problem, listed_side, stock_class_of
from .keypoints import check_parsed, check_same_keypoints
from .labels import build_labeled, check_labeled, image_problem, instances_of, labeled_problems, readers_of
from .overlap import image_paths, shared_images

__all__ = [
    'box_problem',
    'boxes_are_usable',
    'build_labeled',
    'check_entries',
    'check_labeled',
    'check_parsed',
    'check_same_keypoints',
    'image_paths',
    'image_problem',
    'instances_of',
    'is_coco',
    'is_entry',
    'labeled_problems',
    'layout_problem',
    'listed_categories',
    'listed_side',
    'read_coco_json',
    'read_json',
    'readers_of',
    'shared_images',
    'short',
    'stock_class_of',
]
