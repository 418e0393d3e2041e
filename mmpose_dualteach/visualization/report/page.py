# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""The page of tables, charts and pictures, and what it makes of numbers and files."""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

import jinja2

from mmpose_dualteach.utils.file_io import atomic_write
from mmpose_dualteach.visualization.report.charts import Chart, chart_svg, line_styles
from mmpose_dualteach.visualization.report.scalars import is_number
from mmpose_dualteach.visualization.report.themes import THEMES

MIME_TYPES = {'.png': 'image/png', '.jpg': 'image/jpeg', '.jpeg': 'image/jpeg'}
TEMPLATE = 'page.html.j2'


@dataclass
class Table:
    """Rows of text and numbers; ``highlight`` is the index of the row to emphasise."""

    title: str
    columns: list[str]
    rows: Sequence[Sequence[str | float]]
    note: str = ''
    highlight: int | None = None

    def numeric(self) -> list[bool]:
        """Of each column, whether its cells go right, so that decimal points line up."""
        return [_is_numeric(i, [row[i] for row in self.rows]) for i in range(len(self.columns))]

    def texts(self) -> list[list[str]]:
        """The rows as text, with one number format for a column."""
        formats = [_column_format([row[i] for row in self.rows]) for i in range(len(self.columns))]
        return [[_as_text(cell, number_format) for cell, number_format in zip(row, formats)] for row in self.rows]


@dataclass
class Picture:
    """A PNG or JPG file to embed."""

    title: str
    path: Path
    note: str = ''

    def url(self) -> str:
        """The whole file as a ``data:`` URL."""
        path = Path(self.path)
        if path.suffix.lower() not in MIME_TYPES:
            raise ValueError(f'Picture {self.title!r} is neither PNG nor JPG: {path}')
        if not path.is_file():
            raise FileNotFoundError(f'Picture {self.title!r} is missing: {path}')
        return f'data:{MIME_TYPES[path.suffix.lower()]};base64,{base64.b64encode(path.read_bytes()).decode("ascii")}'


def write_report(
    path: str | Path,
    title: str,
    introduction: str,
    tables: list[Table],
    charts: list[Chart],
    pictures: list[Picture],
    footer: str = '',
) -> None:
    """Write a report as one HTML file that needs no other.

    Args:
        path (str | Path): The file; its folder is made.
        title (str): Title of the page.
        introduction (str): What the reader should know first; blank lines separate its paragraphs.
        tables (list[Table]): The numbers.
        charts (list[Chart]): The charts; a series name has the same colour in all of them.
        pictures (list[Picture]): The pictures.
        footer (str): Small print, in paragraphs too. Defaults to none.

    Raises:
        FileNotFoundError: If a picture is missing.
        ValueError: If a picture is neither PNG nor JPG.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(str(Path(__file__).parent)),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    styles = line_styles(charts)
    page = environment.get_template(TEMPLATE).render(
        title=title,
        introduction=introduction,
        tables=tables,
        pictures=pictures,
        footer=footer,
        themes=THEMES,
        styles=styles,
        charts=[(chart, chart_svg(chart, styles, f'chart{i}')) for i, chart in enumerate(charts)],
    )
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(str(path)) as file:
        file.write(page)


def _is_numeric(index: int, cells: list) -> bool:
    """Whether there are numbers, or text such as '63.2 ± 0.4' unless it names the row in the first column."""
    number_like = bool(cells) and all(str(cell).lstrip('+-−–— ')[:1] in '0123456789' for cell in cells)
    return any(is_number(cell) for cell in cells) or (index > 0 and number_like)


def _column_format(cells: list) -> str:
    """Three digits of the largest number, and as many decimals of the others."""
    numbers = [cell for cell in cells if is_number(cell) and math.isfinite(cell)]
    largest = max((abs(number) for number in numbers), default=0)
    if all(isinstance(number, int) for number in numbers):
        return ',d'
    if 0 < largest < 1e-4:
        return '.2e'
    return f',.{max(1, 2 - math.floor(math.log10(largest or 1)))}f'


def _as_text(cell: str | float, number_format: str) -> str:
    if isinstance(cell, str) or not is_number(cell):
        return str(cell)
    return format(cell, number_format).replace('-', '−') if math.isfinite(cell) else '–'
