# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import base64
import json
import math
import re
import xml.etree.ElementTree as ET

import cv2
import numpy as np
import pytest
from conftest import tool

from mmpose_dualteach.visualization.report import Chart, Picture, Series, Table, read_scalars, write_report
from mmpose_dualteach.visualization.report.charts import chart_svg, draw, line_styles, running_mean
from mmpose_dualteach.visualization.report.runs import RunLog
from mmpose_dualteach.visualization.report.themes import SERIES_COLOURS, THEMES


def write_scalars(work_dir, timestamp, lines, name='scalars.json'):
    folder = work_dir / timestamp / 'vis_data'
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(''.join(f'{line if isinstance(line, str) else json.dumps(line)}\n' for line in lines))


def report(tmp_path, tables=(), charts=(), pictures=(), title='Title', introduction=''):
    path = tmp_path / 'out' / 'report.html'
    write_report(path, title, introduction, list(tables), list(charts), list(pictures))
    return path.read_text(encoding='utf-8')


def chart(*series, **options):
    return Chart('Loss', 'iteration', 'loss', list(series), **options)


def svgs(page):
    """The charts of a page."""
    return [ET.fromstring(svg) for svg in re.findall('<svg.*?</svg>', page, re.DOTALL)]


def svg_of(chart):
    return ET.fromstring(chart_svg(chart, line_styles([chart]), 'x'))


def of_kind(svg, kind):
    return svg.iter(f'{{http://www.w3.org/2000/svg}}{kind}')


def paths(svg, style):
    """The paths that are drawn in a style, upside down as SVG is."""
    return [path.get('d') for path in of_kind(svg, 'path') if style in path.get('style', '')]


def texts(svg):
    return [element.text for element in of_kind(svg, 'text')]


def heights(path):
    """The y of every point of a path."""
    return [float(y) for y in re.findall(r'[ML] \S+ (\S+)', path)]


def axes_of(chart):
    return draw(chart, line_styles([chart])).axes[0]


def rows(page):
    """Body rows of all tables of a page, without spaces between the tags."""
    return [re.sub(r'\s*\n\s*', '', row) for row in re.findall(r'<tr(?: class=.*?)?>\s*<td.*?</tr>', page, re.DOTALL)]


def test_read_scalars_joins_resumed_runs(tmp_path):
    write_scalars(tmp_path, '20240102_000000', [{'loss': 2.5, 'lr': 0.1, 'step': 20}, {'loss': 2.0, 'step': 30}])
    write_scalars(
        tmp_path,
        '20240101_000000',
        [
            {'loss': 4.0, 'step': 10},
            '{"loss": 3.0, "st',
            {'loss': 3.0, 'step': 20},
            {'coco/AP': 0.5, 'step': 1},
            '7',
            '',
        ],
    )
    scalars = read_scalars(tmp_path)
    assert scalars == {'loss': [(10, 4.0), (20, 2.5), (30, 2.0)], 'coco/AP': [(1, 0.5)], 'lr': [(20, 0.1)]}


def test_read_scalars_prefers_scalars_json_and_falls_back(tmp_path):
    write_scalars(tmp_path, 'first', [{'loss': 1.0, 'step': 1}], 'first.json')
    write_scalars(tmp_path, 'second', [{'loss': 2.0, 'step': 2}])
    write_scalars(tmp_path, 'second', [{'loss': 9.0, 'step': 2}], 'second.json')
    assert read_scalars(tmp_path)['loss'] == [(1, 1.0), (2, 2.0)]


def test_read_scalars_keeps_numbers_only(tmp_path):
    write_scalars(tmp_path, 'run', [{'loss': 1.0, 'name': 'x', 'flag': True, 'many': [1], 'step': 1}, {'loss': 2.0}])
    assert read_scalars(tmp_path) == {'loss': [(1, 1.0)]}


def test_read_scalars_does_not_mix_times_of_epochs_with_those_of_iterations(tmp_path):
    write_scalars(
        tmp_path,
        'run',
        [{'loss': 1.0, 'time': 0.2, 'iter': 10, 'step': 10}, {'PCK': 0.5, 'time': 0.9, 'data_time': 0.1, 'step': 10}],
    )
    scalars = read_scalars(tmp_path)
    assert scalars['time'] == [(10, 0.2)] and scalars['PCK'] == [(10, 0.5)] and 'data_time' not in scalars


