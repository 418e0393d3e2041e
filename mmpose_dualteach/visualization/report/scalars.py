# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What MMEngine logged."""

import json
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Tuple, Union

SPEED_KEYS = ('time', 'data_time', 'memory')  # MMEngine writes them into training and validation lines alike


def read_scalars(work_dir: Union[str, Path]) -> Dict[str, List[Tuple[float, float]]]:
    """Read what MMEngine logged.

    Steps are iterations for training, and for validation epochs, or iterations with the logger's
    ``log_metric_by_epoch=False``. Later runs are resumes: their values win. Time and memory are those of training only,
    as the same keys may count iterations in one kind of line and epochs in the other.

    Args:
        work_dir (str | Path): Work directory of the run and its resumes.

    Returns:
        Dict[str, List[Tuple[float, float]]]: Of each key (step, value), sorted by step.

    Raises:
        FileNotFoundError: If there is no such folder, or nothing was logged there.
    """
    if not Path(work_dir).is_dir():
        raise FileNotFoundError(f'work directory {work_dir} does not exist; name one of a run')
    records = _records(work_dir)
    if not any(record.values for record in records):
        raise FileNotFoundError(
            f'{work_dir} has no log of a run (<timestamp>/vis_data/*.json); name the work directory of one that trained'
        )
    return _by_key(records)


def read_scores(work_dir: Union[str, Path]) -> Dict[str, List[Tuple[float, float]]]:
    """Read the scores of validations alone, see :func:`read_scalars`."""
    return _by_key([record for record in _records(work_dir) if not record.of_training])


class _Record(NamedTuple):
    """A line of the log."""

    of_training: bool
    step: float
    values: Dict[str, float]


def _records(work_dir: Union[str, Path]) -> List[_Record]:
    return [
        record
        for file in _scalar_files(Path(work_dir))
        for line in file.read_text(encoding='utf-8', errors='replace').splitlines()
        if (record := _parse(line)) is not None
    ]


def _by_key(records: List[_Record]) -> Dict[str, List[Tuple[float, float]]]:
    values: Dict[str, Dict[float, float]] = {}
    for record in records:
        for key, value in record.values.items():
            values.setdefault(key, {})[record.step] = value
    return {key: sorted(steps.items()) for key, steps in values.items()}


def _scalar_files(work_dir: Path) -> List[Path]:
    """The one file of scalars of every run, oldest run first."""
    files = []
    for folder in sorted(work_dir.glob('*/vis_data')):
        candidates = [folder / 'scalars.json', folder / f'{folder.parent.name}.json']
        files += [file for file in candidates if file.is_file()][:1]
    return files


def _parse(line: str) -> Optional[_Record]:
    """A line's numbers; None if it is no record (cut off by a crash, say)."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    if not isinstance(record, dict) or not is_number(record.get('step')):
        return None
    step = record.pop('step')
    of_training = any(key in record for key in ('iter', 'lr', 'loss'))
    left_out = () if of_training else SPEED_KEYS
    return _Record(
        of_training, step, {key: value for key, value in record.items() if is_number(value) and key not in left_out}
    )


def is_number(value: Any) -> bool:
    """Whether it is a number, which JSON's ``true`` is not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)
