# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What is installed: tools and configs where mim looks for them, and every config in its folder's metafile."""

import ast
import importlib
import logging
import re
import subprocess
import sys
from pathlib import Path

import mmengine.config.config
import mmengine.hub.hub
import mmengine.logging
import mmpose.registry
import pytest
import yaml
from conftest import ROOT
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS, HOOKS, METRICS, MODELS

from mmpose_dualteach import registry
from mmpose_dualteach.compat import read_configs_by_name
from mmpose_dualteach.switch import is_switched
from mmpose_dualteach.switch.overlay import write_overlay, write_supervised
from mmpose_dualteach.utils.config_dicts import plain

OWN = 'faces/mutual-teaching_res18-narrow_udp-1xb16-1500it_faces50-96x96.py'
DEFINITIONS = ('drawn_people.py', 'lspet_keypoints.py')


def test_every_config_is_in_the_index_of_models():
    index = yaml.safe_load((ROOT / 'model-index.yml').read_text())
    listed = []
    for path in index['Import']:
        content = yaml.safe_load((ROOT / path).read_text())
        assert {model['In Collection'] for model in content['Models']} == {content['Collections'][0]['Name']}
        assert (ROOT / content['Collections'][0]['README']).is_file()
        for model in content['Models']:
            assert len(model['Metadata']['Architecture']) == 2
            assert ('Paper' in model) == model['Name'].startswith(('posedual', 'mutual-teaching')), 'no other is its'
            assert ('Results' in model) == ('Training Resources' in model['Metadata'])
        listed += [model['Config'] for model in content['Models']]
    there = [
        str(path.relative_to(ROOT))
        for path in (ROOT / 'configs').glob('*/*.py')
        if path.parent.name != 'benchmark' and path.name not in DEFINITIONS and path.stem != path.parent.name
    ]
    assert sorted(listed) == sorted(there)


def test_every_config_says_what_the_inferencer_asks_for():
    """MMPoseInferencer reads a student's config, and stock ones have these names by custom alone."""
    stock = [path for path in (ROOT / 'configs').glob('*/*.py') if path.name.startswith(('td-hm', 'yoloxpose', 'cid'))]
    assert len(stock) > 10
    for path in stock:
        config = Config.fromfile(path)
        assert config.data_mode == config.train_dataloader.dataset.get('data_mode', 'topdown'), path
        assert DATASETS.get(config.dataset_type), path


def test_learning_rates_of_runs_on_eight_gpus_are_of_their_own_batch():
    """--auto-scale-lr then changes nothing on as many GPUs as the name says."""
    large = list((ROOT / 'configs').glob('*/*_8xb*.py'))
    assert len(large) == 3
    for path in large:
        config = Config.fromfile(path)
        gpus = int(re.search(r'_(\d+)xb', path.name)[1])
        assert config.auto_scale_lr.base_batch_size == gpus * config.train_dataloader.batch_size, path


def test_the_wheel_has_tools_and_configs_for_mim(built):
    mim = built / '.mim'
    for name in (
        'model-index.yml',
        'tools/train.py',
        'configs/faces/metafile.yml',
        'docs/troubleshooting.md',  # The log names it.
        'configs/quickstart/drawn_people.py',
    ):
        assert (mim / name).read_bytes() == (ROOT / name).read_bytes()
    assert not list(mim.rglob('__pycache__'))
    only_here = ('setup_env', 'build_mmcv', 'quickstart', 'run_tests', 'test_matrix')
    assert not [name for name in only_here if (mim / 'tools' / f'{name}.sh').exists()]
    assert not (mim / 'tools' / 'matrix').exists()


def test_a_source_distribution_has_what_the_readme_links_to_and_no_tests(built):
    (sources,) = built.parent.parent.glob('*.egg-info/SOURCES.txt')
    files = sources.read_text().splitlines()
    links = re.findall(r'\]\((?!https?:)([^)#]+)', (ROOT / 'README.md').read_text(encoding='utf-8'))
    assert len(links) > 10 and set(links) <= set(files)
    assert not [name for name in files if name.startswith('tests/')]
    (about,) = built.parent.parent.glob('*.egg-info/PKG-INFO')
    assert 'Author: The mmpose_dualteach authors' in about.read_text(encoding='utf-8')


@pytest.fixture(scope='module')
def built(tmp_path_factory) -> Path:
    """The package as a wheel has it."""
    folder = tmp_path_factory.mktemp('built')
    build = [sys.executable, 'setup.py', '-q', 'egg_info', '--egg-base', str(folder)]
    build += ['build_py', '--build-lib', str(folder / 'lib')]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    return folder / 'lib' / 'mmpose_dualteach'


@pytest.fixture
def inheriting(built, tmp_path, monkeypatch):
    """A config elsewhere that inherits from one of ours by name, and the config of that name."""
    for module in (mmengine.config.config, mmengine.hub.hub):
        monkeypatch.setattr(module, 'get_installed_path', module.get_installed_path)
    read_configs_by_name('mmpose_dualteach', str(built))
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'mine.py').write_text(f"_base_ = 'mmpose_dualteach::{OWN}'\n")
    return Config.fromfile('mine.py'), Config.fromfile(ROOT / 'configs' / OWN)


def test_configs_inherit_from_ours_by_name(inheriting, monkeypatch):
    by_name, by_path = inheriting
    assert plain(by_name) == plain(by_path) and is_switched(by_name)
    assert by_name.model['_scope_'] == 'mmpose_dualteach'
    warnings = []
    monkeypatch.setattr(mmengine.logging, 'print_log', lambda *what, **how: warnings.append((what, how)))
    init_default_scope('mmpose')
    built = [
        MODELS.build(by_name.model),
        HOOKS.build(by_name.default_hooks.dual_teacher),
        METRICS.build(by_name.val_evaluator),
    ]
    assert [type(each).__name__ for each in built] == ['MutualTeachingPoseEstimator', 'DualTeacherHook', 'NME']
    assert not [warning for warning in warnings if warning[1].get('level', 0) >= logging.WARNING]


def test_the_scope_is_made_once_and_below_mmposes_registries_alone(monkeypatch):
    monkeypatch.setattr(mmpose.registry, 'HEADS', MODELS, raising=False)  # A second name, as some forks have.
    importlib.reload(registry)
    assert registry.SCOPE in MODELS.children and registry.SCOPE not in MODELS.parent.children


def test_what_is_written_names_our_configs_by_path(built, inheriting, tmp_path):
    """MMPose's own train.py reads a config before anybody imports this package."""
    stock = 'td-hm_res18-narrow_udp-1xb16-1500it_faces-96x96.py'
    write_overlay(f'mmpose_dualteach::faces/{stock}', dict(unlabeled=dict(ann_file='train.json')), 'overlay.py')
    base = Path(ast.literal_eval((tmp_path / 'overlay.py').read_text().splitlines()[0].partition('= ')[2]))
    assert base.samefile(built / '.mim/configs/faces' / stock)
    write_supervised(f'mmpose_dualteach::{OWN}', 'baseline.py')
    base = Path(ast.literal_eval((tmp_path / 'baseline.py').read_text().splitlines()[0].partition('= ')[2]))
    assert base.samefile(built / '.mim/configs' / OWN)
