# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""One self-contained ``report.html`` of tables, charts and pictures, and the reader of MMEngine's scalars."""
from __future__ import annotations

import base64
import json
import math
from dataclasses import dataclass
from html import escape
from pathlib import Path

from mmpose_dualteach.whole_files import whole_file

# Chart geometry, in units of the SVG's viewBox.
WIDTH, HEIGHT = 460, 280
LEFT, RIGHT, TOP, BOTTOM = 58, 442, 28, 236

COLOURS = 8  # --c0 ... --c7 in the style sheet
SMOOTH_ABOVE = 150  # points of a series from which on a running mean is drawn over the faint raw line
THIN_TO = 300  # points that a line keeps at most (about)
DOTS_UP_TO = 40  # points of a series up to which every one is marked
ERROR_BARS_UP_TO = 12  # points of a series up to which the spread is drawn as bars, beyond as a band
MIME_TYPES = {'.png': 'image/png', '.jpg': 'image/jpeg', '.jpeg': 'image/jpeg'}
SPEED_KEYS = ('time', 'data_time', 'memory')  # MMEngine writes them into training and validation lines alike


@dataclass
class Table:
    """Rows of text and numbers; ``highlight`` is the index of the row to emphasise."""
    title: str
    columns: list[str]
    rows: list[list[str | float]]
    note: str = ''
    highlight: int | None = None


@dataclass
class Series:
    """One line: ``points`` as (x, y), ``spread`` as half-heights in the unit of y, ``colour`` as a CSS colour."""
    name: str
    points: list[tuple[float, float]]
    spread: list[float] | None = None
    colour: str | None = None


@dataclass
class Chart:
    """A line chart; the labels should name the units, ``y_range`` is (low, high) in the unit of y."""
    title: str
    x_label: str
    y_label: str
    series: list[Series]
    note: str = ''
    y_range: tuple[float, float] | None = None


@dataclass
class Picture:
    """A PNG or JPG file to embed."""
    title: str
    path: Path
    note: str = ''


def read_scalars(work_dir) -> dict[str, list[tuple[float, float]]]:
    """Reads what MMEngine logged below ``work_dir``, as key -> [(step, value), ...] sorted by step.

    Steps are iterations for training and epochs for validation. Later runs are resumes: their values win. Time and
    memory are those of training only, as the same keys count iterations in one kind of line and epochs in the other.
    """
    files = _scalar_files(Path(work_dir))
    values = {}
    for file in files:
        for line in file.read_text(encoding='utf-8', errors='replace').splitlines():
            for key, step, value in _parse_scalars(line):
                values.setdefault(key, {})[step] = value
    if not values:
        raise FileNotFoundError(f'No scalars found in {work_dir} (looked for <timestamp>/vis_data/*.json)')
    return {key: sorted(steps.items()) for key, steps in values.items()}


def _scalar_files(work_dir: Path) -> list[Path]:
    """The one file of scalars of every run, oldest run first."""
    files = []
    for folder in sorted(work_dir.glob('*/vis_data')):
        candidates = [folder / 'scalars.json', folder / f'{folder.parent.name}.json']
        files += [file for file in candidates if file.is_file()][:1]
    return files


def _parse_scalars(line: str) -> list[tuple[str, float, float]]:
    """(key, step, value) of every number in a line; nothing if the line is no record (cut off by a crash, say)."""
    try:
        record = json.loads(line)
    except ValueError:
        return []
    if not isinstance(record, dict) or not _is_number(record.get('step')):
        return []
    step = record.pop('step')
    if not any(key in record for key in ('iter', 'lr', 'loss')):
        record = {key: value for key, value in record.items() if key not in SPEED_KEYS}
    return [(key, step, value) for key, value in record.items() if _is_number(value)]


