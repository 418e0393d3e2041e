# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""The command lines of tools/: arguments in, package called, result out."""
from .convert import convert_checkpoint
from .data import browse_pairs, check_data, detect_boxes, split_labels
from .measuring import benchmark, benchmark_speed, check_configs, soak
from .training import export_network, switch_config, train

__all__ = [
    'benchmark', 'benchmark_speed', 'browse_pairs', 'check_configs', 'check_data', 'convert_checkpoint', 'detect_boxes',
    'export_network', 'soak', 'split_labels', 'switch_config', 'train'
]
