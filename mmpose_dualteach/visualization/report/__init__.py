# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""One self-contained ``report.html`` of tables, charts and pictures, and the reader of MMEngine's scalars."""

from .charts import Chart, Series
from .page import Picture, Table, write_report
from .runs import compare_runs
from .scalars import read_scalars

__all__ = ['Chart', 'Picture', 'Series', 'Table', 'compare_runs', 'read_scalars', 'write_report']
