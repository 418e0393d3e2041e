# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""How much light and colours differ from image to image."""

from typing import Iterable, List, Optional

import numpy as np

# Photographs of people lie at 0.3 and above, frames of a camera that stands still below 0.06, two arenas in different
# light at 0.13 (docs/results.md).
AS_PHOTOGRAPHS = 0.2
LEVELS = np.linspace(0.05, 0.95, 10)
PIXELS = 128  # Along each side, at most: levels of light need no more.


def light_spread(images: Iterable[np.ndarray]) -> Optional[float]:
    """How much light and colours differ from image to image, as a share of their brightness.

    The standard deviation over images of each channel's quantiles, averaged over ten quantiles and the channels, over
    the mean of all pixels: brightness, contrast and tint count, what stands where does not.

    Args:
        images (Iterable[np.ndarray]): In shape (H, W, 3), (H, W, 1) or (H, W), each of its own size.

    Returns:
        float, optional: 0 where all are alike. None of less than two images, or of black ones.
    """
    quantiles: List[np.ndarray] = []
    for image in images:
        steps = [max(1, side // PIXELS) for side in image.shape[:2]]
        pixels = image[:: steps[0], :: steps[1]].reshape(-1, image.shape[2] if image.ndim == 3 else 1)
        quantiles.append(np.quantile(pixels.astype(np.float32), LEVELS, axis=0))
    if len(quantiles) < 2 or len({each.shape for each in quantiles}) > 1:
        return None
    together = np.stack(quantiles)
    mean = together.mean()
    return float(together.std(axis=0).mean() / mean) if mean > 0 else None


def share_of_photographs(spread: Optional[float]) -> float:
    """How far such images are on the way to photographs, 0 to 1; 1 where nothing is known."""
    return 1.0 if spread is None else min(1.0, spread / AS_PHOTOGRAPHS)
