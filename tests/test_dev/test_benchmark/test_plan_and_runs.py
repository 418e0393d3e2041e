# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""A plan from its file to its report."""

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT, small_config, tool
from mmengine.config import Config
from mmpose.registry import TRANSFORMS
from processes import ForkedTool
from result_rows import read_csv

from mmpose_dualteach.dev.benchmark import runs
from mmpose_dualteach.dev.benchmark.metric import Metric
from mmpose_dualteach.dev.benchmark.plan import Plan, Run
from mmpose_dualteach.dev.benchmark.report import as_markdown, score_table
from mmpose_dualteach.dev.benchmark.results import COLUMNS, Results
from mmpose_dualteach.dev.benchmark.runs import commit
from mmpose_dualteach.dev.benchmark.schedule import stretch_schedule
from mmpose_dualteach.methods import method_names
from mmpose_dualteach.methods.posedual import PAPER_VIEWS
from mmpose_dualteach.utils.mmpose_files import mmpose_tool
from mmpose_dualteach.visualization.report import read_scalars

benchmark = tool('benchmark')

PLANS = ROOT / 'configs' / 'benchmark'
EVERY = (*sorted(path.stem for path in (PLANS / 'methods').glob('*.py')), *method_names())
# Those that fit any data: not those with a larger network of certain ones.
METHODS = tuple(name for name in EVERY if not name.startswith('taught-by'))
PLAN = """stock = 'stock.py'
dataset = 'drawn people'
labels = [8]
steps = 6
burn_in = 2
seeds = [0]
methods = ['supervised', 'mutual-teaching']
metrics = [dict(key='PCK', name='PCK', unit='%', factor=100, better='greater')]
switch = dict(unlabeled='train.json', hook=dict(by_epoch=False, interval=1), pictures=dict(interval=3))
"""


@pytest.fixture(scope='module')
def folder(people, tmp_path_factory):
    """A tiny plan beside its stock config and the real methods."""
    folder = tmp_path_factory.mktemp('plan')
    config = small_config(str(people))
    del config['work_dir']
    config['train_cfg'] = dict(type='IterBasedTrainLoop', max_iters=6, val_interval=6)
    config['param_scheduler'] = [dict(type='LinearLR', begin=0, end=6, start_factor=0.01, by_epoch=False)]
    config['default_hooks']['checkpoint'].update(by_epoch=False, interval=6)
    config['log_processor'] = dict(by_epoch=False)
    Config(config).dump(folder / 'stock.py')
    shutil.copytree(PLANS / 'methods', folder / 'methods')
    (folder / 'tiny.py').write_text(PLAN)
    return folder


@pytest.fixture(autouse=True)
def tools_without_imports(monkeypatch):
    """MMPose's tools as processes that were forked when all was imported."""

    def start(name, *arguments, output, threads=None):
        return ForkedTool(mmpose_tool(name), *arguments, log=output.name)

    monkeypatch.setattr(runs, 'start_tool', start)


def finished(folder: Path) -> Path:
    """The plan's folder once all is run; runs are kept between the tests of this file."""
    work = folder / 'work'
    assert benchmark([str(folder / 'tiny.py'), '--work-dir', str(work)]) == 0
    return work


def shipped(name: str, tmp_path: Path) -> Plan:
    """A shipped plan with all methods there are."""
    path = PLANS / f'{name}.py'
    assert Plan(str(path)).methods[0] == 'supervised' and set(Plan(str(path)).methods) <= set(EVERY)
    (tmp_path / 'methods').symlink_to(PLANS / 'methods')
    content = Config.fromfile(path)
    content.merge_from_dict(dict(methods=list(METHODS), stock=str(PLANS / content.stock)))
    content.dump(tmp_path / 'all.py')
    return Plan(str(tmp_path / 'all.py'))


