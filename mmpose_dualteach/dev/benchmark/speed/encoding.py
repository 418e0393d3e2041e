# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What the general way costs beside its passes: keypoints become labels on the CPU."""

import statistics
import time
from types import SimpleNamespace
from typing import Any, Dict

import numpy as np
import torch

from mmpose_dualteach.models.adapters import adapter_for
from mmpose_dualteach.models.view_pair import ViewPair

INPUT = (192, 256)
CODECS: Dict[str, Dict[str, Any]] = dict(
    MSRAHeatmap=dict(heatmap_size=(48, 64), sigma=2.0),
    UDPHeatmap=dict(heatmap_size=(48, 64), sigma=2.0),
    SimCCLabel=dict(sigma=6.0, simcc_split_ratio=2.0),
    RegressionLabel=dict(),
)


def encoding_seconds(instances: int = 32, joints: int = 133, rounds: int = 5) -> Dict[str, float]:
    """Seconds that a lesson of the general way takes for its labels, by codec; the median of some rounds."""
    meta = dict(view_matrix=np.eye(2, 3), flip=False, flip_indices=list(range(joints)))
    samples = [SimpleNamespace(metainfo=meta) for _ in range(instances)]
    views = ViewPair(samples, samples)
    points = torch.rand(instances, joints, 2) * torch.tensor(INPUT)
    scores = torch.rand(instances, joints)
    seconds = {}
    for name, options in CODECS.items():
        codec: Dict[str, Any] = {**options, 'type': name, 'input_size': INPUT}
        labels = [dict(type='GenerateTarget', encoder=codec), dict(type='PackPoseInputs')]
        head = dict(type='HeatmapHead', decoder=codec)
        adapter = adapter_for(head, 'KeypointAdapter', dict(input_size=INPUT, labels=labels))
        times = []
        for _ in range(rounds):
            begin = time.perf_counter()
            adapter.target((points, scores), scores, views)
            times.append(time.perf_counter() - begin)
        seconds[name] = statistics.median(times)
    return seconds