@pytest.mark.parametrize('exists', [True, False])
def test_read_scalars_names_the_folder_without_scalars(tmp_path, exists):
    folder = tmp_path / 'no_scalars'
    if exists:
        folder.mkdir()
    with pytest.raises(FileNotFoundError, match='no_scalars'):
        read_scalars(folder)


def test_report_is_one_file_without_outside_references(tmp_path):
    page = report(
        tmp_path,
        [Table('Accuracy', ['method', 'AP'], [['ours', 0.5]])],
        [chart(Series('a', [(1, 2.0)])), chart(Series('c', [(1, 2), (2, 3)], [0.1, 0.2]))],
    )
    assert set(re.findall(r'https?://[^"<> ]*', page)) == {'http://www.w3.org/2000/svg', 'http://www.w3.org/1999/xlink'}
    assert len(svgs(page)) == 2 and 'aria-label="Loss: loss over iteration"' in page
    assert [file.name for file in (tmp_path / 'out').iterdir()] == ['report.html']


def test_reports_of_the_same_are_the_same(tmp_path):
    content = dict(charts=[chart(Series('a', [(1, 2.0), (2, 3.0)], [0.1, 0.2]))])
    assert report(tmp_path, **content) == report(tmp_path, **content)


def test_html_is_escaped_everywhere(tmp_path):
    bad = '<script>"&\''
    picture = tmp_path / 'p.png'
    picture.write_bytes(b'png')
    page = report(
        tmp_path,
        [Table(bad, [bad], [[bad]], bad)],
        [Chart(bad, bad, bad, [Series(bad, [(0, 0)])], bad)],
        [Picture(bad, picture, bad)],
        bad,
        bad,
    )
    assert '<script' not in page and bad[-3:] not in page and '&lt;script&gt;' in page
    assert texts(svgs(page)[0]).count(bad) == 2


