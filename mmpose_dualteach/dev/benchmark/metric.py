# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from dataclasses import asdict, dataclass
from math import inf

from mmpose_dualteach.utils.argument_values import check_values


@dataclass(frozen=True)
class Metric:
    """A score of the stock evaluators.

    Args:
        key (str): Its name in the log, ``'coco/AP'`` for instance.
        name (str): Its name in tables.
        unit (str): Its unit in tables.
        factor (float): From the log's number to that unit; above 0.
        better (str): ``'less'`` or ``'greater'``.

    Raises:
        ValueError: If one is not that.
    """

    key: str
    name: str
    unit: str
    factor: float
    better: str

    def __post_init__(self) -> None:
        where = f'metric {self.key}'
        check_values(asdict(self), Metric, where)
        if self.better not in ('less', 'greater'):
            raise ValueError(f"{where}: better={self.better!r}; choose 'less' or 'greater'")
        if not 0 < self.factor < inf:
            raise ValueError(f'{where}: factor={self.factor} must be above 0 and finite')
