# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Reading an image or a video's frame as the labelled pipeline reads its images."""
import os.path as osp
from typing import Optional, Sequence, Tuple

import mmcv
import numpy as np
from mmengine.fileio import get
from mmpose.datasets.transforms import LoadImage

from .files import is_local
from .videos import FrameReader, is_frame, video_of

JPEG, START_OF_SCAN, END_OF_IMAGE = b'\xff\xd8\xff', b'\xff\xda', b'\xff\xd9'
PNG, LAST_CHUNK = b'\x89PNG', b'IEND'


class UnusableImage(Exception):
    """An image cannot be used; says why."""


class ImageReader:
    """Read images, each of them as stock pipelines do: three channels of 8 bits, turned as its EXIF data says.

    The last image is kept: who asks for several people of one image in a row has it decoded once.

    Args:
        load (LoadImage): The labelled pipeline's transform.
        folders (Sequence[str], optional): Where images may lie, whatever links say; None is anywhere. Defaults to None.
        backend_args (dict, optional): Of mmengine's storage backend. Defaults to what a path's prefix says.
    """

    def __init__(self, load: LoadImage, folders: Optional[Sequence[str]] = None,
                 backend_args: Optional[dict] = None) -> None:
        self._load = load
        self.backend_args = backend_args or load.backend_args
        self._roots = None
        if folders is not None and all(is_local(folder, self.backend_args) for folder in folders):
            self._roots = [osp.realpath(folder or '.') for folder in folders]
        self._frames = FrameReader()
        self._last: Tuple[Optional[str], Optional[np.ndarray]] = (None, None)

    def read(self, path: str, size: Optional[Tuple[float, float]] = None) -> np.ndarray:
        """Read an image.

        Args:
            path (str): Its path, or that of a video's frame (``clip.mp4#frame=120``).
            size (Tuple[float, float], optional): Width and height in pixels that its boxes are of. Where that is the
                image before it is turned as its EXIF data says, it is not turned.

        Returns:
            np.ndarray: The image in shape (height, width, 3), BGR. Not to be written to.

        Raises:
            UnusableImage: If it is missing, does not decode or lies outside of the folder.
        """
        if self._last[0] == path:
            return self._last[1]
        self._refuse_outside(path)
        try:
            image = self._frames.read(path) if is_frame(path) else self._decode(path, size)
        except FileNotFoundError:
            raise UnusableImage('is missing') from None
        except UnusableImage:
            raise
        except Exception as error:  # Any decoder's own error means the same: this image cannot be used.
            reason = ' '.join(str(error).split())
            raise UnusableImage(f'does not decode ({reason or type(error).__name__})') from None
        self._last = (path, image)
        return image

    def content(self, path: str) -> bytes:
        """The bytes of an image's file.

        Raises:
            UnusableImage: If there are none, or some are missing.
        """
        content = get(path, backend_args=self.backend_args)
        if not content:
            raise UnusableImage('is empty')
        # OpenCV fills up with grey what is missing.
        cut = content.startswith(JPEG) and content.rfind(END_OF_IMAGE) <= content.rfind(START_OF_SCAN)
        if cut or (content.startswith(PNG) and LAST_CHUNK not in content):
            raise UnusableImage('is truncated')
        return content

    def _decode(self, path: str, size: Optional[Tuple[float, float]]) -> np.ndarray:
        content = self.content(path)
        image = self._from_bytes(content, self._load.color_type)
        height, width = image.shape[:2]
        if size and width != height and (height, width) == tuple(size):
            image = self._from_bytes(content, 'color_ignore_orientation')
        return image.astype(np.float32) if self._load.to_float32 else image

    def _from_bytes(self, content: bytes, flag: str) -> np.ndarray:
        image = mmcv.imfrombytes(content, flag=flag, backend=self._load.imdecode_backend)
        if image is None:
            raise UnusableImage('does not decode')
        return image

    def _refuse_outside(self, path: str) -> None:
        if self._roots is None:
            return
        real = osp.realpath(video_of(path) if is_frame(path) else path)
        if not any(osp.commonpath([real, root]) == root for root in self._roots):
            raise UnusableImage(f'is a link to {real}, outside of the folder of images; set '
                                'unlabeled.allow_outside=True if you trust it')
