# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""``docs/options.md``: every option of a switched config, out of the docstrings of the classes that take them."""

import ast
import inspect
import re
import textwrap
from dataclasses import dataclass, field
from typing import Any, Callable, Collection, Mapping

import griffe

from mmpose_dualteach.datasets import EasyHardViews, UnlabeledPoseDataset
from mmpose_dualteach.datasets.sources.videos import FrameSelection
from mmpose_dualteach.datasets.transforms.view_law import ViewLaw
from mmpose_dualteach.dev.docstring_roles import markdown
from mmpose_dualteach.engine.hooks import DualTeacherHook, LessonVisualizationHook
from mmpose_dualteach.models.estimators.mutual_teaching import MutualTeachingPoseEstimator
from mmpose_dualteach.models.losses import PseudoHeatmapLoss
from mmpose_dualteach.models.occlusions import (
    BlockShuffle,
    JointCutout,
    JointOcclude,
    KeypointMix,
    RandomCutMix,
    RandomCutout,
)
from mmpose_dualteach.models.occlusions.occlusion import JointPatches, Occlusion
from mmpose_dualteach.models.pseudo_labels.lessons import Lesson
from mmpose_dualteach.switch import mutual_teaching
from mmpose_dualteach.switch.names import PLACES

HEAD = """# Options

What `mutual_teaching(_base_, unlabeled, ...)` takes, group by group. `--cfg-options` on the command line reach the keys
of the switched config, which each group names; what has none is said in the switch alone. *This page is written by
`tools/list_options.py` from the docstrings; [Reference](reference.md) has the classes whole.*
"""
TABLE = ('| option | default | meaning |', '| --- | --- | --- |')


@dataclass(frozen=True)
class Group:
    """Options that are written in one place of a config, and what takes them.

    Args:
        title (str): Where they are written.
        taker (Callable): What takes them; its docstring has a Google-style ``Args`` section.
        without (Collection[str]): Arguments that are no options here: the switch fills them in, or others say them.
        renamed (Mapping[str, str]): How a config names an argument, where otherwise.
    """

    title: str
    taker: Callable
    without: Collection[str] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)


GROUPS = (
    Group('mutual_teaching(_base_, ...)', mutual_teaching, ('stock',)),
    Group('unlabeled=dict(...)', UnlabeledPoseDataset, ('dataset_type', 'dataset_options')),
    Group('unlabeled=dict(video=dict(...))', FrameSelection),
    Group('views=dict(...)', EasyHardViews, ('input_size', 'use_udp', 'fit', 'pad_val', 'own')),
    Group('views=dict(easy=dict(...), hard=dict(...))', ViewLaw),
    Group(
        'model=dict(...)',
        MutualTeachingPoseEstimator,
        ('data_preprocessor', 'keypoint_labels', 'estimator'),
    ),
    Group('model=dict(lessons=[dict(...)])', Lesson, renamed=dict(teachers='teacher')),
    Group('model=dict(pseudo_loss=dict(...))', PseudoHeatmapLoss),
    *(
        Group(f"model=dict(paths=[[dict(type='{each.__name__}', ...)]])", each)
        for each in (JointCutout, JointOcclude, KeypointMix, RandomCutout, RandomCutMix, BlockShuffle)
    ),
    Group('on top of those on joints', JointPatches, ('count',)),
    Group('on top of all but BlockShuffle', Occlusion, ('count',)),
    Group('hook=dict(...)', DualTeacherHook),
    Group('pictures=dict(...)', LessonVisualizationHook),
)


def options_page() -> str:
    """Write the page.

    Returns:
        str: Markdown; a heading, what it is about and a table for every group.
    """
    return '\n'.join([HEAD, *map(section, GROUPS)]).rstrip() + '\n'


def section(group: Group) -> str:
    """A group's heading, what its taker is, and a row for every option."""
    parts = griffe.Docstring(inspect.getdoc(group.taker) or '').parse('google', warnings=False)
    defaults = {each.name: each.default for each in inspect.signature(group.taker).parameters.values()}
    rows = [
        row(
            group.renamed.get(option.name, option.name),
            defaults.get(option.name, inspect.Parameter.empty),
            option.description,
            place(option.name) if group.taker is mutual_teaching else '',
        )
        for part in parts
        if part.kind is griffe.DocstringSectionKind.parameters
        for option in part.value
        if option.name not in group.without
    ]
    summary = markdown(str(parts[0].value).split('\n\n')[0]) + place(group.title.replace('=dict(...)', ''))
    text = textwrap.fill(' '.join(summary.split()), 120, break_long_words=False, break_on_hyphens=False)
    return '\n'.join([f'## `{group.title}`', '', text, '', *TABLE, *rows, ''])


def place(argument: str) -> str:
    """Where an argument of :func:`mutual_teaching` stands in a switched config, in a sentence; nothing of another."""
    return f' In a switched config: `{PLACES[argument]}`.' if argument in PLACES else ''


def row(name: str, default: Any, description: str, place: str) -> str:
    """An option's line in a table; what the signature says of its default, the last sentence need not say again."""
    description = ' '.join(markdown(description).split())
    said = re.search(r' ?Defaults to ([^.]+(?:\.\d+)?)\.$', description)
    if said and default is not inspect.Parameter.empty and value_of(said[1]) == default:
        description = description[: said.start()]
    shown = '' if default in (None, inspect.Parameter.empty) else f'`{default!r}`'
    return '| ' + ' | '.join(text.replace('|', r'\|') for text in (f'`{name}`', shown, description + place)) + ' |'


def value_of(text: str) -> Any:
    """The value that a docstring names."""
    try:
        return ast.literal_eval(text.strip('`'))
    except (ValueError, SyntaxError):
        return text
