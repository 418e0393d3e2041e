# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import base64
import json
import math
import re
import xml.etree.ElementTree as ET

import pytest

from mmpose_dualteach.report import Chart, Picture, Series, Table, read_scalars, write_report


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
    """The charts of a page, without the swatches of the legends."""
    return [ET.fromstring(svg) for svg in re.findall(r'<svg viewBox.*?</svg>', page, re.DOTALL)]


def of_class(svg, name):
    return [element for element in svg.iter() if element.get('class') == name]


def texts(svg):
    return [element.text for element in svg.iter('text')]


def test_read_scalars_joins_resumed_runs(tmp_path):
    write_scalars(tmp_path, '20240102_000000', [{'loss': 2.5, 'lr': 0.1, 'step': 20}, {'loss': 2.0, 'step': 30}])
    write_scalars(tmp_path, '20240101_000000', [{'loss': 4.0, 'step': 10}, '{"loss": 3.0, "st',
                                                {'loss': 3.0, 'step': 20}, {'coco/AP': 0.5, 'step': 1}, '7', ''])
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
    write_scalars(tmp_path, 'run', [{'loss': 1.0, 'time': 0.2, 'iter': 10, 'step': 10},
                                    {'PCK': 0.5, 'time': 0.9, 'data_time': 0.1, 'step': 10}])
    scalars = read_scalars(tmp_path)
    assert scalars['time'] == [(10, 0.2)] and scalars['PCK'] == [(10, 0.5)] and 'data_time' not in scalars


@pytest.mark.parametrize('exists', [True, False])
def test_read_scalars_names_the_folder_without_scalars(tmp_path, exists):
    folder = tmp_path / 'no_scalars'
    if exists:
        folder.mkdir()
    with pytest.raises(FileNotFoundError, match='no_scalars'):
        read_scalars(folder)


def test_report_is_one_well_formed_file_without_outside_references(tmp_path):
    noisy = [(i, math.sin(i)) for i in range(5000)]
    page = report(
        tmp_path,
        [Table('Accuracy', ['method', 'AP'], [['ours', 0.5]])],
        [chart(Series('a', noisy), Series('b', [(1, 2.0)])), chart(Series('c', [(1, 2), (2, 3)], [0.1, 0.2]))])
    assert not re.search(r'https?://', page.replace('http://www.w3.org/2000/svg', ''))
    assert len(svgs(page)) == 2 and all(svg.find('title').text for svg in svgs(page))
    assert len(page) < 100_000  # the 5000 points are thinned
    assert [file.name for file in (tmp_path / 'out').iterdir()] == ['report.html']


def test_html_is_escaped_everywhere(tmp_path):
    bad = '<script>"&\''
    picture = tmp_path / 'p.png'
    picture.write_bytes(b'png')
    page = report(tmp_path, [Table(bad, [bad], [[bad]], bad)],
                  [Chart(bad, bad, bad, [Series(bad, [(0, 0)], colour=f'red{bad}')], bad)],
                  [Picture(bad, picture, bad)], bad, bad)
    assert '<script' not in page and bad[-3:] not in page and '&lt;script&gt;' in page
    assert len(svgs(page)) == 1


def test_nan_and_infinity_leave_a_gap(tmp_path):
    points = [(1, 1.0), (2, 2.0), (3, math.nan), (4, math.inf), (5, 2.0), (6, 1.0)]
    page = report(tmp_path, [Table('t', ['x'], [[math.nan], [1.5]])], [chart(Series('a', points, [math.nan] * 6))])
    svg, = svgs(page)
    assert len(of_class(svg, 'line')) == 2 and len(list(svg.iter('circle'))) == 4
    assert 'nan' not in page and 'inf' not in page and '<td class="number">–</td>' in page


@pytest.mark.parametrize('series', [[], [Series('a', [])], [Series('a', [(1, math.nan)])]])
def test_nothing_to_draw_says_so(tmp_path, series):
    svg, = svgs(report(tmp_path, charts=[chart(*series)]))
    assert 'no data' in texts(svg)


