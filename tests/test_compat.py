# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What compat.py takes from the inside of mmengine, MMPose and torch is there, and does what it is taken for."""

import ast
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import mmengine.config.config as mmengine_config
import numpy as np
import pytest
import torch
from conftest import ROOT, YAPF
from mmengine.config import Config
from mmengine.dataset import BaseDataset, ConcatDataset
from mmengine.hooks import CheckpointHook, Hook
from mmengine.logging import HistoryBuffer
from mmengine.optim import OptimWrapper
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner
from mmpose.models.data_preprocessors import PoseDataPreprocessor
from mmpose.registry import DATASETS
from mmpose.structures import PoseDataSample

from mmpose_dualteach import compat, versions


def private_names() -> list:
    """Private attributes of others that files of the package use."""
    trees = {path: ast.parse(path.read_text()) for path in sorted((ROOT / 'mmpose_dualteach').rglob('*.py'))}
    own = set()  # What the package itself defines or sets.
    for tree in trees.values():
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                own.add(node.name)
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                own.add(node.attr)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                own.add(node.id)
    found = []
    for path, tree in trees.items():
        for node in ast.walk(tree):
            name = node.attr if isinstance(node, ast.Attribute) else None
            if isinstance(node, ast.Call) and getattr(node.func, 'id', '') in ('getattr', 'setattr', 'hasattr'):
                name = getattr(node.args[1], 'value', None)
            if isinstance(name, str) and name.startswith('_') and not name.startswith('__') and name not in own:
                found.append((path.name, node.lineno, name))
    return [each for each in found if each[2] != '_replace']  # Of named tuples, and documented.


def test_only_compat_reaches_into_others():
    names = private_names()
    assert {name for name, _, _ in names} == {'compat.py'}, names
    assert len(names) > 10


def test_a_config_is_formatted_once(monkeypatch):
    format_code = pytest.importorskip('yapf.yapflib.yapf_api').FormatCode
    if YAPF is None:
        pytest.skip('the fork of mmengine has another formatter')
    calls = []

    def formatted(text, **options):
        calls.append(text)
        return format_code(text, **options)

    monkeypatch.setattr(mmengine_config, 'FormatCode', formatted)
    compat.format_configs_once()
    config = Config(dict(model=dict(type='a', sizes=[1, 2])))
    text = config.pretty_text
    assert config.pretty_text == text and len(calls) == 1
    config.model.sizes = [3]
    assert 'sizes=[\n        3,' in config.pretty_text and len(calls) == 2, 'another text is another config'
    monkeypatch.setattr(mmengine_config, 'FormatCode', format_code)
    config.model.sizes = [1, 2]
    assert config.pretty_text == text


def test_several_backward_passes_are_one_step_of_accumulation():
    weight = torch.nn.Parameter(torch.ones(1))
    wrapper = OptimWrapper(torch.optim.SGD([weight], lr=1.0), accumulative_counts=2)
    steps = []
    for _ in range(4):
        with compat.one_optimizer_step(wrapper):
            for _ in range(3):
                wrapper.backward(weight.sum())
        steps.append(wrapper.should_update())
    assert steps == [False, True, False, True] and weight.grad == 12
    assert 'backward' not in vars(wrapper)


def test_runner_and_loops():
    hooks = [Hook(), Hook()]
    runner = SimpleNamespace(_hooks=hooks, _resume=True, _load_from='x.pth')
    compat.replace_hooks(runner, lambda hook: 1 if hook is hooks[0] else 2)
    assert runner._hooks == [1, 2]
    assert compat.wants_to_resume(runner) and compat.checkpoint_asked_for(runner) == 'x.pth'
    compat.resume_from(runner, None)
    assert not compat.wants_to_resume(runner) and compat.checkpoint_asked_for(runner) is None
    for loop in (EpochBasedTrainLoop, IterBasedTrainLoop):
        assert callable(loop._decide_current_val_interval)
    source = Path(Runner.resume.__code__.co_filename).read_text()
    for name in ('self._hooks', 'self._resume', 'self._load_from'):
        assert name in source


def test_saving_is_entered_around_every_checkpoint(monkeypatch):
    order = []

    class Recording(compat.SavingHook):
        @contextmanager
        def saving(self, runner):
            order.append('begin')
            yield
            order.append('end')

    for name in ('_save_checkpoint_with_step', '_save_best_checkpoint'):
        monkeypatch.setattr(CheckpointHook, name, lambda *_, name=name, **__: order.append(name))
    hook = Recording()
    hook._save_checkpoint_with_step(None, 1, {})
    hook._save_best_checkpoint(None, {})
    assert order == ['begin', '_save_checkpoint_with_step', 'end', 'begin', '_save_best_checkpoint', 'end']