def _is_number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def write_report(path, title: str, introduction: str, tables: list[Table], charts: list[Chart],
                 pictures: list[Picture], footer: str = '') -> None:
    """Writes the report to ``path``; blank lines separate the paragraphs of ``introduction`` and ``footer``."""
    path = Path(path)
    styles = _series_styles(charts)
    sections = [
        _section('Numbers', 'tables', [_table(table) for table in tables]),
        _section('Charts', 'charts', [_chart(chart, styles, f'plot{i}') for i, chart in enumerate(charts)]),
        _section('Pictures', 'pictures', [_picture(picture) for picture in pictures])]
    page = PAGE.format(title=escape(title), style=STYLE, introduction=_paragraphs(introduction),
                       sections=''.join(sections), footer=_paragraphs(footer))
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(str(path)) as file:
        file.write(page)


def _section(heading: str, kind: str, items: list[str]) -> str:
    if not items:
        return ''
    return f'<section><h2>{heading}</h2><div class="grid {kind}">{"".join(items)}</div></section>\n'


def _paragraphs(text: str) -> str:
    parts = [part.strip() for part in text.split('\n\n')]
    return ''.join(f'<p>{escape(part)}</p>' for part in parts if part)


def _figure(title: str, body: str, note: str) -> str:
    note = f'<p class="note">{escape(note)}</p>' if note else ''
    return f'<figure><figcaption>{escape(title)}</figcaption>{body}{note}</figure>\n'


# Tables


def _table(table: Table) -> str:
    formats = [_column_format([row[i] for row in table.rows]) for i in range(len(table.columns))]
    classes = [_column_class(i, [row[i] for row in table.rows]) for i in range(len(table.columns))]
    head = ''.join(f'<th scope="col"{cls}>{escape(name)}</th>' for name, cls in zip(table.columns, classes))
    body = ''
    for i, row in enumerate(table.rows):
        cells = ''.join(f'<td{cls}>{_cell(value, fmt)}</td>' for value, cls, fmt in zip(row, classes, formats))
        body += f'<tr class="highlight">{cells}</tr>' if i == table.highlight else f'<tr>{cells}</tr>'
    markup = f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    return _figure(table.title, markup, table.note)


def _column_format(cells: list) -> str:
    """One number format for a column, so that the decimal points line up."""
    numbers = [cell for cell in cells if _is_number(cell) and math.isfinite(cell)]
    largest = max((abs(number) for number in numbers), default=0)
    if all(isinstance(number, int) for number in numbers):
        return ',.0f'
    if largest < 0.01:
        return '.3g'
    return ',.1f' if largest >= 100 else '.2f' if largest >= 1 else '.3f'


def _column_class(index: int, cells: list) -> str:
    """Numbers go right, and so does text such as '63.2 ± 0.4', unless it names the row in the first column."""
    numbers = any(_is_number(cell) for cell in cells)
    number_like = bool(cells) and all(str(cell).lstrip('+-−–— ')[:1] in '0123456789' for cell in cells)
    return ' class="number"' if numbers or (index and number_like) else ''


def _cell(value, number_format: str) -> str:
    if not _is_number(value):
        return escape(str(value))
    return format(value, number_format).replace('-', '−') if math.isfinite(value) else '–'


# Charts


class _Axis:
    """Maps values of one axis to places in the SVG, and knows its ticks."""

    def __init__(self, values: list[float], start: float, end: float, fixed=None, whole=False, to_ticks=False):
        low, high = fixed or (min(values, default=0), max(values, default=1))
        if high - low <= 1e-9 * max(abs(low), abs(high)):  # one value, but for rounding
            margin = 1 if whole else abs(low) * 0.1 or 1
            low, high = low - margin, high + margin
        step = _nice_step((high - low) / 6)
        step = max(step, 1) if whole else step
        if to_ticks and not fixed:
            low, high = math.floor(low / step + 1e-6) * step, math.ceil(high / step - 1e-6) * step
        self.low, self.high, self.start, self.end = low, high, start, end
        first, last = math.ceil(low / step - 1e-6), math.floor(high / step + 1e-6)
        self.ticks = [i * step for i in range(first, last + 1)]
        self.labels = [_tick_label(tick, step, max(abs(low), abs(high))) for tick in self.ticks]

    def place(self, value: float) -> float:
        return round(self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start), 1)


