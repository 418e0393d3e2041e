# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""How a view of an instance is drawn at random."""

from dataclasses import dataclass, replace
from typing import Any, Dict, List, NamedTuple, Sequence, Tuple

import numpy as np
from mmpose.registry import TRANSFORMS
from scipy.stats import truncnorm

from mmpose_dualteach.datasets.labeled_pipeline import WHOLE_IMAGE_CUT
from mmpose_dualteach.utils.ancestors import ancestor
from mmpose_dualteach.utils.config_dicts import class_name

LAWS = ('truncated', 'clipped', 'uniform')
PROBABILITIES = ('shift_prob', 'scale_prob', 'rotate_prob')
# Of a law's flips, and the directions of RandomFlip in the same order. Counted from 1, the bits of their numbers say
# which sides change places, so that ^ of two numbers is one flip after the other; 0 is none.
FLIPS = ('flip_prob', 'vertical_flip_prob', 'diagonal_flip_prob')
DIRECTIONS = ('horizontal', 'vertical', 'diagonal')
# What makes the views of labelled images.
VIEW_TRANSFORMS = ('RandomBBoxTransform', WHOLE_IMAGE_CUT, 'RandomFlip')
# Wrappers that do all that is in them, the last two under other keys.
IN_A_ROW = ('Compose', 'KeyMapper', 'TransformBroadcaster')


class ViewParams(NamedTuple):
    """What is done to a box.

    Attributes:
        shift (Tuple[float, float]): Shift of the centre (x, y) as shares of the box's width and height.
        scale (float): Factor of the box; a larger box shows a smaller instance.
        rotation (float): Rotation in degrees.
        flip (bool): Whether the image is mirrored left to right. One that is flipped vertically is also turned by 180
            degrees, and one that is flipped diagonally is but turned.
    """

    shift: Tuple[float, float]
    scale: float
    rotation: float
    flip: bool

    def turned_back(self) -> 'ViewParams':
        """The same, turned the other way."""
        return self._replace(rotation=-self.rotation)

    def on_top_of(self, first: 'ViewParams') -> 'ViewParams':
        """Both together; that a mirrored view moves and turns the other way makes no difference, laws are symmetric."""
        x, y = [one + first.scale * other for one, other in zip(first.shift, self.shift)]
        return ViewParams((x, y), first.scale * self.scale, first.rotation + self.rotation, first.flip != self.flip)


@dataclass(frozen=True)
class ViewLaw:
    """The random law of a view, in the words of MMPose's ``RandomBBoxTransform``, ``BottomupRandomAffine`` and
    ``RandomFlip``.

    Args:
        shift_factor (float): Largest shift as a share of the box's sides. Defaults to 0.
        shift_prob (float): Probability of a shift. Defaults to 1.
        scale_factor (Tuple[float, float]): Least and largest factor of the box. Defaults to (1, 1).
        scale_prob (float): Probability of scaling. Defaults to 1.
        rotate_factor (float): Largest rotation in degrees. Defaults to 0.
        rotate_prob (float): Probability of a rotation. Defaults to 1.
        flip_prob (float): Probability of a horizontal flip. Defaults to 0.
        vertical_flip_prob (float): Probability of a vertical flip in place of it. Defaults to 0.
        diagonal_flip_prob (float): Probability of a diagonal flip, both at once, in place of either. Defaults to 0.
        law (str): How numbers lie between their bounds. ``'truncated'``: as in ``RandomBBoxTransform``, normally, with
            the bounds at one standard deviation, and drawn again beyond them. ``'clipped'``: as in the released code of
            Xie et al. (``lib/dataset/mix_coco_coco.py``, ``lib/models/pose_dual.py``), normally and clipped to the
            bounds, which are two standard deviations of a rotation, and one of a scale or a shift. ``'uniform'``: all
            alike. Defaults to ``'truncated'``.

    Raises:
        ValueError: If there is no such law, or a number is out of range.
    """

    shift_factor: float = 0.0
    shift_prob: float = 1.0
    scale_factor: Tuple[float, float] = (1.0, 1.0)
    scale_prob: float = 1.0
    rotate_factor: float = 0.0
    rotate_prob: float = 1.0
    flip_prob: float = 0.0
    vertical_flip_prob: float = 0.0
    diagonal_flip_prob: float = 0.0
    law: str = 'truncated'

    def __post_init__(self) -> None:
        if self.law not in LAWS:
            raise ValueError(f"views: law={self.law!r}; choose 'truncated', 'clipped' or 'uniform'")
        pair = self.scale_factor
        if not isinstance(pair, (list, tuple)) or len(pair) != 2 or not 0 < pair[0] <= pair[1]:
            raise ValueError(f'views: scale_factor={pair!r}; give two numbers above 0, (least, largest)')
        for name in (*PROBABILITIES, *FLIPS):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f'views: {name}={getattr(self, name)} must be between 0 and 1')
        if sum(self.flips) > 1 + 1e-6:
            raise ValueError(f'views: {" + ".join(FLIPS)} = {sum(self.flips):g} must be at most 1; lower one')
        for name in ('shift_factor', 'rotate_factor'):
            if getattr(self, name) < 0:
                raise ValueError(f'views: {name}={getattr(self, name)} must not be negative')

    @classmethod
    def of_pipeline(cls, pipeline: List[dict]) -> 'ViewLaw':
        """What a labelled pipeline does to its boxes by ``RandomFlip`` and ``RandomBBoxTransform``, or by classes that
        descend from these, within ``RandomApply``, ``RandomChoice``, ``Compose``, ``KeyMapper`` or
        ``TransformBroadcaster`` too; or to whole images by ``BottomupRandomAffine``, whose shear of a few degrees no
        view has. Of several boxes to choose from the law is as wide as the widest.

        Args:
            pipeline (List[dict]): The pipeline's config.
        """
        return cls(**_law_in(pipeline))

    @property
    def flips(self) -> List[float]:
        """List[float]: Probabilities of a horizontal, a vertical and a diagonal flip."""
        return [getattr(self, name) for name in FLIPS]

    def on_top(self, share: float) -> 'ViewLaw':
        """What is done on top of a view of this law: the same with a share of its strength, and flipped against it as
        often. Where most images are flipped, hard views are flipped as often as images are not: else they were mostly
        what no label shows."""
        low, high = self.scale_factor
        probs = [1 - sum(self.flips), *self.flips]
        usual = probs.index(max(probs))
        flips: Dict[str, Any] = {name: probs[place ^ usual] for place, name in enumerate(FLIPS, 1)}
        return replace(
            self,
            shift_factor=share * self.shift_factor,
            scale_factor=(1 + share * (low - 1), 1 + share * (high - 1)),
            rotate_factor=share * self.rotate_factor,
            **flips,
        )

    def draw(self) -> ViewParams:
        """Draw from numpy's global random state."""
        low, high = self.scale_factor
        if self.law == 'truncated':
            x, y, scale, rotation = truncnorm.rvs(-1, 1, size=4)
        elif self.law == 'uniform':
            x, y, scale, rotation = np.random.uniform(-1, 1, size=4)
        else:
            x, y, scale, rotation = np.clip(np.random.randn(4) * (1, 1, 1, 0.5), -1, 1)
        *chances, flip = np.random.rand(4)
        shifted, scaled, rotated = np.less(chances, (self.shift_prob, self.scale_prob, self.rotate_prob))
        horizontal, vertical, diagonal = np.arange(3) == np.searchsorted(np.cumsum(self.flips), flip, side='right')
        return ViewParams(
            (float(shifted * x * self.shift_factor), float(shifted * y * self.shift_factor)),
            float(((high + low) + scale * (high - low)) / 2) if scaled else 1.0,
            float(rotated * rotation * self.rotate_factor) + 180.0 * bool(vertical or diagonal),
            bool(horizontal or vertical),
        )


