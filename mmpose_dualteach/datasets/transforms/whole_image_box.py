# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from typing import Dict

import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS


@TRANSFORMS.register_module()
class WholeImageBox(BaseTransform):
    """Take the whole image for the instance where no box is known.

    Required Keys:

        - img
        - bbox (optional)

    Added Keys:

        - bbox: corners (left, top, right, bottom) in pixels in shape (1, 4), if there was none
    """

    def transform(self, results: Dict) -> Dict:
        """Add the box. See the class for the keys."""
        height, width = results['img'].shape[:2]
        results.setdefault('bbox', np.array([[0, 0, width, height]], dtype=np.float32))
        return results
