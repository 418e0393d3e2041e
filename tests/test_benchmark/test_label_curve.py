# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Labels that are chosen round by round are those of the truth, and every way begins alike."""

import json

import pytest
from conftest import small_config, tool
from mmengine.config import Config

from mmpose_dualteach.dev.benchmark.results import read_csv

benchmark_suggestions = tool('benchmark_suggestions')

PLAN = """stock = 'stock.py'
dataset = 'people'
labels = [4]
steps = 6
burn_in = 0
seeds = [0]
methods = ['mutual-teaching']
metrics = [dict(key='PCK', name='PCK', unit='%', factor=100, better='greater')]
switch = dict(unlabeled='train.json', batch=(4, 4))
"""


@pytest.fixture
def plan(people, tmp_path):
    config = small_config(str(people))
    config['train_cfg'] = dict(type='IterBasedTrainLoop', max_iters=6, val_interval=6)
    config['param_scheduler'] = []
    for hook in ('checkpoint', 'logger'):
        config['default_hooks'][hook].update(interval=6)
    config['default_hooks']['checkpoint']['by_epoch'] = False
    Config(config).dump(tmp_path / 'stock.py')
    (tmp_path / 'plan.py').write_text(PLAN)
    return tmp_path


def test_a_curve_from_beginning_to_end(plan, people):
    options = ['--start', '4', '--add', '3', '--rounds', '1', '--by', 'random', 'both', '--work-dir', str(plan / 'out')]
    assert benchmark_suggestions([str(plan / 'plan.py'), *options]) == 0
    truth = {each['id']: each for each in json.loads((people / 'train.json').read_text())['annotations']}
    chosen = {}
    for name in ('start_seed0', 'random_7_seed0', 'both_7_seed0'):
        labels = json.loads((plan / 'out' / 'labels' / name / 'labeled.json').read_text())['annotations']
        keypoints = {tuple(each['keypoints']) for each in labels}
        assert keypoints <= {tuple(each['keypoints']) for each in truth.values()} and len(keypoints) == len(labels)
        assert {tuple(each['bbox']) for each in labels} <= {tuple(each['bbox']) for each in truth.values()}
        chosen[name] = keypoints
    assert len(chosen['start_seed0']) == 4
    for way in ('random', 'both'):
        assert len(chosen[f'{way}_7_seed0']) == 7 and chosen['start_seed0'] < chosen[f'{way}_7_seed0']
    rows = read_csv(str(plan / 'out' / 'results.csv'))
    values = {(row['method'], row['labels']): row['value'] for row in rows if row['metric'] == 'PCK'}
    assert set(values) == {(way, labels) for way in ('random', 'both') for labels in (4, 7)}
    assert values[('random', 4)] == values[('both', 4)]
    # Called again, nothing is run again.
    before = (plan / 'out' / 'runs' / 'both_7_seed0' / 'result.json').stat().st_mtime_ns
    assert benchmark_suggestions([str(plan / 'plan.py'), *options]) == 0
    assert (plan / 'out' / 'runs' / 'both_7_seed0' / 'result.json').stat().st_mtime_ns == before