def test_charts_of_a_page_share_no_ids(tmp_path):
    same = chart(Series('a', [(1, 2.0), (2, 3.0)], [0.1, 0.2]))
    page = report(tmp_path, charts=[same, same])
    ids = re.findall(' id="(.*?)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'url\(#(.*?)\)|href="#(.*?)"', page)) <= {(name, '') for name in ids} | {
        ('', name) for name in ids
    }


def test_charts_take_every_colour_from_the_theme():
    few, many = (Series(f'{n}', [(i, i) for i in range(n)], [1.0] * n) for n in (5, 400))
    svg = ET.tostring(svg_of(chart(few, many)), encoding='unicode')
    used = set(re.findall(r'var\(--(\w+)\)', svg))
    assert used == {'text', 'faint', 'grid', 'card', 'c0', 'c1'} and not re.search(r': #|rgb', svg)


def test_labels_are_no_markup_of_any_kind():
    label = 'in $x_1$ "#1" id="a" #0072b2'
    assert texts(svg_of(Chart('', label, '', [Series('a', [(0, 0)])]))).count(label) == 1


def test_themes_name_the_same_colours():
    light, dark = THEMES['light'], THEMES['dark']
    assert light.keys() == dark.keys() >= {f'c{i}' for i in range(SERIES_COLOURS)}
    assert len(set(light.values())) == len(light), 'charts tell them apart by their values'


def test_nan_and_infinity_leave_a_gap(tmp_path):
    points = [(1, 1.0), (2, 2.0), (3, math.nan), (4, math.inf), (5, 2.0), (6, 1.0)]
    page = report(tmp_path, [Table('t', ['x'], [[math.nan], [1.5]])], [chart(Series('a', points, [math.nan] * 6))])
    (line,) = paths(svgs(page)[0], 'stroke: var(--c0); stroke-width: 2')
    assert line.count('M') == line.count('L') == 2
    assert not re.search('nan|inf', page) and '<td class="number">–</td>' in page


@pytest.mark.parametrize('series', [[], [Series('a', [])], [Series('a', [(1, math.nan)])]])
def test_nothing_to_draw_says_so(series):
    assert texts(svg_of(chart(*series))) == ['iteration', 'no data', 'loss']


def test_one_point_is_a_dot_at_a_whole_step():
    single = chart(Series('a', [(3, 0.5)]))
    assert axes_of(single).lines[0].get_markevery().tolist() == [True]
    assert texts(svg_of(single))[:2] == ['3', 'iteration']


def test_a_lone_point_between_gaps_is_a_dot_in_a_long_series():
    y = [1.0] * 100
    y[50] = y[52] = y[98] = math.nan
    marked = axes_of(chart(Series('a', list(enumerate(y))))).lines[0].get_markevery()
    assert np.flatnonzero(marked).tolist() == [51, 99]


def test_a_name_keeps_its_colour_and_many_names_stay_distinct(tmp_path):
    many = [Series(f's{i}', [(0, i), (1, i)]) for i in range(20)]
    charts = [chart(*many), chart(many[11], many[11])]
    styles = line_styles(charts)
    assert len(set(styles.values())) == 20
    page = report(tmp_path, charts=charts)
    swatches = re.findall(r'border-top: 2px (\w+) var\(--(\w+)\)', page)
    assert len(swatches) == 21 and swatches[-1] == swatches[11] == ('dashed', 'c3')
    second = ET.tostring(svgs(page)[1], encoding='unicode')
    assert set(re.findall(r'--(c\d)', second)) == {'c3'} and 'stroke-dasharray' in second


def test_axes_have_round_ticks():
    points = [(i, 0.07 + 0.5 * i / 30) for i in range(1, 31)]
    labels = texts(svg_of(chart(Series('a', points), y_range=(0, 1))))
    assert labels == ['5', '10', '15', '20', '25', '30', 'iteration', '0.0', '0.2', '0.4', '0.6', '0.8', '1.0', 'loss']


def test_y_range_is_kept_and_leaves_its_border_visible():
    low, high = axes_of(chart(Series('a', [(0, -3.0), (1, 9.0)]), y_range=(0, 1))).get_ylim()
    assert -0.05 < low < 0 and 1 < high < 1.05


@pytest.mark.parametrize('values, expected', [((0, 5e-4), '0.0005'), ((0, 30000), '30000'), ((-2, 0), '−2.0')])
def test_tick_labels_are_plain_numbers(values, expected):
    assert expected in texts(svg_of(chart(Series('a', list(enumerate(values))))))


def test_steps_have_thousands_separators():
    assert '300,000' in texts(svg_of(chart(Series('a', [(0, 1.0), (300000, 2.0)]))))


def test_many_points_get_a_running_mean_above_the_faint_raw_line():
    points = [(i, float(i % 2)) for i in range(400)]
    few, many = axes_of(chart(Series('a', points[:100]))), axes_of(chart(Series('a', points)))
    assert len(few.lines) == 1 and few.lines[0].get_ydata().tolist() == [y for _, y in points[:100]]
    raw, mean = many.lines
    assert raw.get_ydata().tolist() == [y for _, y in points] and np.abs(mean.get_ydata() - 0.5).max() < 0.1
    assert raw.get_alpha() < 0.5 and raw.get_zorder() < mean.get_zorder()


def test_running_mean_is_of_what_is_known():
    values = np.array([1, 2, 3, np.nan, 5, 8])
    np.testing.assert_allclose(running_mean(values, 3), [1.5, 2, 2.5, np.nan, 6.5, 6.5])


def test_a_long_series_stays_small_and_loses_no_spike():
    y = 0.5 * np.random.default_rng(0).random(50_000)
    y[31_234] = 1
    svg = svg_of(chart(Series('a', list(enumerate(y.tolist())), [0.1] * len(y)), y_range=(0, 1)))
    assert len(ET.tostring(svg)) < 150_000
    (raw,) = paths(svg, 'opacity: 0.25')
    assert min(heights(raw)) == pytest.approx(min(heights(''.join(paths(svg, '--grid')))), abs=0.5)


@pytest.mark.parametrize('count, bars', [(5, True), (30, False), (400, False)])
def test_spread_is_bars_or_a_band(count, bars):
    axes = axes_of(chart(Series('a', [(i, 10.0) for i in range(count)], [2.0] * (count - 1) + [math.nan])))
    assert len(axes.containers) == bars and len(axes.collections) == 1
    ends = np.concatenate([path.vertices for path in axes.collections[0].get_paths()])
    assert ends[:, 1].min() == pytest.approx(8) and ends[:, 1].max() == pytest.approx(12)


def test_table_aligns_formats_and_highlights(tmp_path):
    cells = [['10 labels', 0.51234, 1200, '51.2 ± 0.4', -107.25, 1e-5], ['all', 0.6, 7, '60.0 ± 0.1', 30.5, 2.5e-6]]
    first, second = rows(
        report(tmp_path, [Table('t', ['data', 'AP', 'images', 'text', 'gain', 'lr'], cells, highlight=1)])
    )
    number = '<td class="number">'
    assert first == (
        '<tr><td>10 labels</td>'
        + ''.join(f'{number}{text}</td>' for text in ('0.512', '1,200', '51.2 ± 0.4', '−107.2', '1.00e−05'))
        + '</tr>'
    )
    assert second == (
        '<tr class="highlight"><td>all</td>'
        + ''.join(f'{number}{text}</td>' for text in ('0.600', '7', '60.0 ± 0.1', '30.5', '2.50e−06'))
        + '</tr>'
    )


def test_blank_lines_separate_paragraphs(tmp_path):
    page = report(tmp_path, introduction='One\nand more.\n\n\n\nTwo.')
    assert re.findall('<p>(.*?)</p>', page, re.DOTALL) == ['One\nand more.', 'Two.'] and '<section>' not in page


def test_picture_is_embedded(tmp_path):
    (tmp_path / 'p.JPG').write_bytes(b'some bytes')
    page = report(tmp_path, pictures=[Picture('Poses', tmp_path / 'p.JPG')])
    assert f'data:image/jpeg;base64,{base64.b64encode(b"some bytes").decode()}' in page


@pytest.mark.parametrize('name, error', [('gone.png', FileNotFoundError), ('gone.gif', ValueError)])
def test_unusable_picture_is_named_and_nothing_is_written(tmp_path, name, error):
    with pytest.raises(error, match=name):
        report(tmp_path, pictures=[Picture('Poses', tmp_path / name)])
    assert not (tmp_path / 'out').exists()


TAUGHT = [
    {'step': 10, 'iter': 10, 'loss': 1.5, 'a/loss_kpt': 0.5, 'b/loss_kpt': 0.6, 'a/loss_pseudo': 0.2, 'lr': 0.1},
    {'step': 10, 'iter': 10, 'loss': 1.5, 'a/peak_unlabeled': 0.4, 'b/peak_unlabeled': 0.3, 'agreement_px': 2.5},
    {'step': 1, 'coco/AP': 0.3, 'b/coco/AP': 0.35, 'mean/coco/AP': 0.4, 'time': 1.0},
    {'step': 2, 'coco/AP': 0.41, 'b/coco/AP': 0.42, 'mean/coco/AP': 0.45, 'data_time': 1.0},
]
STOCK = [
    {'step': 10, 'iter': 10, 'loss': 0.7, 'loss_kpt': 0.7, 'lr': 0.1},
    {'step': 2, 'coco/AP': 0.2, 'coco/AP .5': 0.5, 'time': 1.0},
]


def test_runs_are_told_apart_by_name_and_network(tmp_path):
    write_scalars(tmp_path / 'taught', '20260101_000000', TAUGHT)
    write_scalars(tmp_path / 'stock', '20260101_000000', STOCK)
    taught, stock = (RunLog.of(name, tmp_path / name) for name in ('taught', 'stock'))
    assert {name: scores['coco/AP'][-1] for name, scores in taught.scores.items()} == {
        'a': (2, 0.41),
        'b': (2, 0.42),
        'mean': (2, 0.45),
    }
    assert stock.scores[''] == {'coco/AP': [(2, 0.2)], 'coco/AP .5': [(2, 0.5)]} and stock.title('') == 'stock'
    assert [taught.title(each) for each in ('a', 'mean')] == ['taught, a', 'taught, mean of all']
    answers_mean = [{'step': 2, 'coco/AP': 0.4, 'a/coco/AP': 0.3, 'b/coco/AP': 0.3}]
    write_scalars(tmp_path / 'mean', '20260101_000000', TAUGHT[:1] + answers_mean)
    assert set(RunLog.of('mean', tmp_path / 'mean').scores) == {'mean', 'a', 'b'}


def test_a_frozen_network_is_one_of_a_run_by_what_it_sees(tmp_path):
    lines = [
        {'step': 10, 'iter': 10, 'a/loss_kpt': 0.5, 'a/peak_unlabeled': 0.4, 'large/peak_unlabeled': 0.6},
        {'step': 2, 'coco/AP': 0.4, 'large/coco/AP': 0.7},
    ]
    write_scalars(tmp_path, '20260101_000000', lines)
    scores = RunLog.of('run', tmp_path).scores
    assert {name: each['coco/AP'] for name, each in scores.items()} == {'a': [(2, 0.4)], 'large': [(2, 0.7)]}


def test_a_moving_average_is_no_network_of_a_run(tmp_path):
    lines = [
        {'step': 10, 'iter': 10, 'a/loss_kpt': 0.5, 'a/peak_unlabeled': 0.4, 'a_ema/peak_unlabeled': 0.6},
        {'step': 2, 'coco/AP': 0.4, 'a/coco/AP': 0.3},
    ]
    write_scalars(tmp_path, '20260101_000000', lines)
    assert set(RunLog.of('run', tmp_path).scores) == {'mean', 'a'}


def test_a_page_that_compares_runs(tmp_path, capsys):
    write_scalars(tmp_path / 'taught', '20260101_000000', TAUGHT)
    write_scalars(tmp_path / 'stock', '20260101_000000', STOCK)
    cv2.imwrite(str(tmp_path / 'taught' / 'lessons_10.png'), np.zeros((20, 20, 3), np.uint8))
    compare = tool('report')
    folders = [str(tmp_path / name) for name in ('taught', 'stock')]
    assert compare([*folders, '-o', str(tmp_path / 'out.html')]) == 0
    page = (tmp_path / 'out.html').read_text()
    for text in (
        'taught, mean of all',
        '>stock<',
        '0.45',
        'coco/AP of validations',
        'Loss of the labels',
        'data:image',
    ):
        assert text in page, text
    assert 'coco/AP .5' not in page and 'teaching' not in page
    later = [{'step': 3, 'coco/AP': 0.5, 'gain': 0.25, 'b/gain': -0.1}, {'step': 9, 'lr': 1, 'a/labeled_as_easy': 1.3}]
    write_scalars(tmp_path / 'taught', '20260102_000000', later)
    assert compare([*folders, '-o', str(tmp_path / 'out.html')]) == 0
    verdict = 'taught: teaching neither helps nor harms (gains over the labels alone: a +25.0%, b -10.0%).'
    page_with_gains = (tmp_path / 'out.html').read_text()
    assert verdict in page_with_gains and 'above hook.max_drift teachers drift' in page_with_gains
    assert compare([*folders, '--scores', 'coco/AP .5', '-o', str(tmp_path / 'out.html')]) == 0
    assert 'coco/AP .5 of validations' in (tmp_path / 'out.html').read_text()
    assert compare([*folders, '--scores', 'AP']) == 1 and "no validation gave a score 'AP'" in capsys.readouterr().err
    assert 'taught: lessons at iteration 10' in page and 'epoch' in page
    assert compare([*folders, '--names', 'x']) == 1 and '--names: 1 for 2' in capsys.readouterr().err
    assert compare([folders[0], folders[0]]) == 1 and 'have one name' in capsys.readouterr().err
    assert compare([str(tmp_path)]) == 1 and f'error: {tmp_path} has no log of a run' in capsys.readouterr().err
    assert compare(['nothere']) == 1 and 'work directory nothere does not exist' in capsys.readouterr().err
    config = tmp_path / 'taught' / 'config.py'
    config.write_text('model = dict()')
    assert (
        compare([*folders, '-o', str(config)]) == 1 and f'{config} is there and is no page' in capsys.readouterr().err
    )
    assert config.read_text() == 'model = dict()'