@pytest.mark.parametrize('name', sorted(path.stem for path in PLANS.glob('*.py')))
def test_shipped_plans_give_every_method_the_same_labels_and_schedule(name, tmp_path):
    plan = shipped(name, tmp_path)
    assert plan.seeds in ([0], [0, 1, 2])
    runs = [(run.method, run.labels, run.seed) for run in plan.runs()]
    assert runs == [(m, n, seed) for seed in plan.seeds for n in plan.labels for m in METHODS]
    assert plan.config(Run('supervised', plan.labels[0], 7)).randomness.seed == 7
    configs = {m: plan.config(Run(m, plan.labels[0], 1)) for m in METHODS if m != 'supervised-long'}
    same = ('train_cfg', 'param_scheduler', 'optim_wrapper', 'randomness', 'val_dataloader', 'test_dataloader')
    first = configs['supervised']
    assert first.train_cfg.max_iters == plan.steps and first.param_scheduler[-1].end == plan.steps
    for config in configs.values():
        assert all(config[key] == first[key] for key in same)
        loader, other = config.train_dataloader, first.train_dataloader
        assert loader.sampler == other.sampler and loader.dataset.labeled == other.dataset.labeled
        assert loader.dataset.labeled.indices == plan.labels[0]
    long = plan.config(Run('supervised-long', plan.labels[0], 1))
    assert long.train_cfg.max_iters == long.param_scheduler[-1].end == round(plan.steps * 14 / 3)
    assert long.model == first.model
    lessons = {method: config.model.get('lessons', 'both ways') for method, config in configs.items()}
    assert lessons['supervised'] == lessons['supervised-two'] == [] and lessons['posedual'] == 'both ways'
    assert lessons['naive-consistency'][0].detach is False and lessons['mean-teacher'][0].teacher == 'a.ema'
    assert list(configs['supervised-two'].model.networks) == ['a', 'b']
    for config in configs.values():
        assert '_delete_' not in str(config.train_dataloader) + str(config.model)
        TRANSFORMS.build(config.train_dataloader.dataset.unlabeled.pipeline[3])


def test_the_papers_method_is_the_papers_and_the_default_has_no_option(tmp_path):
    plan = shipped('faces', tmp_path)
    paper, default = [plan.config(Run(method, 50, 0)) for method in ('posedual', 'mutual-teaching')]
    views = [each.train_dataloader.dataset.unlabeled.pipeline[3] for each in (paper, default)]
    for name in ('easy', 'hard'):
        assert {key: views[0][name][key] for key in PAPER_VIEWS[name]} == PAPER_VIEWS[name]
    assert paper.model.sup_weight == 0.5 and paper.model.confidence is False
    assert paper.default_hooks.dual_teacher.burn_in == plan.steps // 5
    hard = [each.train_dataloader.dataset.unlabeled.pipeline[4].hard for each in (paper, default)]
    assert [each.type for each in hard[0]] == ['TakeView', 'PackPoseInputs']
    assert [each.type for each in hard[1]] == ['TakeView', 'ColorRandAugment', 'PackPoseInputs']
    assert views[1].easy.law == 'truncated' and views[1].easy.rotate_factor == 60, "the labelled pipeline's"
    own = set(default.model) - set(Config.fromfile(plan.stock).model)
    assert own == {'networks', 'autocast', 'channels_last'} and 'burn_in' not in default.default_hooks.dual_teacher


