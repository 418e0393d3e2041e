# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What the views of unlabelled images are, and what of labelled images they lack."""

from typing import Any, Iterator, List

from mmpose.datasets.transforms import BottomupRandomAffine, RandomHalfBody

from mmpose_dualteach.datasets import EasyHardViews
from mmpose_dualteach.datasets.transforms.color_rand_augment import ColorRandAugment
from mmpose_dualteach.datasets.transforms.view_law import ViewLaw
from mmpose_dualteach.utils.branches import HARD


def views_in_words(data: Any) -> List[str]:
    """A line on each transform of views.

    Args:
        data (LabeledUnlabeledDataset): The dataset of both kinds.
    """
    inside = list(_transforms_of(data.datasets[1]))
    lacking = ''.join(f'; no {each}, as labelled images have' for each in dict.fromkeys(_lacking(data.datasets[0])))
    lines = []
    for views in (each for each in inside if isinstance(each, EasyHardViews)):
        second = 'drawn alone' if views.independent else 'on top of it'
        several = f'{views.easy_views} easy ones, each' if views.easy_views > 1 else 'easy'
        hard = ', '.join([*_parts(views.hard), *dict.fromkeys(_colours(inside))]) or 'unchanged'
        lines.append(f'views: {several} {law_in_words(views.easy)}; hard, {second}, {hard}{lacking}')
    return lines


def law_in_words(law: ViewLaw) -> str:
    """The law of a view in a few words."""
    return ', '.join(_parts(law)) or 'unchanged'


def _parts(law: ViewLaw) -> Iterator[str]:
    if law.flip_prob:
        yield f'mirrored {law.flip_prob:.0%}'
    if law.vertical_flip_prob:
        yield f'flipped upside down {law.vertical_flip_prob:.0%}'
    if law.diagonal_flip_prob:
        yield f'turned by half {law.diagonal_flip_prob:.0%}'
    if law.rotate_factor and law.rotate_prob:
        yield f'turned up to {law.rotate_factor:g} degrees {law.rotate_prob:.0%}'
    if law.scale_factor != (1.0, 1.0) and law.scale_prob:
        yield f'boxes times {law.scale_factor[0]:g} to {law.scale_factor[1]:g} {law.scale_prob:.0%}'
    if law.shift_factor and law.shift_prob:
        yield f'shifted up to {law.shift_factor:.0%} {law.shift_prob:.0%}'


def _colours(transforms: List[Any]) -> Iterator[str]:
    """What is done to the colours of hard views."""
    branches = {name: each for one in transforms for name, each in getattr(one, 'branch_pipelines', {}).items()}
    for each in _inside(branches.get(HARD)):
        if isinstance(each, ColorRandAugment):
            yield f'{each.aug_num} of {len(each.aug_space)} changes of colour'


def _lacking(labeled: Any) -> Iterator[str]:
    """What happens to labelled images and, by no law, to views."""
    for each in _transforms_of(labeled):
        if isinstance(each, RandomHalfBody):
            yield 'half body (RandomHalfBody)'
        if isinstance(each, BottomupRandomAffine) and each.shear_factor and each.shear_prob:
            yield f'shear of up to {each.shear_factor:g} degrees'


def _transforms_of(dataset: Any) -> Iterator[Any]:
    """The transforms of a dataset, and of those inside wrappers."""
    yield from _inside(getattr(dataset, 'pipeline', None))
    for part in getattr(dataset, 'datasets', None) or [getattr(dataset, 'dataset', None)]:
        if part is not None:
            yield from _transforms_of(part)


def _inside(transform: Any) -> Iterator[Any]:
    """A transform, and those that it wraps."""
    if isinstance(transform, (list, tuple)):
        for each in transform:
            yield from _inside(each)
    elif transform is not None:
        yield transform
        yield from _inside(getattr(transform, 'transforms', None))
        yield from _inside(list(getattr(transform, 'branch_pipelines', {}).values()))
