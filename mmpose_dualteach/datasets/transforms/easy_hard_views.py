# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from dataclasses import dataclass
from typing import Dict, Optional, Sequence, Tuple, Union

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmpose.registry import TRANSFORMS
from mmpose.structures.bbox import get_udp_warp_matrix, get_warp_matrix

from mmpose_dualteach import compat, geometry


@dataclass(frozen=True)
class RandomViewParams:
    """The random law of a view.

    Args:
        rotation (float): Standard deviation of the rotation in degrees, clipped to twice that.
        rotation_prob (float): Probability of a rotation.
        scale (float): Standard deviation of the box's scale around 1, clipped to once that. A larger box shows a
            smaller instance.
        flip_prob (float): Probability of a horizontal flip.
    """

    rotation: float
    rotation_prob: float
    scale: float
    flip_prob: float

    def draw(self) -> Tuple[float, float, bool]:
        """Draw rotation in degrees, scale and flip from numpy's global random state."""
        rotation = np.clip(np.random.randn() * self.rotation, -2 * self.rotation, 2 * self.rotation)
        if np.random.rand() >= self.rotation_prob:
            rotation = 0.0
        scale = np.clip(1.0 + np.random.randn() * self.scale, 1.0 - self.scale, 1.0 + self.scale)
        return float(rotation), float(scale), bool(np.random.rand() < self.flip_prob)


@TRANSFORMS.register_module()
class EasyHardViews(BaseTransform):
    """Two views of one instance, an easy and a hard one, each cut straight from the original pixels.

    The hard view is the easy one, further rotated and scaled about the box's centre. Defaults are the paper's (Xie et
    al., ICCV 2021, section 4) as its released code has them (``lib/dataset/mix_coco_coco.py``,
    ``lib/models/pose_dual.py``). Flips mirror the original image about its own middle, as MMPose's ``RandomFlip``
    does.

    Required Keys:

        - img
        - bbox_center
        - bbox_scale

    Removed Keys:

        - img

    Added Keys:

        - input_size: (width, height)
        - easy, hard: each a dict of

            - img: the view in shape (height, width, 3)
            - img_shape: (height, width)
            - view_matrix: 2x3 map from original to input pixels, flip included, float64; (x, y), pixel centres at
              integers
            - flip, flip_direction: whether the view is mirrored

    Args:
        input_size (Tuple[int, int]): Input size (width, height) of the networks.
        use_udp (bool): Cut the box as unbiased data processing does; must be as in the labelled pipeline. Defaults to
            False.
        easy (dict): Arguments of :class:`RandomViewParams` that differ from the default: rotation 30, rotation_prob
            0.6, scale 0.25, flip_prob 0.5.
        hard (dict): The law of what is done on top, by default: rotation 30, rotation_prob 0.8, scale 0.25, flip_prob
            0.
        independent (bool): Draw the hard view by its law alone, by default the easy one's, and not on top of the
            easy view: two views of equal strength. Defaults to False.
    """

    def __init__(
        self,
        input_size: Tuple[int, int],
        use_udp: bool = False,
        easy: Optional[dict] = None,
        hard: Optional[dict] = None,
        independent: bool = False,
    ) -> None:
        self.input_size = tuple(input_size)
        self.use_udp = use_udp
        easy = dict(dict(rotation=30.0, rotation_prob=0.6, scale=0.25, flip_prob=0.5), **(easy or {}))
        on_top = easy if independent else dict(rotation=30.0, rotation_prob=0.8, scale=0.25, flip_prob=0.0)
        self.easy, self.hard = RandomViewParams(**easy), RandomViewParams(**dict(on_top, **(hard or {})))
        self.independent = independent

    @cache_randomness
    def _draw(self) -> Tuple[Tuple[float, float, bool], Tuple[float, float, bool]]:
        easy, hard = self.easy.draw(), self.hard.draw()
        if not self.independent:
            # In a mirrored view a further turn of the same law looks like one to the other side: the law is symmetric.
            hard = (easy[0] + hard[0], easy[1] * hard[1], easy[2] != hard[2])
        return easy, hard

    def transform(self, results: Dict) -> Dict:
        """Cut both views. See the class for the keys."""
        image = results.pop('img')
        width, height = self.input_size
        center = results['bbox_center'][0]
        scale = compat.with_aspect_ratio(results['bbox_scale'], width / height)[0]
        for name, (rotation, factor, flip) in zip(('easy', 'hard'), self._draw()):
            results[name] = self._view(image, center, scale * factor, rotation, flip)
        results['input_size'] = self.input_size
        return results

    def _view(self, image: np.ndarray, center: np.ndarray, scale: np.ndarray, rotation: float, flip: bool) -> dict:
        matrix = self.view_matrix(center, scale, rotation, flip, image.shape[1])
        view = cv2.warpAffine(image, matrix, self.input_size, flags=cv2.INTER_LINEAR)
        return dict(
            img=view,
            img_shape=view.shape[:2],
            view_matrix=matrix,
            flip=flip,
            flip_direction='horizontal' if flip else None,
        )

    def view_matrix(
        self,
        center: Union[Sequence[float], np.ndarray],
        scale: Union[Sequence[float], np.ndarray],
        rotation: float,
        flip: bool,
        image_width: int,
    ) -> np.ndarray:
        """The map from original to input pixels.

        Args:
            center (Sequence[float] | np.ndarray): Centre (x, y) of the box in original pixels.
            scale (Sequence[float] | np.ndarray): Width and height of the box in original pixels, in the input's aspect
                ratio.
            rotation (float): Rotation in degrees, as MMPose's ``bbox_rotation``.
            flip (bool): Whether the image is mirrored first.
            image_width (int): Width of the original image in pixels.

        Returns:
            np.ndarray: Matrix in shape (2, 3), float64.
        """
        first = geometry.mirror(image_width) if flip else np.eye(2, 3)
        centre = first[:, :2] @ np.asarray(center, dtype=np.float64) + first[:, 2]
        warp = get_udp_warp_matrix if self.use_udp else get_warp_matrix
        return geometry.compose(warp(centre, np.asarray(scale), rotation, output_size=self.input_size), first)


@TRANSFORMS.register_module()
class TakeView(BaseTransform):
    """Go on with one of the views that :class:`EasyHardViews` made.

    Required Keys:

        - easy
        - hard

    Removed Keys:

        - easy
        - hard

    Added Keys:

        - those of the view

    Args:
        view (str): ``'easy'`` or ``'hard'``.
    """

    def __init__(self, view: str) -> None:
        self.view = view

    def transform(self, results: Dict) -> Dict:
        """Take the view. See the class for the keys."""
        views = {name: results.pop(name) for name in ('easy', 'hard')}
        results.update(views[self.view])
        return results
