# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence, Tuple, Union

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmpose.registry import TRANSFORMS
from mmpose.structures.bbox import get_udp_warp_matrix, get_warp_matrix

from mmpose_dualteach import compat, geometry
from mmpose_dualteach.datasets.transforms.view_law import ViewLaw, ViewParams
from mmpose_dualteach.utils.branches import EASY, HARD, easy_view, own_branch


@TRANSFORMS.register_module()
class EasyHardViews(BaseTransform):
    """Two views of one instance, an easy and a hard one, each cut straight from the original pixels; more easy ones if
    asked for.

    The hard view is the easy one, further moved, scaled, rotated and mirrored. Flips mirror the original image about
    its own middle, as MMPose's ``RandomFlip`` does. Of images with several instances the box is the whole image. Source
    of the idea: Xie et al., ICCV 2021, section 4.

    Required Keys:

        - img
        - bbox_center
        - bbox_scale

    Removed Keys:

        - img

    Added Keys:

        - views: ``easy``, ``hard``, and ``easy2`` and so on, each a dict of

            - img: the view in shape (height, width, 3)
            - img_shape: (height, width)
            - input_size: (width, height)
            - view_matrix: 2x3 map from original to input pixels, flip included, float64; (x, y), pixel centres at
              integers
            - flip, flip_direction: whether the view is mirrored

    Args:
        input_size (Tuple[int, int]): Input size (width, height) of the networks.
        use_udp (bool): Cut the box as unbiased data processing does; must be as in the labelled pipeline. Defaults to
            False.
        easy (dict): Arguments of :class:`ViewLaw`. Defaults to no change at all.
        hard (dict): The law of what is done on top. Defaults to no change at all.
        independent (bool): Draw the hard view by its law alone, by default the easy one's, and not on top of the
            easy view: two views of equal strength. Defaults to False.
        easy_views (int): How many easy views there are, drawn by the same law. Defaults to 1.
        fit (str, optional): Of whole images, see :class:`Cut`. Defaults to None.
        pad_val (float | Tuple[float, ...]): See :class:`Cut`. Defaults to 0.
        own (Dict[str, dict], optional): ``input_size`` and ``use_udp`` of networks that see images of their own, by the
            network's name: each view is cut for them as well, as ``easy_b`` for instance. Defaults to none.

    Raises:
        ValueError: If there is less than one easy view, or a law that does not exist.
    """

    def __init__(
        self,
        input_size: Tuple[int, int],
        use_udp: bool = False,
        easy: Optional[dict] = None,
        hard: Optional[dict] = None,
        independent: bool = False,
        easy_views: int = 1,
        fit: Optional[str] = None,
        pad_val: Union[float, Sequence[float]] = 0,
        own: Optional[Dict[str, dict]] = None,
    ) -> None:
        if easy_views < 1:
            raise ValueError(f'views: easy_views={easy_views} must be at least 1')
        self.cuts: Dict[Optional[str], Cut] = {None: Cut(input_size, use_udp, fit, pad_val)}
        self.cuts.update({name: Cut(**options) for name, options in (own or {}).items()})
        self.easy = ViewLaw(**(easy or {}))
        self.hard = ViewLaw(**dict((easy or {}) if independent else {}, **(hard or {})))
        self.independent = independent
        self.easy_views = easy_views

    @property
    def names(self) -> List[str]:
        """List[str]: The views, in the order in which they are drawn."""
        return [EASY, HARD, *map(easy_view, range(2, self.easy_views + 1))]

    @cache_randomness
    def _draw(self) -> List[ViewParams]:
        easy, hard = self.easy.draw(), self.hard.draw()
        further = [self.easy.draw() for _ in range(self.easy_views - 1)]
        return [easy, hard if self.independent else hard.on_top_of(easy), *further]

    def transform(self, results: Dict) -> Dict:
        """Cut both views. See the class for the keys."""
        image = results.pop('img')
        views = dict(zip(self.names, self._draw()))
        box = results['bbox_center'][0], results['bbox_scale']
        results['views'] = {
            own_branch(name, network): cut.view(image, *box, view if self._turns_alike(cut) else view.turned_back())
            for network, cut in self.cuts.items()
            for name, view in views.items()
        }
        return results

    def _turns_alike(self, cut: 'Cut') -> bool:
        # MMPose's two ways to cut a box turn it opposite ways.
        return cut.use_udp == self.cuts[None].use_udp


@dataclass(frozen=True)
class Cut:
    """How boxes are cut out.

    Args:
        input_size (Tuple[int, int]): Input size (width, height).
        use_udp (bool): As unbiased data processing does it. Defaults to False.
        fit (str, optional): How a whole image is cut, as ``BottomupRandomAffine`` does it: ``'long'`` shows all of it
            and something beside it, ``'short'`` leaves nothing beside it and cuts its longer side. Defaults to None: a
            box, whose shorter side is extended.
        pad_val (float | Tuple[float, ...]): The colour beside the image. Defaults to 0.
    """

    input_size: Tuple[int, int]
    use_udp: bool = False
    fit: Optional[str] = None
    pad_val: Union[float, Sequence[float]] = 0

    def view(self, image: np.ndarray, center: np.ndarray, scale: np.ndarray, drawn: ViewParams) -> dict:
        """Cut a view.

        Args:
            image (np.ndarray): The image in shape (H, W, 3).
            center (np.ndarray): Centre (x, y) of the box in original pixels in shape (2,).
            scale (np.ndarray): Width and height of the box in original pixels in shape (1, 2).
            drawn (ViewParams): What is done to the box.

        Returns:
            dict: See :class:`EasyHardViews`.
        """
        width, height = self.input_size
        whole = compat.with_aspect_ratio(scale, width / height)[0]
        if self.fit == 'short':
            whole = whole * (scale[0] / whole).min()
        # Shares of the sides before any is extended, as RandomBBoxTransform and BottomupRandomAffine have them.
        moved = center + np.asarray(drawn.shift) * scale[0]
        matrix = self.view_matrix(moved, whole * drawn.scale, drawn.rotation, drawn.flip, image.shape[1])
        padding = (self.pad_val,) * 3 if isinstance(self.pad_val, (int, float)) else tuple(self.pad_val)
        view = cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderValue=padding)
        return dict(
            img=view,
            img_shape=view.shape[:2],
            input_size=(width, height),
            view_matrix=matrix,
            flip=drawn.flip,
            flip_direction='horizontal' if drawn.flip else None,
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

        - views

    Removed Keys:

        - views

    Added Keys:

        - those of the view

    Args:
        view (str): The view's name.
    """

    def __init__(self, view: str) -> None:
        self.view = view

    def transform(self, results: Dict) -> Dict:
        """Take the view. See the class for the keys."""
        results.update(results.pop('views')[self.view])
        return results
