# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from .branch_data_preprocessor import BranchDataPreprocessor

__all__ = ['BranchDataPreprocessor']
