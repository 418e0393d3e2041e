# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from contextlib import ExitStack
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

import torch
from torch import Tensor, nn

from mmpose_dualteach import geometry
from mmpose_dualteach.models.adapters import OutputAdapter, Target
from mmpose_dualteach.models.pseudo_labels.combine import COMBINE, among_known, farthest
from mmpose_dualteach.models.pseudo_labels.lessons import Lesson, Teacher
from mmpose_dualteach.models.pseudo_labels.selection import Selection
from mmpose_dualteach.models.utils.map_tensors import map_tensors
from mmpose_dualteach.models.utils.modes import evaluation_mode
from mmpose_dualteach.models.view_pair import ViewPair
from mmpose_dualteach.utils.branches import EASY, HARD, LABELED, easy_view, own_branch


class LessonGroup:
    """Lessons with targets of one kind: what teachers see on easy views, and what that asks on the hard ones.

    Args:
        lessons (Sequence[Lesson]): The lessons.
        adapter (OutputAdapter): Knows the kind of their targets and of their students' answers.
        teacher_adapters (Mapping[str, OutputAdapter]): For each teaching network the adapter that makes such outputs of
            it.
        own_images (Mapping[str, str, optional]): By which name branches are told that hold images of a network's own;
            None where it sees those of all others. All students of the group see the same.
        weights (Mapping[Teacher, nn.Module]): The networks, averages and snapshots by :attr:`Teacher.source`.
        selection (Selection): How much each joint counts.
        teacher_mode (str): ``'train'`` or ``'eval'``, see :class:`MutualTeachingPoseEstimator`.
    """

    def __init__(
        self,
        lessons: Sequence[Lesson],
        adapter: OutputAdapter,
        teacher_adapters: Mapping[str, OutputAdapter],
        own_images: Mapping[str, Optional[str]],
        weights: Mapping[Teacher, nn.Module],
        selection: Selection,
        teacher_mode: str,
    ) -> None:
        self.lessons = list(lessons)
        self.adapter = adapter
        self.teacher_adapters = teacher_adapters
        self.own_images = own_images
        theirs = own_images[self.lessons[0].student]
        self.easy, self.hard = own_branch(EASY, theirs), own_branch(HARD, theirs)
        self.weights = weights
        self.selection = selection
        self.teacher_mode = teacher_mode
        self.teachers: List[Teacher] = list(dict.fromkeys(one for lesson in lessons for one in lesson.teachers))

    def predict_easy(
        self, inputs: Dict[str, Tensor], data_samples: Dict[str, list]
    ) -> Tuple[Dict[Teacher, Any], Dict[Teacher, Optional[Tensor]]]:
        """Every teacher's raw output on the first easy view that students see; that of a mirrored one is mirrored back,
        that of one who sees another view, or images of its own, is moved.

        Args:
            inputs (Dict[str, Tensor]): Normalised images of each branch in shape (N, C, H, W).
            data_samples (Dict[str, list]): Data samples of each branch.

        Returns:
            Tuple[Dict[Teacher, Any], Dict[Teacher, Optional[Tensor]]]: Raw outputs by teacher, without gradient unless
            a lesson asks for it; and which of their cells a teacher saw, see :meth:`OutputAdapter.from_view`.

        Raises:
            ValueError: If a teacher sees a view that the pipeline does not make.
        """
        predictions: Dict[Teacher, Any] = {}
        known: Dict[Teacher, Optional[Tensor]] = {}
        for teacher in self.teachers:
            branch = own_branch(easy_view(teacher.view), self.own_images[teacher.network])
            if branch not in data_samples:
                there = ', '.join(name for name in data_samples if not name.startswith(LABELED))
                raise ValueError(
                    f'model.lessons: teacher {str(teacher)!r} sees {branch}, the unlabelled pipeline makes {there}; '
                    'set EasyHardViews.easy_views and its branches, or switch the stock config anew'
                )
            images, teacher_adapter = inputs[branch], self.teacher_adapters[teacher.network]
            network: Any = self.weights[teacher.source]
            with ExitStack() as stack:
                if all(lesson.detach for lesson in self.lessons if teacher in lesson.teachers):
                    stack.enter_context(torch.no_grad())
                if self.teacher_mode == 'eval':
                    stack.enter_context(evaluation_mode(network))
                output = teacher_adapter.output(network, _mirror(images) if teacher.mirrored else images)
                output = map_tensors(output, _in_float32)
                stack.enter_context(geometry.full_precision(images.device))
                if teacher.mirrored:
                    flip_indices = data_samples[branch][0].metainfo['flip_indices']
                    output = teacher_adapter.mirrored(output, geometry.on_device(flip_indices, images.device))
                known[teacher] = None
                if branch != self.easy:
                    views = ViewPair(data_samples[branch], data_samples[self.easy])
                    output, known[teacher] = teacher_adapter.from_view(output, views)
                predictions[teacher] = output
        torch.clear_autocast_cache()  # Of weights without gradient, which students must not be given.
        with geometry.full_precision(images.device):
            return self.adapter.checked(predictions), known

    def combined(self, predictions: Dict[Teacher, Any], known: Dict[Teacher, Optional[Tensor]]) -> Dict[tuple, Any]:
        """What the teachers of each lesson say together.

        Args:
            predictions (Dict[Teacher, Any]): Raw outputs on the first easy view by teacher.
            known (Dict[Teacher, Tensor, optional]): Which of their cells they saw.

        Returns:
            Dict[tuple, Any]: Raw outputs by :attr:`Lesson.taught_by`.
        """
        ensembles = {}
        for teachers, combine in dict.fromkeys(lesson.taught_by for lesson in self.lessons):
            outputs = self.adapter.aligned([predictions[teacher] for teacher in teachers])
            if len(outputs) > 1:
                joints = [self.adapter.places(output) for output in outputs]
                shares = COMBINE[combine]([teacher.network for teacher in teachers], joints)
                shares = among_known(shares, [known[teacher] for teacher in teachers])
                ensembles[teachers, combine] = self.adapter.blended(outputs, shares)
            else:
                (ensembles[teachers, combine],) = outputs
        return ensembles

    def to_hard_view(
        self, predictions: Dict[Teacher, Any], ensembles: Dict[tuple, Any], views: ViewPair
    ) -> Dict[tuple, Target]:
        """What the teachers of each lesson ask of a student on the hard view.

        Args:
            predictions (Dict[Teacher, Any]): Every teacher's raw output on the easy view.
            ensembles (Dict[tuple, Any]): What those of a lesson say together, see :meth:`combined`.
            views (ViewPair): The map between the views.

        Returns:
            Dict[tuple, Target]: The targets by :attr:`Lesson.taught_by`.

        Raises:
            ValueError: If joints are chosen by scores that nothing tells.
        """
        scores = self.adapter.joint_scores(predictions, ensembles) if self.selection.uses_scores else {}
        self.selection.check_scores(len(scores) == len(ensembles))
        apart = {}
        if self.selection.uses_agreement:
            for key in ensembles:
                outputs = self.adapter.aligned([predictions[teacher] for teacher in key[0]])
                apart[key] = farthest([self.adapter.places(output) for output in outputs])
        targets = {}
        for key, ensemble in ensembles.items():
            by_definition = None
            if views.joint_weights is not None:
                joints = self.adapter.joints(ensemble)[0]
                by_definition = geometry.on_device(views.joint_weights, joints.device).expand(joints.shape[:2])
                by_definition = views.swap_sides(by_definition)  # The target swaps them back, with the joints.
            weights = self.selection.weights(scores.get(key), apart.get(key), by_definition)
            targets[key] = self.adapter.target(ensemble, weights, views)
        return targets

    def health(self, predictions: Dict[Teacher, Any], targets: Dict[tuple, Target]) -> Dict[str, Tensor]:
        """Mean peak on unlabelled instances, agreement of the teachers in input pixels, share of valid cells or
        joints."""
        health = {
            f'{teacher.label(predictions)}/peak_unlabeled': score.mean()
            for teacher, score in self.adapter.scores(predictions).items()
        }
        if len(predictions) > 1:
            two = self.adapter.aligned(list(predictions.values())[:2])
            health['agreement_px'] = self.adapter.distance(*two).mean()
        health['valid_share'] = torch.stack([target.valid.float().mean() for target in targets.values()]).mean()
        return health


