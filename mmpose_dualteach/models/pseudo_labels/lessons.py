# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Who teaches whom."""

from dataclasses import dataclass
from typing import Collection, Iterable, List, Sequence


@dataclass(frozen=True)
class Teacher:
    """Who predicts on the easy view.

    Args:
        network (str): The network's name.
        ema (bool): Whether it is the network's moving average. Defaults to False.
    """

    network: str
    ema: bool = False

    def label(self, teachers: Collection['Teacher']) -> str:
        """The name in the log: the network's, but for an average that teaches beside its own network."""
        return f'{self.network}_ema' if self.ema and Teacher(self.network) in teachers else self.network


@dataclass(frozen=True)
class Lesson:
    """One network's predictions on the easy view are another's targets on the hard view.

    Args:
        teacher (str): Name of the network that predicts on the easy view.
        student (str): Name of the network that learns on the hard view; may be the teacher itself.
        ema (bool): Teach with the moving average of ``teacher`` instead of the network itself. Defaults to False.
        detach (bool): Keep the gradient from the teacher. With False, this is naive consistency, which collapses: it is
            here to be compared with. Defaults to True.
    """

    teacher: str
    student: str
    ema: bool = False
    detach: bool = True

    @property
    def taught_by(self) -> Teacher:
        """Teacher: The network or the moving average that teaches."""
        return Teacher(self.teacher, self.ema)


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
            raise ValueError(f'{where}: a lesson takes teacher, student and optionally ema, detach') from None
        for role in (lesson.teacher, lesson.student):
            if role not in networks:
                raise ValueError(f'{where}: there is no network {role!r}; model.networks has {list(networks)}')
        if lesson.ema and not lesson.detach:
            raise ValueError(f'{where}: a moving average takes no gradient; leave out ema=True or detach=False')
        parsed.append(lesson)
    return parsed