def _nice_step(step: float) -> float:
    """The next of 1, 2, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * 0.999)


def _tick_label(tick: float, step: float, largest: float) -> str:
    if tick == 0:
        return '0'
    if largest < 1e-3:
        # The small term makes up for rounding: 1e-4 must not count as 9.99e-5.
        digits = max(0, math.floor(math.log10(abs(tick)) + 1e-9) - math.floor(math.log10(step) + 1e-9))
        mantissa, exponent = f'{tick:.{digits}e}'.split('e')
        return f'{mantissa}e{int(exponent)}'.replace('-', '−')
    scale, unit = (1e6, 'M') if largest >= 1e6 else (1e3, 'k') if largest >= 1e4 else (1, '')
    decimals = max(0, -math.floor(math.log10(step / scale) + 1e-9))
    return f'{tick / scale:.{decimals}f}{unit}'.replace('-', '−')


def _series_styles(charts: list[Chart]) -> dict[str, str]:
    """One colour for each series name throughout the report; dashes tell the names beyond the palette apart."""
    styles = {}
    for series in (series for chart in charts for series in chart.series):
        if series.name not in styles:
            index = len(styles)
            colour = series.colour or f'var(--c{index % COLOURS})'
            styles[series.name] = f'--c:{colour}' + (';--dash:6 3' if index >= COLOURS else '')
    return styles


def _runs(series: Series) -> list[list[tuple[float, float, float]]]:
    """Runs of (x, y, half-height) between the gaps that NaN and infinity leave."""
    spread = series.spread or [0.0] * len(series.points)
    runs = [[]]
    for (x, y), half in zip(series.points, spread):
        if math.isfinite(x) and math.isfinite(y):
            runs[-1].append((x, y, half if math.isfinite(half) else 0.0))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _thin(run: list[tuple]) -> list[tuple]:
    """Keeps the lowest and the highest point of every bucket, so that no spike is lost."""
    if len(run) <= THIN_TO:
        return run
    size = math.ceil(len(run) / (THIN_TO // 2))
    kept = {0, len(run) - 1}
    for start in range(0, len(run), size):
        bucket = range(start, min(start + size, len(run)))
        kept |= {min(bucket, key=lambda i: run[i][1]), max(bucket, key=lambda i: run[i][1])}
    return [run[i] for i in sorted(kept)]


def _running_mean(run: list[tuple], half_window: int) -> list[tuple]:
    """The mean of y over a centred window, cut off at both ends."""
    sums = [0.0]
    for _, y, _ in run:
        sums.append(sums[-1] + y)
    means = []
    for i, (x, _, half) in enumerate(run):
        first, end = max(0, i - half_window), min(len(run), i + half_window + 1)
        means.append((x, (sums[end] - sums[first]) / (end - first), half))
    return means


def _chart(chart: Chart, styles: dict[str, str], clip: str) -> str:
    runs = {id(series): _runs(series) for series in chart.series}
    points = [point for series in chart.series for run in runs[id(series)] for point in run]
    xs = [x for x, _, _ in points]
    x_axis = _Axis(xs, LEFT, RIGHT, whole=all(x == int(x) for x in xs))
    y_axis = _Axis([y + s * half for _, y, half in points for s in (-1, 1)], BOTTOM, TOP, chart.y_range, to_ticks=True)
    if points:
        lines = ''.join(_series(series, runs[id(series)], styles[series.name], x_axis, y_axis)
                        for series in chart.series)
        content = _axes(x_axis, y_axis) + f'<g clip-path="url(#{clip})">{lines}</g>'
    else:
        content = f'<text class="none" x="{(LEFT + RIGHT) / 2}" y="{(TOP + BOTTOM) / 2}">no data</text>'
    # The margin around the plot keeps dots on its border whole.
    box = f'x="{LEFT - 4}" y="{TOP - 4}" width="{RIGHT - LEFT + 8}" height="{BOTTOM - TOP + 8}"'
    summary = f'{chart.title}: {chart.y_label} over {chart.x_label}'
    svg = (f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img"><title>{escape(summary)}</title>'
           f'<clipPath id="{clip}"><rect {box}/></clipPath>'
           f'<text class="label" x="0" y="14">{escape(chart.y_label)}</text>'
           f'<text class="label end" x="{RIGHT}" y="{HEIGHT - 6}">{escape(chart.x_label)}</text>{content}</svg>')
    return _figure(chart.title, _legend(chart, styles) + svg, chart.note)


def _legend(chart: Chart, styles: dict[str, str]) -> str:
    names = dict.fromkeys(series.name for series in chart.series)
    swatch = '<svg class="swatch" viewBox="0 0 22 10" aria-hidden="true"><path class="line" d="M1 5H21"/></svg>'
    items = ''.join(f'<li style="{escape(styles[name])}">{swatch}{escape(name)}</li>' for name in names)
    return f'<ul class="legend">{items}</ul>' if items else ''


def _axes(x_axis: _Axis, y_axis: _Axis) -> str:
    parts = []
    for tick, label in zip(y_axis.ticks, y_axis.labels):
        y = y_axis.place(tick)
        parts.append(f'<path class="grid-line" d="M{LEFT} {y}H{RIGHT}"/>'
                     f'<text class="tick end" x="{LEFT - 7}" y="{y + 4}">{label}</text>')
    for tick, label in zip(x_axis.ticks, x_axis.labels):
        x = x_axis.place(tick)
        parts.append(f'<path class="axis" d="M{x} {BOTTOM}v4"/>'
                     f'<text class="tick middle" x="{x}" y="{BOTTOM + 18}">{label}</text>')
    return ''.join(parts) + f'<path class="axis" d="M{LEFT} {BOTTOM}H{RIGHT}"/>'


def _series(series: Series, runs: list[list[tuple]], style: str, x_axis: _Axis, y_axis: _Axis) -> str:
    count = sum(len(run) for run in runs)
    parts = []
    for run in runs:
        if series.spread:
            parts.append(_spread(_thin(run), count, x_axis, y_axis))
        smooth = count > SMOOTH_ABOVE
        if smooth:
            parts.append(_line(_thin(run), 'raw', x_axis, y_axis))
        parts.append(_line(_thin(_running_mean(run, count // 40) if smooth else run), 'line', x_axis, y_axis))
        # A lone point between two gaps has no line that would show it.
        if count <= DOTS_UP_TO or len(run) == 1:
            parts.append(_dots(run, series.name, x_axis, y_axis))
    return f'<g style="{escape(style)}">{"".join(parts)}</g>'


def _line(run: list[tuple], kind: str, x_axis: _Axis, y_axis: _Axis) -> str:
    path = 'L'.join(f'{x_axis.place(x)} {y_axis.place(y)}' for x, y, _ in run)
    return f'<path class="{kind}" d="M{path}"/>'


def _dots(run: list[tuple], name: str, x_axis: _Axis, y_axis: _Axis) -> str:
    return ''.join(f'<circle cx="{x_axis.place(x)}" cy="{y_axis.place(y)}" r="3">'
                   f'<title>{escape(name)}: {y:.4g} at {x:g}</title></circle>' for x, y, _ in run)


def _spread(run: list[tuple], count: int, x_axis: _Axis, y_axis: _Axis) -> str:
    """Error bars for a few points, a band for many."""
    upper = [(x_axis.place(x), y_axis.place(y + half)) for x, y, half in run]
    lower = [(x_axis.place(x), y_axis.place(y - half)) for x, y, half in run]
    if count <= ERROR_BARS_UP_TO:
        bars = ''.join(f'M{x} {low}V{high}M{x - 3:.1f} {high}h6M{x - 3:.1f} {low}h6'
                       for (x, high), (_, low) in zip(upper, lower))
        return f'<path class="bar" d="{bars}"/>'
    return f'<path class="band" d="M{"L".join(f"{x} {y}" for x, y in upper + lower[::-1])}Z"/>'


# Pictures


def _picture(picture: Picture) -> str:
    path = Path(picture.path)
    if path.suffix.lower() not in MIME_TYPES:
        raise ValueError(f'Picture {picture.title!r} is neither PNG nor JPG: {path}')
    if not path.is_file():
        raise FileNotFoundError(f'Picture {picture.title!r} is missing: {path}')
    data = base64.b64encode(path.read_bytes()).decode('ascii')
    image = f'<img src="data:{MIME_TYPES[path.suffix.lower()]};base64,{data}" alt="{escape(picture.title)}">'
    return _figure(picture.title, image, picture.note)


# The series colours follow Okabe and Ito's palette, darkened or lightened until each stands out from its background.
STYLE = '''
:root { color-scheme: light dark;
  --page: #f5f6f8; --card: #fff; --text: #1c2430; --faint: #5b6675; --rule: #dfe3e8; --grid: #e8ebef;
  --accent: #e6f0fa;
  --c0: #0072b2; --c1: #d55e00; --c2: #008f68; --c3: #b8508f; --c4: #a87900; --c5: #2f9bd8; --c6: #4a5563;
  --c7: #8d5a3a }
@media (prefers-color-scheme: dark) { :root {
  --page: #12161c; --card: #1a2028; --text: #e4e8ee; --faint: #9aa5b3; --rule: #333c48; --grid: #29313b;
  --accent: #203347;
  --c0: #4ba3e3; --c1: #f58a4b; --c2: #35c497; --c3: #e592c4; --c4: #e3bf4a; --c5: #93d5f7; --c6: #b5bdc8;
  --c7: #c79a7b } }
* { box-sizing: border-box }
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.5 system-ui, 'Segoe UI', sans-serif }
main { max-width: 1200px; margin: 0 auto; padding: 32px 24px }
h1 { margin: 0 0 8px; font-size: 28px; line-height: 1.25 }
h2 { margin: 32px 0 12px; font-size: 19px }
header p { max-width: 75ch; margin: 0 0 8px }
footer { margin-top: 32px; color: var(--faint); font-size: 13px }
.grid { display: grid; gap: 16px; grid-template-columns: minmax(0, 1fr) }
figure { margin: 0; padding: 14px 16px; background: var(--card); border: 1px solid var(--rule); border-radius: 8px;
  break-inside: avoid }
figcaption { margin-bottom: 6px; font-weight: 600 }
.note { margin: 8px 0 0; color: var(--faint); font-size: 13.5px }
.scroll { overflow-x: auto }
table { width: 100%; border-collapse: collapse; font-size: 15px; font-variant-numeric: tabular-nums }
th, td { padding: 6px 12px; border-bottom: 1px solid var(--rule); text-align: left }
th { color: var(--faint); font-size: 13.5px; font-weight: 600; vertical-align: bottom }
tbody tr:last-child td { border-bottom: 0 }
.number { text-align: right; white-space: nowrap }
.highlight { background: var(--accent); font-weight: 600 }
.legend { display: flex; flex-wrap: wrap; gap: 2px 16px; margin: 0 0 6px; padding: 0; list-style: none;
  font-size: 13.5px }
.swatch { width: 22px; height: 10px; margin-right: 6px }
svg { width: 100%; height: auto; font-size: 11.5px }
.charts figure > svg { display: block }
text { fill: var(--faint) }
.label { fill: var(--text) }
.end { text-anchor: end }
.middle, .none { text-anchor: middle }
.none { font-size: 14px }
path { fill: none; stroke-linejoin: round; stroke-linecap: round }
.grid-line { stroke: var(--grid) }
.axis { stroke: var(--faint) }
.line { stroke: var(--c); stroke-width: 2; stroke-dasharray: var(--dash, none) }
.raw { stroke: var(--c); stroke-width: 0.8; opacity: 0.35 }
.bar { stroke: var(--c); stroke-width: 1.3 }
.band { fill: var(--c); opacity: 0.18 }
circle { fill: var(--c); stroke: var(--card) }
img { display: block; max-width: 100%; max-height: 640px; margin: 0 auto; border-radius: 4px }
@media (min-width: 860px) { .charts, .pictures { grid-template-columns: repeat(2, minmax(0, 1fr)) } }
@media (max-width: 520px) { main { padding: 20px 12px } figure { padding: 12px } th, td { padding: 6px 8px }
  svg { font-size: 13.5px } }
'''

PAGE = '''<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body><main>
<header><h1>{title}</h1>{introduction}</header>
{sections}<footer>{footer}</footer>
</main></body>
</html>
'''