def _in_float32(part: Tensor) -> Tensor:
    return part.float() if part.dtype in (torch.float16, torch.bfloat16) else part


def _mirror(images: Tensor) -> Tensor:
    """Mirrored images in shape (N, C, H, W), in the memory format that they had."""
    last = images.is_contiguous(memory_format=torch.channels_last)
    return images.flip(-1).contiguous(memory_format=torch.channels_last if last else torch.contiguous_format)


def group_lessons(
    lessons: Sequence[Lesson],
    adapters: Mapping[str, OutputAdapter],
    general: Callable[[str], OutputAdapter],
    own_images: Mapping[str, Optional[str]],
    **shared: Any,
) -> List[LessonGroup]:
    """Lessons by the kind of their targets: that of teachers and student where they are of one kind, or else joints.

    Args:
        lessons (Sequence[Lesson]): The lessons.
        adapters (Mapping[str, OutputAdapter]): Each network's own; the same object where networks are alike.
        general (Callable): Gives a network's adapter of the general way.
        own_images (Mapping[str, str, optional]): See :class:`LessonGroup`.
        **shared: The other arguments of :class:`LessonGroup`.

    Returns:
        List[LessonGroup]: The groups in the order of their first lessons.
    """
    members: Dict[tuple, List[Lesson]] = {}
    kinds: Dict[tuple, OutputAdapter] = {}
    teacher_adapters: Dict[tuple, Dict[str, OutputAdapter]] = {}
    for lesson in lessons:
        own = adapters[lesson.student]
        names = [teacher.network for teacher in lesson.teachers]
        alike = all(adapters[name] is own for name in names)
        kind = own if alike else general(lesson.student)
        key = id(kind), own_images[lesson.student]
        members.setdefault(key, []).append(lesson)
        kinds[key] = kind
        teacher_adapters.setdefault(key, {}).update({name: own if alike else general(name) for name in names})
    return [LessonGroup(members[key], kinds[key], teacher_adapters[key], own_images, **shared) for key in members]