def _law_in(transforms: Any) -> Dict[str, Any]:
    """The arguments of :class:`ViewLaw` that a pipeline's config, or a transform's, has; but for flips none where it
    leaves boxes as they are."""
    found: Dict[str, Any] = dict.fromkeys(FLIPS, 0.0)
    for config in [transforms] if isinstance(transforms, dict) else transforms:
        kind = class_name(config)
        if kind in IN_A_ROW:
            one = _law_in(config.get('transforms') or [])
        elif kind == 'RandomApply':
            one = _law_of_choice([config['transforms']], [config.get('prob', 0.5)])
        elif kind == 'RandomChoice':
            choices = config['transforms']
            one = _law_of_choice(choices, config.get('prob') or [1 / len(choices)] * len(choices))
        else:
            one = _law_of(config)
        found.update(one, **_one_flip_after_another(found, one))
    return found


def _one_flip_after_another(first: Dict[str, Any], second: Dict[str, Any]) -> Dict[str, float]:
    """The probabilities of flips of two laws, one on top of the other: what is mirrored twice is not."""
    flips = [[law.get(name, 0.0) for name in FLIPS] for law in (first, second)]
    one, other = [[1 - sum(probs), *probs] for probs in flips]
    both = [0.0] * 4
    for place, prob in enumerate(one):
        for on_top, its_prob in enumerate(other):
            both[place ^ on_top] += prob * its_prob
    return dict(zip(FLIPS, both[1:]))


def _law_of(config: dict) -> Dict[str, Any]:
    kind = ancestor(config, TRANSFORMS, VIEW_TRANSFORMS)
    if kind is None:
        return {}
    stock = TRANSFORMS.build(config)
    if kind == 'RandomFlip':
        return _flips_of(stock)
    found = {name: getattr(stock, name) for name in ViewLaw.__dataclass_fields__ if hasattr(stock, name)}
    found['scale_factor'] = tuple(stock.scale_factor)
    if getattr(stock, 'distribution', None) == 'uniform':
        found['law'] = 'uniform'
    if getattr(stock, 'transform_mode', None) == 'perspective':  # It scales what is seen, not the box.
        found['scale_factor'] = tuple(1 / factor for factor in reversed(stock.scale_factor))
    return found


def _law_of_choice(choices: Sequence[Any], shares: Sequence[float]) -> Dict[str, Any]:
    """The law of one of several pipelines, of which each is taken with a probability."""
    laws = [(_law_in(choice), share) for choice, share in zip(choices, shares)]
    mixed: Dict[str, Any] = {name: sum(share * law.pop(name) for law, share in laws) for name in FLIPS}
    boxes = [(law, share) for law, share in laws if law]
    if boxes:
        mixed.update(boxes[0][0])
        least, largest = zip(*(law['scale_factor'] for law, _ in boxes))
        mixed['scale_factor'] = (min(least), max(largest))
        mixed.update({name: max(law[name] for law, _ in boxes) for name in ('shift_factor', 'rotate_factor')})
        mixed.update({name: sum(share * law[name] for law, share in boxes) for name in PROBABILITIES})
    return mixed


def _flips_of(flip: Any) -> Dict[str, float]:
    """The probability of each flip of a ``RandomFlip``."""
    directions = [flip.direction] if isinstance(flip.direction, str) else list(flip.direction)
    probs = flip.prob if isinstance(flip.prob, list) else [flip.prob / len(directions)] * len(directions)
    return {
        name: float(sum(prob for prob, each in zip(probs, directions) if each == direction))
        for name, direction in zip(FLIPS, DIRECTIONS)
    }