def test_one_point_is_a_dot(tmp_path):
    svg, = svgs(report(tmp_path, charts=[chart(Series('a', [(3, 0.5)]))]))
    assert len(list(svg.iter('circle'))) == 1 and '3' in texts(svg)


def test_a_name_keeps_its_colour_and_many_names_stay_distinct(tmp_path):
    many = [Series(f's{i}', [(0, i)]) for i in range(10)]
    page = report(tmp_path, charts=[chart(*many), chart(many[3]), chart(Series('own', [(0, 1)], colour='#123456'))])
    first, second, third = ([group.get('style') for group in svg.iter('g') if group.get('style')]
                            for svg in svgs(page))
    assert len(set(first)) == 10 and second == [first[3]] and '#123456' in third[0]


def test_axes_have_round_ticks(tmp_path):
    points = [(i, 0.07 + 0.5 * i / 30) for i in range(1, 31)]
    automatic, fixed = svgs(report(tmp_path, charts=[chart(Series('a', points)),
                                                     chart(Series('a', points), y_range=(0, 1))]))
    labels = [element.text for element in of_class(automatic, 'tick end')]
    assert labels == ['0', '0.1', '0.2', '0.3', '0.4', '0.5', '0.6']
    assert [element.text for element in of_class(automatic, 'tick middle')][-1] == '30'
    assert of_class(fixed, 'tick end')[-1].text == '1.0'


@pytest.mark.parametrize('values, expected', [((0, 5e-4), '5e−4'), ((0, 30000), '30k'), ((0, 0.004), '0.004'),
                                              ((-2, 0), '−2.0')])
def test_tick_labels_stay_short(tmp_path, values, expected):
    svg, = svgs(report(tmp_path, charts=[chart(Series('a', list(enumerate(values))))]))
    assert expected in texts(svg)


def test_many_points_get_a_running_mean(tmp_path):
    points = [(i, float(i % 2)) for i in range(400)]
    few, many = svgs(report(tmp_path, charts=[chart(Series('a', points[:100])), chart(Series('a', points))]))
    assert not of_class(few, 'raw') and len(of_class(many, 'raw')) == len(of_class(many, 'line')) == 1


@pytest.mark.parametrize('count, kind', [(5, 'bar'), (30, 'band')])
def test_spread_is_bars_or_a_band(tmp_path, count, kind):
    svg, = svgs(report(tmp_path, charts=[chart(Series('a', [(i, i) for i in range(count)], [1.0] * count))]))
    assert len(of_class(svg, kind)) == 1


def test_table_aligns_formats_and_highlights(tmp_path):
    rows = [['10 labels', 0.51234, 1200, '51.2 ± 0.4'], ['all', 0.6, 7, '60.0 ± 0.1']]
    page = report(tmp_path, [Table('t', ['data', 'AP', 'images', 'text'], rows, highlight=1)])
    assert '<td>10 labels</td><td class="number">0.512</td><td class="number">1,200</td>' in page
    assert '<td class="number">51.2 ± 0.4</td>' in page
    assert '<tr class="highlight"><td>all</td><td class="number">0.600</td>' in page


def test_picture_is_embedded(tmp_path):
    (tmp_path / 'p.JPG').write_bytes(b'some bytes')
    page = report(tmp_path, pictures=[Picture('Poses', tmp_path / 'p.JPG')])
    assert f'data:image/jpeg;base64,{base64.b64encode(b"some bytes").decode()}' in page


@pytest.mark.parametrize('name, error', [('gone.png', FileNotFoundError), ('gone.gif', ValueError)])
def test_unusable_picture_is_named_and_nothing_is_written(tmp_path, name, error):
    with pytest.raises(error, match=name):
        report(tmp_path, pictures=[Picture('Poses', tmp_path / name)])
    assert not (tmp_path / 'out').exists()
