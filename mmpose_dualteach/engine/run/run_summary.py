# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What a run is about to do, in words."""

import math
from typing import Any, Iterator, List

from mmpose_dualteach.datasets.checks import readers_of
from mmpose_dualteach.datasets.sources.videos import frames_in_words
from mmpose_dualteach.engine.run.pseudo_schedule import PseudoSchedule
from mmpose_dualteach.engine.run.views_in_words import views_in_words
from mmpose_dualteach.models.adapters import KeypointAdapter


def run_summary(runner: Any, model: Any, schedule: PseudoSchedule, by_epoch: bool, wait: bool) -> List[str]:
    """The lines that are logged when training starts.

    Args:
        runner (Runner): The runner.
        model (MutualTeachingPoseEstimator): Its model, without a wrapper.
        schedule (PseudoSchedule): When lessons count.
        by_epoch (bool): Whether the schedule counts epochs.
        wait (bool): Whether lessons wait for labels.

    Returns:
        List[str]: The data, an epoch, the views and the lessons, a line each.
    """
    loader = runner.train_dataloader
    data, (labeled, unlabeled), ranks = loader.dataset, loader.sampler.counts, loader.sampler.world_size
    frames = frames_in_words(data.datasets[1].load_report)
    unit = 'images' if model.finds_instances else 'instances'
    # A wrapper may repeat them, or draw from them.
    there = sum(map(len, readers_of(data.datasets[0])))
    wrapped = f' (a pass of their wrapper has {data.num_labeled:,})' if data.num_labeled != there else ''
    lines = [
        f'data: {there:,} labelled{wrapped} and {data.num_unlabeled:,} unlabelled {unit}'
        + (f' ({frames})' if frames else '')
    ]
    steps = runner.max_iters
    passes = f'{steps * labeled * ranks / there:.3g} passes over the labelled'
    if loader.sampler.labels_alone:
        kinds, passes = 'labelled', f'{passes} ones; no image without labels is read'
    else:
        kinds = f'labelled and {unlabeled * ranks} unlabelled'
        passes += f' and {steps * unlabeled * ranks / data.num_unlabeled:.3g} over the unlabelled ones'
    lines.append(f'steps: {len(loader):,} an epoch, {steps:,} in all, of {labeled * ranks} {kinds} {unit}; {passes}')
    if loader.sampler.labels_alone:
        return [*lines, _lessons(model, schedule, '')]
    lines += views_in_words(data)
    lines.append(_lessons(model, schedule, 'epoch' if by_epoch else 'iteration', wait))
    for group in model.groups:
        if isinstance(group.adapter, KeypointAdapter):
            students = ', '.join(sorted({lesson.student for lesson in group.lessons}))
            lines.append(
                f'taught by keypoints, the general way: {students}; what teachers predict goes through codec and loss '
                'of the student; where all have one kind of head, an adapter would be quicker, see docs/CONTRIBUTING.md'
            )
    return lines


def _lessons(model: Any, schedule: PseudoSchedule, unit: str, wait: bool = False) -> str:
    if not model.lessons:
        return 'lessons: none, networks learn from labels alone'
    who = ', '.join(f'{each.who} teaches {each.student}' for each in model.lessons)
    begin = f'after {unit} {schedule.burn_in:g}' if schedule.burn_in else 'from the first step on'
    ramp_up = f', in full {schedule.ramp_up:g} {unit}s later' if schedule.ramp_up else ''
    end = f', until {unit} {schedule.end:g}' if schedule.end < math.inf else ''
    sure = 'each joint as much as its teacher is sure of it' if model.selection.confidence else 'all joints alike'
    if model.finds_instances:
        sure = f'instances and joints of a score of {model.adapter.instance_thr:g} or more'
        sure += ', by their mean score' if model.selection.confidence else ', all alike'
    sure += ''.join(f', {each}' for each in _what_counts(model))
    sure += ', and less where labels still teach fast at the end' if wait else ''
    alone = f'; {", ".join(model.baselines)} learns from labels alone' if model.baselines else ''
    alone += f'; {", ".join(model.frozen)} is frozen' if model.frozen else ''
    return f'lessons: {who}; they count {begin}{ramp_up}{end}, {sure}{alone}'


def _what_counts(model: Any) -> Iterator[str]:
    """What else lessons go by than their teachers' scores."""
    selection = model.selection
    if selection.pseudo_label_thr:
        yield f'none of a score below {selection.pseudo_label_thr:g}'
    if selection.pseudo_label_quantile:
        yield f'not the {selection.pseudo_label_quantile:.0%} of the lowest scores'
    if selection.uses_agreement:
        yield f'none on which teachers are more than {selection.max_disagreement:g} px apart'
    if model.adapter.redraw:
        yield 'redrawn as labels'
    if len(model.paths) > 1:
        yield f'on {len(model.paths)} paths'