def test_configs_and_logs():
    config = Config(dict(a=dict(b=1)))
    compat.plain_dict(config)['a']['b'] = 2
    assert config.a.b == 2
    assert list(compat.history(HistoryBuffer([1.0, 2.0], [1, 1]))) == [1.0, 2.0]


def test_datasets():
    class Listed(compat.ParsedMetaDataset):
        METAINFO = dict(a=1)

        def load_data_list(self):
            return [dict(number=number) for number in range(5)]

    dataset = Listed(metainfo=dict(b=2), serialize_data=False, lazy_init=True)
    assert not dataset.is_initialized and dataset.own_metainfo == dict(b=2)
    dataset.full_init()
    assert dataset.is_initialized and [dataset.get_data_info(i)['number'] for i in range(5)] == [0, 1, 2, 3, 4]
    assert len(Listed(serialize_data=False, indices=2)) == len(Listed(serialize_data=False, indices=-2)) == 2
    assert compat.place_in_parts(ConcatDataset([dataset, dataset]), 7) == (1, 2)
    assert isinstance(dataset, BaseDataset)


@pytest.mark.parametrize('kind, own', [('CocoDataset', False), ('MpiiDataset', True)])
def test_stock_datasets(kind, own):
    assert compat.reads_own_format(DATASETS.build(dict(type=kind, lazy_init=True))) == own


def test_stock_transforms_and_preprocessors():
    assert np.allclose(compat.with_aspect_ratio(np.array([[10.0, 10.0], [10.0, 40.0]]), 0.75), [[10, 40 / 3], [30, 40]])
    image = torch.arange(12, dtype=torch.float32).reshape(1, 3, 2, 2)
    for turns in (False, True):
        preprocessor = PoseDataPreprocessor(mean=[1, 2, 3], std=[2, 4, 8], bgr_to_rgb=turns)
        assert compat.turns_channels(preprocessor) == turns
        made = preprocessor(dict(inputs=[image[0].byte()], data_samples=[PoseDataSample()]), True)['inputs']
        assert torch.allclose(compat.unnormalized(preprocessor, made), image.flip(1) if turns else image)
    plain = PoseDataPreprocessor()
    assert torch.equal(compat.unnormalized(plain, image), image) and not compat.turns_channels(plain)


def test_torch():
    named = compat.safe_numpy_globals()
    assert named['numpy.core.multiarray.scalar'] is named['numpy._core.multiarray.scalar']


def test_versions_outside_of_the_range_are_one_clear_error(monkeypatch):
    monkeypatch.setattr(versions, 'SUPPORTED', ('torch>=99', 'numpy>=1.0', 'no-such-package>=1'))
    message = 'torch>=99 is needed, .* is installed; no-such-package>=1 is missing'
    with pytest.raises(ImportError, match=message) as error:
        versions.check_supported()
    assert 'numpy' not in str(error.value) and len(str(error.value).splitlines()) == 1


def test_a_fork_of_a_package_is_taken_in_its_own_range(monkeypatch):
    there = {'onedl-numpy': '2.0', 'torch': torch.__version__}

    def version(name):
        if name not in there:
            raise metadata.PackageNotFoundError(name)
        return there[name]

    monkeypatch.setattr(metadata, 'version', version)
    monkeypatch.setattr(versions, 'SUPPORTED', ('torch>=2.0', 'numpy>=1.0,<1.5'))
    monkeypatch.setattr(versions, 'FORKS', {'numpy': 'onedl-numpy>=2'})
    versions.check_supported()
    there['onedl-numpy'] = '1.9'
    with pytest.raises(ImportError, match='onedl-numpy>=2 is needed, 1.9 is installed'):
        versions.check_supported()


def test_versions_of_modules_go_with_their_weights():
    """Some of MMPose's heads rename weights that come without a version, DEKRHead for instance."""
    module = torch.nn.Sequential(torch.nn.BatchNorm2d(2))
    state = module.state_dict()
    assert compat.versions_of(state)['0']['version'] == module[0]._version
    assert compat.versions_of({}) == {}
    bare = dict(state)
    compat.set_versions(bare, {})
    other = type(state)(state)
    compat.set_versions(other, {'0': dict(version=1)})
    told = []
    module[0]._register_load_state_dict_pre_hook(lambda _, __, local, *___: told.append(local.get('version')))
    module.load_state_dict(other)
    assert told == [1]
