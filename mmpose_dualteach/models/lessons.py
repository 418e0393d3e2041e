# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Who teaches whom."""
from dataclasses import dataclass
from typing import Iterable, List, Sequence


@dataclass(frozen=True)
class Lesson:
    """One network's predictions on the easy view are another's targets on the hard view.

    Args:
        teacher (str): Name of the network that predicts on the easy view.
        student (str): Name of the network that learns on the hard view; may be the teacher itself.
        average (bool): Teach with the moving average of ``teacher`` instead of the network itself. Defaults to False.
        gradient (bool): Let gradient flow into the teacher as well. This is naive consistency, which collapses: it is
            here to be compared with. Defaults to False.
    """
    teacher: str
    student: str
    average: bool = False
    gradient: bool = False


def parse_lessons(lessons: Iterable[dict], networks: Sequence[str]) -> List[Lesson]:
    """Read lessons from a config.

    Args:
        lessons (Iterable[dict]): Arguments of :class:`Lesson`.
        networks (Sequence[str]): Names of the networks there are.

    Returns:
        List[Lesson]: The lessons.

    Raises:
        ValueError: If a lesson names no known network, or asks for a gradient through a moving average.
    """
    parsed = []
    for number, arguments in enumerate(lessons):
        where = f'model.lessons[{number}]={dict(arguments)}'
        try:
            lesson = Lesson(**arguments)
        except TypeError:
            raise ValueError(f'{where}: a lesson takes teacher, student and optionally average, gradient') from None
        for role in (lesson.teacher, lesson.student):
            if role not in networks:
                raise ValueError(f'{where}: there is no network {role!r}; model.networks has {list(networks)}')
        if lesson.average and lesson.gradient:
            raise ValueError(f'{where}: a moving average takes no gradient; set one of average, gradient')
        parsed.append(lesson)
    return parsed
