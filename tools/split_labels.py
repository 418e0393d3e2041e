#!/usr/bin/env python
# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Split an annotation file into a labelled and an unlabelled one."""
import sys

from mmpose_dualteach.commands import split_labels

if __name__ == '__main__':
    sys.exit(split_labels())