def test_a_plan_that_says_nothing_of_it_counts_the_burn_in_in_iterations(folder):
    plan = PLAN.replace("'mutual-teaching'", "'posedual'").replace('hook=dict(by_epoch=False, interval=1), ', '')
    (folder / 'own.py').write_text(plan.replace('steps = 6', 'steps = 12'))
    hook = Plan(str(folder / 'own.py')).config(Run('posedual', 8, 0)).default_hooks.dual_teacher
    assert (hook.burn_in, hook.by_epoch) == (2 * 12 // 6, False), 'stretched as the schedule is'


def test_naive_consistency_has_two_views_of_equal_strength(tmp_path):
    plan = shipped('faces', tmp_path)
    for method, equal in (('naive-consistency', True), ('posecons', False)):
        config = plan.config(Run(method, 50, 0))
        views = TRANSFORMS.build(config.train_dataloader.dataset.unlabeled.pipeline[3])
        assert views.independent == equal and (views.easy == views.hard) == equal
        assert (views.easy.rotate_factor, views.easy.flip_prob, views.easy.law) == (60.0, 0.5, 'clipped')


def test_a_star_is_every_method_that_is_not_named():
    for name in ('faces-methods', 'bodies-methods'):
        methods = Plan(str(PLANS / f'{name}.py')).methods
        assert methods == ['supervised', 'supervised-two', *method_names()]


def test_a_schedule_of_epochs_is_not_stretched(folder, tmp_path):
    config = Config.fromfile(folder / 'stock.py')
    config.train_cfg = dict(by_epoch=True, max_epochs=3)
    with pytest.raises(ValueError, match='train_cfg.max_iters'):
        stretch_schedule(config, 10)


def test_what_counts_steps_is_stretched(folder):
    config = Config.fromfile(folder / 'stock.py')
    config.train_cfg = dict(by_epoch=False, max_iters=100, val_interval=50)
    config.param_scheduler = [dict(type='OneCycleLR', eta_max=0.1, total_steps=100, by_epoch=False)]
    stretch_schedule(config, 10)
    assert config.train_cfg.max_iters == config.param_scheduler[0].total_steps == 10
    assert config.train_cfg.val_interval == 5


def test_a_plan_runs_resumes_and_reports(folder, capsys):
    work = finished(folder)
    rows = read_csv(work / 'results.csv')
    assert set(rows[0]) == set(COLUMNS)
    networks = {row['network'] for row in rows if row['method'] == 'mutual-teaching'}
    assert networks == {'a', 'b', 'mean'} and {row['network'] for row in rows if row['method'] == 'supervised'} == {'a'}
    assert all(read_scalars(work / 'runs' / name)['PCK'][0][0] == 6 for name in sorted(os.listdir(work / 'runs')))
    assert {row['seed'] for row in rows} == {0} and {row['steps'] for row in rows} == {6}
    for run in Plan(str(folder / 'tiny.py')).runs():
        tested = json.loads((work / 'runs' / run.name / 'test.json').read_text())
        row = [
            row
            for row in rows
            if (row['method'], row['seed'], row['network'], row['metric']) == (run.method, run.seed, 'a', 'PCK')
        ]
        assert [row['value'] for row in row] == pytest.approx([tested['PCK']], abs=1e-6)
    peaks = {row['method'] for row in rows if row['metric'] == 'peak_unlabeled'}
    assert peaks == {'mutual-teaching'}
    page = (work / 'report.html').read_text()
    assert page.count('<img') == 1 and 'mutual teaching' in page and 'Peak response on unlabelled instances' in page
    assert 'Gain over cost, 8 labels' in page and 'The gain is relative to the supervised baseline' in page
    assert 'All methods see the same labelled instances.' in page
    assert '| mutual teaching | 4.7 | mean of all |' in capsys.readouterr().out
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL, 'only while it runs'


def test_runs_of_another_plan_are_left_alone(folder, capsys):
    work = finished(folder)
    (folder / 'other.py').write_text(PLAN.replace('interval=1', 'interval=2'))
    assert benchmark([str(folder / 'other.py'), '--work-dir', str(work)]) == 1
    error = capsys.readouterr().err
    assert 'supervised_8_seed0 was run with another config' in error and error.count('\n') == 1


def test_some_methods_are_run_and_all_reported(folder, capsys):
    work = finished(folder)
    before = (work / 'results.csv').read_text()
    assert benchmark([str(folder / 'tiny.py'), '--work-dir', str(work), '--methods', 'mutual-teaching']) == 0
    assert (work / 'results.csv').read_text() == before
    assert benchmark([str(folder / 'tiny.py'), '--work-dir', str(work), '--methods', 'posequad']) == 1
    assert "has no method 'posequad'; it has supervised, mutual-teaching" in capsys.readouterr().err


def test_a_failing_run_is_named_and_what_is_missing_is_run_again_and_nothing_else(folder, capsys):
    """Even if no report can be made."""
    work = finished(folder)
    before = {path: path.stat().st_mtime_ns for path in work.glob('runs/*/result.json')}
    shutil.rmtree(work / 'runs' / 'supervised_8_seed0')
    (folder / 'methods' / 'broken.py').write_text("title = 'broken'\nmodel = dict(predict_on='z')\n")
    plan = PLAN.replace("'supervised', 'mutual-teaching'", "'broken', 'supervised', 'mutual-teaching'")
    (folder / 'typo.py').write_text(plan.replace("key='PCK'", "key='PKC'"))
    capsys.readouterr()
    assert benchmark([str(folder / 'typo.py'), '--work-dir', str(work)]) == 1
    printed = capsys.readouterr()
    assert '3 runs, 1 of them done' in printed.out and 'supervised_8_seed0: done' in printed.out
    assert f'broken_8_seed0: failed, see {work}/configs/broken_8_seed0.log' in printed.out
    assert "predict_on='z'" in (work / 'configs' / 'broken_8_seed0.log').read_text()
    assert 'give no PKC; they give PCK' in printed.out and 'give no PKC' in printed.err
    after = {path: path.stat().st_mtime_ns for path in work.glob('runs/*/result.json')}
    assert set(after) == set(before) and [p.parent.name for p in before if before[p] != after[p]] == [
        'supervised_8_seed0'
    ]
    finished(folder)
    assert {row['method'] for row in read_csv(work / 'results.csv')} == {'supervised', 'mutual-teaching'}


def test_where_no_run_is_done_no_result_is_promised(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(runs.Runs, 'run_all', lambda self, jobs, report: self.wanted)
    assert benchmark([str(folder / 'tiny.py'), '--work-dir', str(tmp_path)]) == 1
    told = capsys.readouterr().out
    assert 'no run is done, so there are no results' in told and 'report.html' not in told


@pytest.mark.parametrize(
    'change, message',
    [
        (('[8]', '[8, 30]'), 'asks for 30 labelled instances; .*train.json has 24'),
        (('stock.py', 'gone.py'), 'plan wrong: .*gone.json'),
    ],
)
def test_labels_that_are_not_there_are_named(folder, tmp_path, capsys, change, message):
    config = Config.fromfile(folder / 'stock.py')
    config.train_dataloader.dataset.ann_file = 'gone.json'
    config.dump(folder / 'gone.py')
    (folder / 'wrong.py').write_text(PLAN.replace(*change))
    assert benchmark([str(folder / 'wrong.py'), '--work-dir', str(tmp_path)]) == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert re.search(message, error) and not list(tmp_path.glob('runs/*'))


def test_a_run_of_another_process_is_left_to_it(folder, tmp_path, capsys):
    (folder / 'one.py').write_text(PLAN.replace("'supervised', 'mutual-teaching'", "'supervised'"))
    (tmp_path / 'configs').mkdir()
    with open(tmp_path / 'configs' / 'supervised_8_seed0.log', 'a') as log:
        fcntl.flock(log, fcntl.LOCK_EX)
        assert benchmark([str(folder / 'one.py'), '--work-dir', str(tmp_path)]) == 1
    assert 'another process is running it' in capsys.readouterr().out


def test_what_is_started_ends_with_the_tool(folder, tmp_path):
    def trainings():
        lines = []
        for process in Path('/proc').glob('[0-9]*'):
            try:
                lines.append((process / 'cmdline').read_text())
            except OSError:
                continue
        return [line for line in lines if 'train.py' in line and str(tmp_path) in line]

    tool = subprocess.Popen(
        [
            sys.executable,
            '-W',
            'ignore',
            ROOT / 'tools' / 'benchmark.py',
            folder / 'tiny.py',
            '--work-dir',
            tmp_path,
            '--jobs',
            '1',
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + 120
    while not trainings() and time.monotonic() < until:
        time.sleep(0.2)
    assert trainings()
    tool.send_signal(signal.SIGTERM)
    assert 'go on where they were' in tool.communicate(timeout=60)[1] and tool.returncode == 1
    assert not trainings()


def test_the_commit_is_a_version_where_git_refuses(monkeypatch):
    known = '[0-9a-f]{10}(-dirty)?' if (ROOT / '.git').exists() else 'version .*'
    assert re.fullmatch(known, commit())
    monkeypatch.setenv('GIT_TEST_ASSUME_DIFFERENT_OWNER', '1')
    monkeypatch.setitem(os.environ, 'PATH', '')
    assert commit().startswith('version ')


@pytest.mark.parametrize(
    'change, message',
    [
        (('labels = [8]\n', ''), 'labels missing; its keys are stock'),
        (('seeds =', 'sedes ='), 'seeds missing'),
        (("'mutual-teaching'", "'posequad'"), 'method .*posequad.py does not exist'),
        (("'stock.py'", "'stok.py'"), 'stock config .*stok.py does not exist'),
        (('[8]', '8'), 'wrong.py: labels=8 must be a list, each of it a whole number'),
        (('[8]', "'8'"), "labels='8' must be a list"),
        (('[8]', '[]'), r'labels=\[\] must not be empty'),
        (('[8]', '[0]'), r'labels=\[0\] must be 1 or more'),
        (('[8]', '[8, 8]'), r'labels=\[8, 8\] must name each but once'),
        (('steps = 6', 'steps = 0'), 'steps=0 must be 1 or more'),
        (('steps = 6', 'steps = 6.5'), 'steps=6.5 must be a whole number'),
        (('burn_in = 2', 'burn_in = -2'), 'burn_in=-2 .* must not be negative'),
        (('seeds = [0]', 'seeds = []'), r'seeds=\[\] must not be empty'),
        (('seeds = [0]', 'seeds = [0.5]'), 'seeds=.* each of it a whole number'),
        (("['supervised', 'mutual-teaching']", '[]'), r'methods=\[\] must not be empty'),
        (("'mutual-teaching'", "'supervised'"), 'methods=.* must name each but once'),
        (('[dict(key', '[] and [dict(key'), r'metrics=\[\] must not be empty'),
        (("name='PCK', ", ''), 'metrics.0 has no name; give key, name, unit, factor, better'),
        (('factor=100', "factor='100'"), "metric PCK.factor='100' must be a number"),
        (('factor=100', 'factor=-1'), 'metric PCK: factor=-1 must be above 0'),
        (("'greater'", "'lower'"), "metric PCK: better='lower'; choose 'less' or 'greater'"),
        (('interval=1)', 'interval=1), pictrues=1'), "switch has no 'pictrues'; did you mean pictures"),
        (("unlabeled='train.json', ", ''), 'switch has no unlabeled'),
        (("'mutual-teaching'", "'untitled'"), 'method .*untitled.py: the file has no title'),
    ],
)
def test_a_wrong_plan_is_one_line(folder, change, message):
    (folder / 'wrong.py').write_text(PLAN.replace(*change))
    (folder / 'methods' / 'untitled.py').write_text('model = dict()\n')
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        Plan(str(folder / 'wrong.py'))


def test_gains_are_relative_to_the_baseline_of_the_same_seed():
    def row(method, seed, value, network='a'):
        return dict(method=method, labels=50, seed=seed, network=network, metric='NME', value=value)

    nme = Metric('NME', 'NME', '%', 100, 'less')
    results = Results(
        [
            row('supervised', 0, 0.10),
            row('supervised', 1, 0.20),
            row('posedual', 0, 0.09),
            row('posedual', 1, 0.16),
            row('posedual', 2, 0.01),
            row('posedual', 0, 0.08, 'mean'),
        ]
    )
    mean, spread = results.gain('posedual', 50, 'a', nme)
    assert mean == pytest.approx(0.15) and spread == pytest.approx(0.05 * 2**0.5)
    assert results.gain('supervised', 50, 'a', nme) is None
    assert results.mean('posedual', 50, 'a', 'NME')[2] == 3 and results.mean('posedual', 100, 'a', 'NME') is None
    higher = Metric('NME', 'NME', '%', 100, 'greater')
    assert results.gain('posedual', 50, 'mean', higher)[0] == pytest.approx(-0.2)


def test_costs_are_in_runs_of_the_baseline():
    costs = Plan(str(PLANS / 'faces.py')).costs
    assert costs['supervised'] == 1 and costs['supervised-two'] == 2
    assert costs['mutual-teaching'] == costs['posedual'] == costs['supervised-long'] == pytest.approx(14 / 3)


def test_committed_results_are_rows_of_the_plans():
    for path in sorted((PLANS / 'results').glob('*.csv')):
        plan, rows = Plan(str(PLANS / f'{path.stem}.py')), read_csv(path)
        assert set(rows[0]) == set(COLUMNS)
        runs = {(run.method, run.labels, run.seed) for run in plan.runs()}
        assert {(row['method'], row['labels'], row['seed']) for row in rows} <= runs
        assert not any('dirty' in row['commit'] for row in rows)
        assert as_markdown(score_table(plan, Results(rows), plan.metrics[0]))
