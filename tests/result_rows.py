# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""The rows of a benchmark's results.csv."""

import csv
from typing import List


def read_csv(path: str) -> List[dict]:
    """Read rows, numbers as numbers."""
    with open(path, encoding='utf-8', newline='') as file:
        rows = list(csv.DictReader(file))
    return [
        dict(row, labels=int(row['labels']), seed=int(row['seed']), steps=int(row['steps']), value=float(row['value']))
        for row in rows
    ]
