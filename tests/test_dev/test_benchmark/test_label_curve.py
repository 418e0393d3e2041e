# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Labels that are chosen round by round are those of the truth, and every way begins alike."""

import json
import re
from pathlib import Path

import pytest
import torch
from conftest import small_config, tool
from mmengine.config import Config
from mmpose.registry import MODELS
from result_rows import read_csv

from mmpose_dualteach.dev.benchmark.label_curve import CurveRuns

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


@pytest.fixture
def untrained(monkeypatch):
    """Runs that train nothing: the trainings themselves are tested with other plans. Names of those that were run."""
    names = []

    def run_one(self, run):
        names.append(run.name)
        work_dir = Path(self.work_dir(run))
        (work_dir / '20260101_000000' / 'vis_data').mkdir(parents=True)
        scalars = json.dumps({'PCK': 0.01 * run.labels, 'step': 6})
        (work_dir / '20260101_000000' / 'vis_data' / 'scalars.json').write_text(f'{scalars}\n')
        torch.manual_seed(0)
        model = MODELS.build(self.plan.config(run).model)
        torch.save(dict(state_dict=model.state_dict()), work_dir / 'last.pth')
        (work_dir / 'last_checkpoint').write_text(str(work_dir / 'last.pth'))
        scores = {'PCK': 0.01 * run.labels, 'b/PCK': 0.5, 'mean/PCK': 0.5}
        result = dict(scores=scores, answering='a', steps=6, seconds=1, **self.made_by)
        (work_dir / 'result.json').write_text(json.dumps(result))

    monkeypatch.setattr(CurveRuns, 'run_one', run_one)
    return names


def test_a_curve_from_beginning_to_end(plan, people, untrained):
    options = ['--start', '4', '--add', '3', '--rounds', '1', '--by', 'random', 'spread']
    options += ['--work-dir', str(plan / 'out')]
    assert benchmark_suggestions([str(plan / 'plan.py'), *options]) == 0
    truth = {each['id']: each for each in json.loads((people / 'train.json').read_text())['annotations']}
    chosen = {}
    for name in ('start_seed0', 'random_7_seed0', 'spread_7_seed0'):
        labels = json.loads((plan / 'out' / 'labels' / name / 'labeled.json').read_text())['annotations']
        keypoints = {tuple(each['keypoints']) for each in labels}
        assert keypoints <= {tuple(each['keypoints']) for each in truth.values()} and len(keypoints) == len(labels)
        assert {tuple(each['bbox']) for each in labels} <= {tuple(each['bbox']) for each in truth.values()}
        chosen[name] = keypoints
    assert len(chosen['start_seed0']) == 4
    for way in ('random', 'spread'):
        assert len(chosen[f'{way}_7_seed0']) == 7 and chosen['start_seed0'] < chosen[f'{way}_7_seed0']
    assert untrained == ['random_4_seed0', 'random_7_seed0', 'spread_7_seed0']
    rows = read_csv(str(plan / 'out' / 'results.csv'))
    values = {(row['method'], row['labels']): row['value'] for row in rows if row['metric'] == 'PCK'}
    assert set(values) == {(way, labels) for way in ('random', 'spread') for labels in (4, 7)}
    assert values[('random', 4)] == values[('spread', 4)]
    page = (plan / 'out' / 'report.html').read_text()
    assert 'PCK over labels' in page and 'begin with the same labelled instances' in page
    assert not re.search(r'(?i)\bgains?\b|\bbaseline\b', page), 'there is none'
    # Called again, nothing is run again.
    assert benchmark_suggestions([str(plan / 'plan.py'), *options]) == 0 and len(untrained) == 3
