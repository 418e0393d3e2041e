# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Where something moves in front of a camera that stands still."""

from typing import Iterator, List, Optional, Sequence

import cv2
import numpy as np

LONGEST = 320  # Frames are compared at this size, in pixels of the longer side.
LEAST_CHANGE = 15.0  # Grey levels (0 to 255): noise changes less.
LEAST_AREA = 5e-4  # Of the frame: what is smaller is noise.
SAME = 0.2  # Parts of this share of the largest one's area belong to it: a tail behind a bar.
SMOOTH = 5  # Frames over which boxes are smoothed, by their median.
FRAMES = 50  # Of which the background is the median.


def small(frame: np.ndarray) -> np.ndarray:
    """A frame in shape (H, W, 3) at the size at which frames are compared, 8 bits."""
    scale = min(1.0, LONGEST / max(frame.shape[:2]))
    size = (max(1, round(frame.shape[1] * scale)), max(1, round(frame.shape[0] * scale)))
    return cv2.GaussianBlur(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), (3, 3), 0)


def background_of(frames: Sequence[np.ndarray]) -> np.ndarray:
    """What stands still.

    Args:
        frames (Sequence[np.ndarray]): Small frames in shape (H, W, 3), spread over the time.

    Returns:
        np.ndarray: The median in shape (H, W, 3), 8 bits. What does not move for more than half of the time is in it.
    """
    return np.median(np.stack(list(frames)), axis=0).astype(np.uint8)


def moving_box(frame: np.ndarray, background: np.ndarray) -> Optional[np.ndarray]:
    """The box of what is not background.

    Args:
        frame (np.ndarray): A small frame in shape (H, W, 3), 8 bits.
        background (np.ndarray): The same.

    Returns:
        np.ndarray, optional: (left, top, right, bottom) in shares of the frame's width and height; None where nothing
        is.
    """
    change = cv2.absdiff(frame, background).max(axis=2)
    threshold = max(LEAST_CHANGE, cv2.threshold(change, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[0])
    mask = cv2.morphologyEx((change > threshold).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    _, _, parts, _ = cv2.connectedComponentsWithStats(mask)
    parts = parts[1:]  # The first is the background.
    if not len(parts) or parts[:, cv2.CC_STAT_AREA].max() < LEAST_AREA * mask.size:
        return None
    parts = parts[parts[:, cv2.CC_STAT_AREA] >= SAME * parts[:, cv2.CC_STAT_AREA].max()]
    left, top = parts[:, :2].min(axis=0)
    right, bottom = (parts[:, :2] + parts[:, 2:4]).max(axis=0)
    height, width = mask.shape
    return np.array([left / width, top / height, right / width, bottom / height])


def smoothed(boxes: Sequence[Optional[np.ndarray]]) -> List[Optional[np.ndarray]]:
    """Boxes in time, each the median of those around it; a frame with none around it has that of the last one that has.

    Args:
        boxes (Sequence[Optional[np.ndarray]]): (left, top, right, bottom) of each frame in order, or None.
    """
    return list(_smoothed(boxes))


def _smoothed(boxes: Sequence[Optional[np.ndarray]]) -> Iterator[Optional[np.ndarray]]:
    last = None
    for number in range(len(boxes)):
        half = min(SMOOTH // 2, number, len(boxes) - 1 - number)  # As many on either side: nothing lags behind.
        near = [box for box in boxes[number - half : number + half + 1] if box is not None]
        last = np.median(near, axis=0) if near else last
        yield last
