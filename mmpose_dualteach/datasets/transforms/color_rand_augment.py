# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import numpy as np
from mmdet.datasets.transforms import RandAugment
from mmpose.registry import TRANSFORMS


@TRANSFORMS.register_module()
class ColorRandAugment(RandAugment):
    """mmdet's ``RandAugment`` with operations on colours, which take three channels of bytes, for what else stock
    pipelines load: grey images of one channel, and floats from 0 to 255.

    Required Keys:

        - img: in shape (H, W, 3), (H, W, 1) or (H, W)

    Modified Keys:

        - img: of the same shape and type

    Args:
        **rand_augment: Of mmdet's ``RandAugment``.

    Raises:
        ValueError: If an image has another number of channels, or other numbers.
    """

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
        changed = results['img'] if channels == 3 else results['img'][..., :1].reshape(image.shape)
        return dict(results, img=changed.astype(image.dtype, copy=False))
