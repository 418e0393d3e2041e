"""A lab's own package, as mutual teaching meets it in an existing code base: it knows nothing of this project, but for
``adapter.py``, which is its own choice."""

from .codec import OffsetHeatmap
from .estimator import LabEstimator
from .heads import LabHead, OffsetHead

__all__ = ['LabEstimator', 'LabHead', 'OffsetHead', 'OffsetHeatmap']
