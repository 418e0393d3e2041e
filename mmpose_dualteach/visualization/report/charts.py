# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Line charts as SVG to be put into a page, whose style sheet gives them their colours."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from mmpose_dualteach.visualization.report.themes import SERIES_COLOURS, THEMES

SMOOTH_ABOVE = 150  # points of a series from which on a running mean is drawn over the faint raw line
BAND_POINTS = 300  # points that the band of a smoothed series keeps (about)
DOTS_UP_TO = 40  # points of a series up to which every one is marked
ERROR_BARS_UP_TO = 12  # points of a series up to which the spread is drawn as bars, beyond as a band

LIGHT = THEMES['light']
LINES = ('solid', 'dashed', 'dotted')  # as both Matplotlib and style sheets call them
RC_PARAMS = {
    'figure.figsize': (460 / 72, 280 / 72),
    'font.family': 'DejaVu Sans',  # Matplotlib's own, so that layouts are the same on every machine
    'font.size': 11,
    'axes.titlesize': 11,
    'axes.titlelocation': 'left',
    'xaxis.labellocation': 'right',
    'axes.titlecolor': LIGHT['text'],
    'axes.labelcolor': LIGHT['text'],
    'text.color': LIGHT['faint'],
    'xtick.color': LIGHT['faint'],
    'ytick.color': LIGHT['faint'],
    'axes.edgecolor': LIGHT['faint'],
    'grid.color': LIGHT['grid'],
    'axes.spines.left': False,
    'axes.spines.right': False,
    'axes.spines.top': False,
    'axes.grid': True,
    'axes.grid.axis': 'y',
    'axes.axisbelow': True,
    'axes.xmargin': 0.02,
    'ytick.major.size': 0,
    'axes.formatter.useoffset': False,
    'lines.linewidth': 2,
    'lines.markersize': 6,
    'lines.markeredgecolor': LIGHT['card'],
    'text.parse_math': False,
    'path.simplify_threshold': 0.5,  # in points: drops what no eye sees, and no spike
    'svg.fonttype': 'none',
    'svg.hashsalt': 'mmpose_dualteach',
}


@dataclass
class Series:
    """One line: ``points`` as (x, y), ``spread`` as half-heights in the unit of y."""

    name: str
    points: list[tuple[float, float]]
    spread: list[float] | None = None


@dataclass
class Chart:
    """A line chart; the labels should name the units, ``y_range`` is (low, high) in the unit of y."""

    title: str
    x_label: str
    y_label: str
    series: list[Series]
    note: str = ''
    y_range: tuple[float, float] | None = None


class LineStyle(NamedTuple):
    """How a series is drawn: a colour of the themes by its name, and one of ``LINES``."""

    colour: str
    line: str


