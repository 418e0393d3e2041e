# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Reading an image or a video's frame as the labelled pipeline reads its images."""

import io
import os.path as osp
import re
from typing import Optional, Sequence, Tuple

import mmcv
import numpy as np
from mmengine.fileio import get
from mmpose.datasets.transforms import LoadImage
from PIL import Image

from mmpose_dualteach.datasets.sources.files import is_address, is_local, link_outside
from mmpose_dualteach.datasets.sources.videos import FrameReader, is_frame, video_of

EXIF_ORIENTATION, ON_THE_SIDE = 0x0112, (5, 6, 7, 8)
JPEG, END_OF_IMAGE = b'\xff\xd8\xff', 0xD9
MARKER = re.compile(b'\xff[^\x00\xd0-\xd7\xff]')  # No stuffed byte, no restart, no fill.
PNG, LAST_CHUNK = b'\x89PNG', b'IEND'


class UnusableImage(Exception):
    """An image cannot be used; says why."""


class ImageReader:
    """Read images, each of them as stock pipelines do: three channels of 8 bits, turned as its EXIF data says.

    The last image is kept: who asks for several instances of one image in a row has it decoded once.

    Args:
        load (LoadImage): The labelled pipeline's transform.
        folders (Sequence[str], optional): Where images may lie, whatever links say; None is anywhere. Defaults to None.
        backend_args (dict, optional): Of mmengine's storage backend. Defaults to what a path's prefix says.
    """

    def __init__(
        self, load: LoadImage, folders: Optional[Sequence[str]] = None, backend_args: Optional[dict] = None
    ) -> None:
        self._load = load
        self.backend_args = backend_args or load.backend_args
        self._roots = None
        if folders is not None and all(is_local(folder, self.backend_args) for folder in folders):
            self._roots = [osp.realpath(folder or '.') for folder in folders]
        self._frames = FrameReader()
        self._last: Optional[Tuple[str, np.ndarray]] = None

    def read(self, path: str, size: Optional[Sequence[float]] = None) -> np.ndarray:
        """Read an image.

        Args:
            path (str): Its path, or that of a video's frame (``clip.mp4#frame=120``).
            size (Sequence[float], optional): Width and height in pixels that its boxes are of. Where that is the
                image before it is turned as its EXIF data says, it is not turned.

        Returns:
            np.ndarray: The image in shape (height, width, 3), BGR. Not to be written to.

        Raises:
            UnusableImage: If it is missing, does not decode or lies outside of the folder.
        """
        if self._last is None or self._last[0] != path:
            self._last = (path, self.read_with_file(path, size)[0])
        return self._last[1]

    def read_with_file(self, path: str, size: Optional[Sequence[float]] = None) -> Tuple[np.ndarray, bytes]:
        """The same, with the bytes of the image's file, none of a video's frame; nothing is kept. See :meth:`read`."""
        self._refuse_outside(path)
        try:
            return (self._frames.read(path), b'') if is_frame(path) else self._decode(path, size)
        except FileNotFoundError:
            raise UnusableImage('is missing') from None
        except UnusableImage:
            raise
        except Exception as error:  # Any decoder's own error means the same: this image cannot be used.
            reason = ' '.join(str(error).split())
            raise UnusableImage(f'does not decode ({reason or type(error).__name__})') from None

    def size(self, path: str) -> Optional[Tuple[int, int]]:
        """Width and height of an image as it is read without a listed size, by its header where it is a file.

        Args:
            path (str): Its path, or that of a video's frame.

        Returns:
            Tuple[int, int], optional: None if they cannot be found.
        """
        try:
            if is_frame(path):
                height, width = self.read(path).shape[:2]
                return width, height
            self._refuse_outside(path)
            with Image.open(io.BytesIO(get(path, backend_args=self.backend_args))) as header:
                turned = header.getexif().get(EXIF_ORIENTATION, 1) in ON_THE_SIDE
                return header.size[::-1] if turned else header.size
        except Exception:  # Whoever reads the image says what is wrong with it.
            return None

    def _decode(self, path: str, size: Optional[Sequence[float]]) -> Tuple[np.ndarray, bytes]:
        content = get(path, backend_args=self.backend_args)
        if not content:
            raise UnusableImage('is empty')
        # OpenCV fills up with grey what is missing.
        if (content.startswith(JPEG) and not _ends(content)) or (content.startswith(PNG) and LAST_CHUNK not in content):
            raise UnusableImage('is truncated')
        image = self._from_bytes(content, self._load.color_type)
        height, width = image.shape[:2]
        if size and width != height and (height, width) == tuple(size):
            image = self._from_bytes(content, 'color_ignore_orientation')
        return (image.astype(np.float32) if self._load.to_float32 else image), content

    def _from_bytes(self, content: bytes, flag: str) -> np.ndarray:
        image = mmcv.imfrombytes(content, flag=flag, backend=self._load.imdecode_backend)
        if image is None:
            raise UnusableImage('does not decode')
        return image

    def _refuse_outside(self, path: str) -> None:
        if is_address(path):
            raise UnusableImage('is an address; nothing is ever downloaded')
        problem = self._roots and link_outside(video_of(path) if is_frame(path) else path, self._roots)
        if problem:
            raise UnusableImage(problem)


def lies_outside(box: Optional[np.ndarray], image: np.ndarray) -> bool:
    """Whether a box shows nothing of an image.

    Args:
        box (np.ndarray, optional): Corners (left, top, right, bottom) in pixels in shape (1, 4).
        image (np.ndarray): In shape (height, width, 3).
    """
    height, width = image.shape[:2]
    return box is not None and bool((box[0, :2] >= (width, height)).any() or (box[0, 2:] <= 0).any())


def refuse_outside(box: Optional[np.ndarray], image: np.ndarray) -> None:
    """Raise :class:`UnusableImage` where a box shows nothing of an image; see :func:`lies_outside`."""
    if box is not None and lies_outside(box, image):
        height, width = image.shape[:2]
        raise UnusableImage(f'has {width}x{height} pixels, and a box {box[0].tolist()} outside of them')


def _ends(jpeg: bytes) -> bool:
    """Whether a JPEG goes on to its end, whatever a camera has put behind it."""
    marker = MARKER.search(jpeg, 2)
    while marker:
        kind, after = jpeg[marker.start() + 1], marker.end()
        if kind == END_OF_IMAGE:
            return True
        # Segments say how long they are; the pixels that follow a start of scan go on to the next marker.
        marker = MARKER.search(jpeg, after + int.from_bytes(jpeg[after : after + 2], 'big'))
    return False
