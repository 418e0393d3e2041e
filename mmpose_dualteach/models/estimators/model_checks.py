# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from typing import Any, Collection, Mapping, Sequence

from mmpose.registry import MODELS

from mmpose_dualteach.models.occlusions import parse_paths
from mmpose_dualteach.models.pseudo_labels.lesson_group import LessonGroup
from mmpose_dualteach.models.pseudo_labels.lessons import Lesson
from mmpose_dualteach.models.pseudo_labels.selection import Selection
from mmpose_dualteach.models.utils.statistics import check_statistics
from mmpose_dualteach.utils.argument_values import check_values
from mmpose_dualteach.utils.arguments import argument_names, check_arguments, takes_anything
from mmpose_dualteach.utils.bfloat16 import autocast_dtype


def check_model_keys(model: Mapping[str, Any], estimator: str, own: Collection[str]) -> None:
    """Check the keys of a switched config's ``model``.

    Args:
        model (Mapping[str, Any]): The keys.
        estimator (str): The class of each network.
        own (Collection[str]): The wrapper's own arguments.

    Raises:
        ValueError: If there is no such class, or neither it nor the wrapper knows a key; names it.
    """
    if '_delete_' in model:
        raise ValueError(
            'model._delete_: what mutual_teaching() returns is merged into a config, not put in its place; in Python '
            'config.merge_from_dict(mutual_teaching(config, ...))'
        )
    kind = MODELS.get(estimator)
    if kind is None:
        raise ValueError(f'model.estimator={estimator!r} is no registered model; import it by custom_imports')
    if not takes_anything(kind):
        check_arguments(model, {'type', 'estimator', *own, *argument_names(kind)}, 'model')


def check_own_values(own: Mapping[str, Any], kind: type) -> None:
    """Check the wrapper's own arguments, before anything is built.

    Args:
        own (Mapping[str, Any]): Those that are given, but for ``networks``.
        kind (type): The wrapper's class.

    Raises:
        ValueError: If one is not what the wrapper takes; names the key.
    """
    check_values(own, kind, 'model')
    parse_paths(own.get('paths', ((),)))
    Selection(**{key: value for key, value in own.items() if key in argument_names(Selection)})
    check_loss_weights(own.get('sup_weight', 1.0), own.get('unsup_weight', 1.0))
    check_teacher_mode(own.get('teacher_mode', 'train'))
    check_statistics(own.get('statistics', 'easy'))
    autocast_dtype(own.get('autocast'), 'cpu')


def check_teacher_mode(mode: str) -> None:
    """Refuse a mode that teachers cannot be in.

    Raises:
        ValueError: Names the key.
    """
    if mode not in ('train', 'eval'):
        raise ValueError(f"model.teacher_mode={mode!r}; choose 'train' or 'eval'")


def check_loss_weights(sup_weight: float, unsup_weight: float) -> None:
    """Refuse weights by which networks would unlearn.

    Raises:
        ValueError: If one is negative; names the key.
    """
    for key, value in (('sup_weight', sup_weight), ('unsup_weight', unsup_weight)):
        if value < 0:
            raise ValueError(f'model.{key}={value} must not be negative')


def check_frozen(networks: Mapping[str, dict]) -> None:
    """Check what is each network's own: one learns at least, and those that never do have weights.

    Raises:
        ValueError: Names the network.
    """
    if all(own.get('frozen') for own in networks.values()):
        raise ValueError('model.networks: all are frozen, none would learn; leave frozen out of one')
    for name, own in networks.items():
        if own.get('frozen') and (own.get('init_cfg') or {}).get('type') != 'Pretrained':
            raise ValueError(
                f'model.networks.{name}: a frozen network never learns; give its weights, init_cfg=dict('
                "type='Pretrained', checkpoint=FILE)"
            )


def check_lessons(lessons: Sequence[Lesson], frozen: Collection[str], selection: Selection) -> None:
    """Refuse lessons that nobody can learn, or that nothing can be chosen from.

    Args:
        lessons (Sequence[Lesson]): The lessons.
        frozen (Collection[str]): Networks that never learn.
        selection (Selection): How much each joint counts.

    Raises:
        ValueError: Names the key.
    """
    for lesson in lessons:
        if lesson.student in frozen:
            raise ValueError(f'model.lessons: {lesson.student} is frozen and cannot be a student')
        if selection.uses_agreement and len(lesson.teachers) < 2:
            raise ValueError(
                f'model.max_disagreement={selection.max_disagreement} needs several teachers in each lesson, such as '
                "teacher=['a', 'b']"
            )


def check_kind(model: Any, group: LessonGroup) -> None:
    """Refuse what a kind of targets cannot do.

    Raises:
        ValueError: Names the key.
    """
    if not group.adapter.differentiable and not all(lesson.detach for lesson in group.lessons):
        raise ValueError(
            'model.lessons: detach=False needs a gradient of the teacher, and labels made of joints pass none; '
            'leave it out'
        )
    group.selection.check_scores(group.adapter.tells_scores or len({each.network for each in group.teachers}) > 1)
    if model.finds_instances and any(teacher.view > 1 for teacher in group.teachers):
        raise ValueError(
            'model.lessons: networks that find all instances of an image teach from the first easy view alone; '
            'leave .view out'
        )
    if model.finds_instances and any(lesson.combine == 'closest' for lesson in group.lessons):
        raise ValueError(
            "model.lessons: combine='closest' chooses joint by joint, but joints of an instance belong together; "
            "take 'mean'"
        )
    for shuffle in (path.shuffle for path in model.paths if path.shuffle):
        if group.adapter.size is None:
            raise ValueError('model.paths: BlockShuffle needs lessons in heatmaps; leave it out')
        shuffle.check(group.adapter.codec['input_size'], group.adapter.size)