def line_styles(charts: list[Chart]) -> dict[str, LineStyle]:
    """One style for each series name throughout the report; the lines tell the names beyond the palette apart."""
    names = dict.fromkeys(series.name for chart in charts for series in chart.series)
    return {
        name: LineStyle(f'c{i % SERIES_COLOURS}', LINES[i // SERIES_COLOURS % len(LINES)])
        for i, name in enumerate(names)
    }


def chart_svg(chart: Chart, styles: dict[str, LineStyle], name: str) -> str:
    """Draw a chart for a page.

    Args:
        chart (Chart): The chart.
        styles (dict[str, LineStyle]): Styles by series name.
        name (str): Begins every id, since the charts of a page share one name space.

    Returns:
        str: An SVG element, with the colours of the light theme as variables of the style sheet.
    """
    file = io.StringIO()
    with style.context(['default', RC_PARAMS]):
        draw(chart, styles).savefig(
            file, format='svg', transparent=True, metadata=dict.fromkeys(('Creator', 'Date', 'Format', 'Type'))
        )
    svg = file.getvalue()
    svg = svg[svg.index('<svg') :]
    in_tag = '(?=[^<>]*>)'  # and not in a text
    svg = re.sub(rf'( id="|href="#|url\(#){in_tag}', rf'\g<1>{name}-', svg)
    variables = {colour: f'var(--{variable})' for variable, colour in LIGHT.items()}
    return re.sub(f'#[0-9a-f]{{6}}{in_tag}', lambda colour: variables.get(colour[0], colour[0]), svg)


def draw(chart: Chart, styles: dict[str, LineStyle]) -> Figure:
    """Draw a chart, but for its title, legend and note, which the page writes.

    Args:
        chart (Chart): The chart.
        styles (dict[str, LineStyle]): Styles by series name.

    Returns:
        Figure: The chart.
    """
    figure = Figure(layout='constrained')
    axes = figure.add_subplot()
    axes.set_title(chart.y_label, wrap=True)  # above the axis, where it is read without turning one's head
    axes.set_xlabel(chart.x_label, wrap=True)
    drawn = [_draw_series(axes, series, styles[series.name]) for series in chart.series]
    x = np.concatenate([[], *drawn])
    if not len(x):
        axes.text(0.5, 0.5, 'no data', transform=axes.transAxes, ha='center')
        axes.set(xticks=[], yticks=[])
        return figure
    ticks: dict[str, Any] = dict(nbins=7, steps=[1, 2, 5, 10], min_n_ticks=1)
    axes.xaxis.set_major_locator(MaxNLocator(integer=bool((x == np.round(x)).all()), **ticks))
    axes.xaxis.set_major_formatter(StrMethodFormatter('{x:,.10g}'))
    axes.yaxis.set_major_locator(MaxNLocator(**ticks))
    if chart.y_range:
        low, high = chart.y_range
        margin = 0.02 * (high - low)  # keeps lines and dots on the border whole
        axes.set_ylim(low - margin, high + margin)
    return figure


def _draw_series(axes: Axes, series: Series, line_style: LineStyle) -> np.ndarray:
    """Draw a series with gaps where x or y is not finite, and return the x of all others."""
    points = np.array(series.points, dtype=float).reshape(-1, 2)
    known = np.isfinite(points).all(axis=1)
    x, y = np.where(known[:, None], points, np.nan).T
    colour, count = LIGHT[line_style.colour], known.sum()
    smooth = count > SMOOTH_ABOVE
    window = 2 * (count // 40) + 1
    if smooth:
        axes.plot(x, y, color=colour, linewidth=0.6, alpha=0.25, zorder=1)  # below the means of all series
        y = running_mean(y, window)
    if series.spread:
        half = np.nan_to_num(np.array(series.spread, dtype=float), nan=0, posinf=0)
        if count <= ERROR_BARS_UP_TO:
            axes.errorbar(x, y, half, fmt='none', color=colour, elinewidth=1.3, capsize=3)
        else:
            half, thin = running_mean(half, window) if smooth else half, slice(None, None, count // BAND_POINTS + 1)
            axes.fill_between(x[thin], (y - half)[thin], (y + half)[thin], color=colour, alpha=0.18, linewidth=0)
    # A lone point between two gaps has no line that would show it.
    beside = np.concatenate([[False], known, [False]])
    marked = known if count <= DOTS_UP_TO else known & ~beside[:-2] & ~beside[2:]
    axes.plot(x, y, color=colour, linestyle=line_style.line, marker='o', markevery=marked)
    return x[known]


def running_mean(values: np.ndarray, window: int) -> np.ndarray:
    """The mean over a centred window of what is finite there, cut off at both ends.

    Args:
        values (np.ndarray): Values in shape (N,), with N at least ``window``.
        window (int): An odd number of values.

    Returns:
        np.ndarray: Means in shape (N,), NaN where the values are not finite.
    """
    known, kernel = np.isfinite(values), np.ones(window)
    sums = np.convolve(np.where(known, values, 0), kernel, 'same')
    counts = np.convolve(known, kernel, 'same')
    return np.where(known, sums / np.maximum(counts, 1), np.nan)
