# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from typing import Any, Optional

import numpy as np
from mmdet.datasets.transforms import RandAugment
from mmpose.registry import TRANSFORMS

from mmpose_dualteach.datasets.light import share_of_photographs


@TRANSFORMS.register_module()
class ColorRandAugment(RandAugment):
    """mmdet's ``RandAugment`` with operations on colours, which take three channels of bytes, for what else stock
    pipelines load: grey images of one channel, and floats from 0 to 255; and no stronger than the images ask for.

    Of ``strength`` 0.3 the result is three parts of the changed image and seven of the image, which for brightness,
    contrast, colour and sharpness is the operation itself at 0.3 of its magnitude.

    Required Keys:

        - img: in shape (H, W, 3), (H, W, 1) or (H, W)

    Modified Keys:

        - img: of the same shape and type

    Args:
        follow_light (bool): Whether :class:`UnlabeledPoseDataset` sets the strength by how much light and colours
            differ between its images, see :func:`light_spread`. Defaults to False.
        **rand_augment: Of mmdet's ``RandAugment``.

    Raises:
        ValueError: If an image has another number of channels, or other numbers.
    """

    def __init__(self, *, follow_light: bool = False, **rand_augment: Any) -> None:
        super().__init__(**rand_augment)
        self.follow_light = follow_light
        self.strength = 1.0
        self.light_spread: Optional[float] = None

    def be_of_light(self, spread: Optional[float]) -> None:
        """Change colours as far as such images ask for.

        Args:
            spread (float, optional): By :func:`light_spread`. None is not known, and in full.
        """
        self.light_spread, self.strength = spread, share_of_photographs(spread)

    def transform(self, results: dict) -> dict:
        """Change an image's colours. See the class for the keys."""
        image = results['img']
        channels = image.shape[2] if image.ndim == 3 else 1
        if channels not in (1, 3):
            raise ValueError(f'rand_augment changes images of 1 or 3 channels, not of {channels}; set it to False')
        if image.dtype != np.uint8 and not (image.min() >= 0 and image.max() <= 255):
            raise ValueError(
                f'rand_augment changes images of values from 0 to 255, not {image.min():g} to {image.max():g}; set it '
                'to False'
            )
        of_bytes = np.rint(image).astype(np.uint8) if image.dtype != np.uint8 else image
        shown = of_bytes if channels == 3 else np.repeat(of_bytes.reshape(*image.shape[:2], 1), 3, axis=2)
        results = super().transform(dict(results, img=shown))
        if self.strength < 1:
            mixed = shown + self.strength * (results['img'].astype(np.float32) - shown)
            results['img'] = np.rint(mixed).astype(np.uint8)
        changed = results['img'] if channels == 3 else results['img'][..., :1].reshape(image.shape)
        return dict(results, img=changed.astype(image.dtype, copy=False))
