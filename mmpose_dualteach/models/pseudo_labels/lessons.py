# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Who teaches whom."""

import re
from dataclasses import dataclass, replace
from typing import Any, Collection, Dict, List, Sequence, Tuple

from mmpose_dualteach.models.pseudo_labels.combine import COMBINE
from mmpose_dualteach.utils.argument_values import fits

# What there is where a config names neither: two networks that teach each other.
NETWORKS: Dict[str, dict] = dict(a=dict(), b=dict())
LESSONS = (dict(teacher='a', student='b'), dict(teacher='b', student='a'))
# Whose weights teach: the network's own, their moving average, or a copy of them that is renewed now and then.
OWN, EMA, SNAPSHOT = 'own', 'ema', 'snapshot'
MIRRORED = 'mirrored'
# What stands behind a network's name, in this order.
NAME = re.compile(
    rf'(?P<network>[^.]+)(\.(?P<weights>{EMA}|{SNAPSHOT}))?(\.view(?P<view>[2-9]))?(?P<mirrored>\.{MIRRORED})?'
)


@dataclass(frozen=True)
class Teacher:
    """Who predicts on the easy view, and how it sees it.

    Args:
        network (str): The network's name.
        weights (str): ``'own'``, ``'ema'`` for the network's moving average, ``'snapshot'`` for a copy of it that is
            renewed every epoch. Defaults to ``'own'``.
        view (int): Which easy view it sees; what it says of a further one is moved to the first. Defaults to 1.
        mirrored (bool): Whether it sees the easy view in a mirror; its prediction is mirrored back. Defaults to False.
    """

    network: str
    weights: str = OWN
    view: int = 1
    mirrored: bool = False

    @classmethod
    def parse(cls, name: str) -> 'Teacher':
        """Read a name: a network's, with ``.ema`` or ``.snapshot`` behind it, then ``.view2`` to ``.view9``, then
        ``.mirrored``."""
        found = NAME.fullmatch(name)
        if found is None:
            raise ValueError(
                f'{name!r} is no teacher; give the name of a network, with .{EMA} or .{SNAPSHOT}, then .view2 to '
                f'.view9, then .{MIRRORED} behind it where wanted'
            )
        return cls(found['network'], found['weights'] or OWN, int(found['view'] or 1), bool(found['mirrored']))

    @property
    def source(self) -> 'Teacher':
        """Teacher: The same network and weights, whatever they are shown."""
        return replace(self, view=1, mirrored=False)

    def __str__(self) -> str:
        parts = {self.weights: self.weights != OWN, f'view{self.view}': self.view > 1, MIRRORED: self.mirrored}
        return '.'.join([self.network, *(part for part, there in parts.items() if there)])

    def label(self, teachers: Collection['Teacher']) -> str:
        """The name in the log: the network's, but for a teacher beside others of the same network."""
        beside = [each for each in teachers if each.network == self.network]
        first = min(beside, key=lambda each: (each.weights != OWN, each.view, each.mirrored))
        return self.network if self == first else str(self).replace('.', '_')


@dataclass(frozen=True)
class Lesson:
    """Predictions on the easy view are a network's targets on the hard view.

    Args:
        teachers (Tuple[Teacher, ...]): Who predicts on the easy view; several are combined.
        student (str): Name of the network that learns on the hard view; may be among its teachers.
        combine (str): How several teachers become one: ``'mean'``, or ``'closest'``: of each joint the mean of those
            two, of different networks where there are several, that lie closest. Defaults to ``'mean'``.
        detach (bool): Block the gradient to the teacher. With False it flows there too: naive consistency, which
            collapses; it is here to be compared with. Defaults to True.
    """

    teachers: Tuple[Teacher, ...]
    student: str
    combine: str = 'mean'
    detach: bool = True

    @property
    def taught_by(self) -> Tuple[Tuple[Teacher, ...], str]:
        """Tuple[Tuple[Teacher, ...], str]: The teachers and how they are combined; lessons share what is the same."""
        return self.teachers, self.combine

    @property
    def networks(self) -> List[str]:
        """List[str]: The networks that take part."""
        return [*(teacher.network for teacher in self.teachers), self.student]

    @property
    def who(self) -> str:
        """str: The teachers in words."""
        names = ' and '.join(map(str, self.teachers))
        return names if len(self.teachers) == 1 else f'the {self.combine} of {names}'


def parse_lessons(lessons: Sequence[dict], networks: Sequence[str]) -> List[Lesson]:
    """Read lessons from a config.

    Args:
        lessons (Sequence[dict]): For each ``teacher``, a name or several (see :meth:`Teacher.parse`), ``student``, and
            where they differ from :class:`Lesson`'s defaults ``combine`` and ``detach``.
        networks (Sequence[str]): Names of the networks there are.

    Returns:
        List[Lesson]: The lessons.

    Raises:
        ValueError: If a lesson is none, names no known network or teacher, chooses among too few, or asks for a
            gradient through weights that are no network's own.
    """
    if not fits(lessons, Sequence[dict]):
        raise ValueError(
            f"model.lessons={lessons!r} must be a list of dicts, [dict(teacher='a', student='b')] for instance"
        )
    return [
        _parse(dict(arguments), f'model.lessons[{number}]={dict(arguments)}', networks)
        for number, arguments in enumerate(lessons)
    ]


def _parse(arguments: dict, where: str, networks: Sequence[str]) -> Lesson:
    names: Any = arguments.pop('teacher', None)
    names = [names] if isinstance(names, str) else list(names or [])
    try:
        lesson = Lesson(tuple(Teacher.parse(name) for name in names), **arguments)
    except TypeError:
        raise ValueError(f'{where}: a lesson takes teacher, student and optionally combine, detach') from None
    except ValueError as error:
        raise ValueError(f'{where}: {error}') from None
    if not names or len(set(names)) < len(names):
        raise ValueError(f'{where}: name at least one teacher, and none twice')
    for role in lesson.networks:
        if role not in networks:
            raise ValueError(f'{where}: there is no network {role!r}; model.networks has {list(networks)}')
    if all(teacher.view > 1 for teacher in lesson.teachers):
        raise ValueError(f'{where}: one teacher at least must see the first easy view; leave .view out of one name')
    if lesson.combine not in COMBINE:
        raise ValueError(f'{where}: combine={lesson.combine!r}; choose one of {", ".join(COMBINE)}')
    if lesson.combine == 'closest' and len(lesson.teachers) < 2:
        raise ValueError(f"{where}: combine='closest' chooses among several teachers; name more, or leave it out")
    if not lesson.detach and any(teacher.weights != OWN for teacher in lesson.teachers):
        raise ValueError(f'{where}: a moving average or snapshot takes no gradient; leave it or detach=False out')
    return lesson
