# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Text in a checkpoint is never run, and odd files end in one line, through the command lines."""

import os

import pytest
import torch
from conftest import ROOT, run, switch, tool
from mmengine.config import Config
from processes import ForkedTool

from mmpose_dualteach.engine.checkpoints.safe_loading import load_safely

export_network = tool('export')


@pytest.fixture(scope='module')
def trained(tmp_path_factory, people):
    """A short run: its config and its folder."""
    from conftest import small_config

    folder = tmp_path_factory.mktemp('trained')
    config = switch(small_config(str(people)))
    run(config, folder)
    return config, folder


def changed(trained, path, change) -> dict:
    checkpoint = load_safely(str(trained[1] / 'epoch_1.pth'))
    change(checkpoint)
    torch.save(checkpoint, path)
    return checkpoint


def test_the_config_in_a_checkpoint_is_not_executed_by_export(trained, tmp_path, capsys):
    canary, bad = tmp_path / 'canary', tmp_path / 'bad.pth'

    def spoil(checkpoint):
        checkpoint['meta']['cfg'] += f'\nimport os\nos.system("touch {canary}")\n'

    changed(trained, bad, spoil)
    assert export_network([str(bad), '--network', 'a', '-o', str(tmp_path / 'out.pth')]) == 1
    error = capsys.readouterr().err
    assert len(error.strip().splitlines()) == 1 and 'bad.pth' in error and 'never executed' in error
    assert not canary.exists() and not (tmp_path / 'out.pth').exists()
    changed(trained, bad, lambda checkpoint: None)
    assert export_network([str(bad), '--network', 'a', '-o', str(tmp_path / 'out.pth')]) == 0
    meta = load_safely(str(tmp_path / 'out.pth'))['meta']
    assert Config.fromstring(meta['cfg'], '.py').model.type == 'TopdownPoseEstimator'


def test_an_export_imports_nothing_that_a_checkpoint_names(trained, tmp_path, monkeypatch):
    (tmp_path / 'named_in_a_checkpoint.py').write_text(f'open({str(tmp_path / "canary")!r}, "w")')
    monkeypatch.syspath_prepend(tmp_path)

    def spoil(checkpoint):
        old = "type='HeatmapHead'"
        assert old in checkpoint['meta']['cfg']
        checkpoint['meta']['cfg'] = checkpoint['meta']['cfg'].replace(old, "type='named_in_a_checkpoint.some.Head'")

    changed(trained, tmp_path / 'bad.pth', spoil)
    export_network([str(tmp_path / 'bad.pth'), '--network', 'a', '-o', str(tmp_path / 'out.pth')])
    assert not (tmp_path / 'canary').exists()


@pytest.mark.parametrize('key', ["x': __import__('os').system('touch CANARY'), 'y", "it's", 'a\nb'])
def test_an_export_carries_no_code_on(key, tmp_path, capsys, monkeypatch):
    """mmengine prints a key as it is: what was data in this file would be code in the exported one."""
    monkeypatch.chdir(tmp_path)
    text = f"model = dict(type='X', networks=dict(a=dict()), head={{{key!r}: 1, '1': 2}})"
    torch.save(dict(state_dict={'networks.a.x': torch.ones(1)}, meta=dict(cfg=text)), 'bad.pth')
    assert export_network(['bad.pth', '--network', 'a', '-o', 'out.pth']) == 1
    error = capsys.readouterr().err
    assert len(error.strip().splitlines()) == 1 and 'bad.pth' in error
    assert not (tmp_path / 'out.pth').exists() and not (tmp_path / 'CANARY').exists()


def test_the_config_in_a_checkpoint_is_not_executed_by_resume(trained, tmp_path):
    config, canary = trained[0].copy(), tmp_path / 'canary'
    config.train_cfg.max_epochs = 2
    config.work_dir = str(tmp_path / 'work')
    os.makedirs(config.work_dir)
    config.dump(tmp_path / 'config.py')
    code = f'import os\nos.system("touch {canary}")\ngpu_ids = [0]'

    def spoil(checkpoint):
        checkpoint['meta']['config'] = checkpoint['message_hub']['runtime_info']['cfg'] = code

    changed(trained, tmp_path / 'bad.pth', spoil)
    options = ['--work-dir', tmp_path / 'work', '--resume', tmp_path / 'bad.pth']
    tool = ForkedTool(ROOT / 'tools' / 'train.py', tmp_path / 'config.py', *options, log=tmp_path / 'log')
    assert tool.wait() == 0, tool.output[-2000:]
    assert not canary.exists()
    resumed = load_safely(str(tmp_path / 'work' / 'epoch_2.pth'))
    told = resumed['message_hub']['runtime_info']['cfg']
    assert told != code and Config.fromstring(told, '.py').model.type == 'MutualTeachingPoseEstimator'


ODD = {
    'a list': [1, 2],
    'a tensor': torch.ones(3),
    'text': 'hello',
    'no state_dict': dict(meta={}),
    'state_dict is none': dict(state_dict=None),
    'integer keys': dict(state_dict={1: torch.ones(1)}),
    'no tensors': dict(state_dict={'networks.a.x': 3}),
    'no networks': dict(state_dict={'backbone.x': torch.ones(1)}),
    'config is a number': dict(state_dict={'networks.a.x': torch.ones(1)}, meta=dict(cfg=3)),
    'config is of something else': dict(state_dict={'networks.a.x': torch.ones(1)}, meta=dict(cfg='a = 1')),
    'config with a model that is none': dict(state_dict={'networks.a.x': torch.ones(1)}, meta=dict(cfg='model = []')),
}


@pytest.mark.parametrize('kind', ODD)
def test_odd_files_end_in_one_line(kind, tmp_path, capsys):
    torch.save(ODD[kind], tmp_path / 'odd.pth')
    assert export_network([str(tmp_path / 'odd.pth'), '--network', 'a', '-o', str(tmp_path / 'out.pth')]) == 1
    error = capsys.readouterr().err
    assert error.startswith('error: ') and 'odd.pth' in error and len(error.strip().splitlines()) == 1, error


@pytest.mark.parametrize(
    'spoiled',
    [
        dict(meta=None),
        dict(meta=[]),
        dict(meta=dict(dataset_meta=3)),
        dict(message_hub=None),
        dict(message_hub=[]),
        dict(message_hub=dict(runtime_info=None)),
        dict(message_hub=dict(runtime_info=dict(mutual_teaching_scores=1))),
        {5: 6},
    ],
)
def test_what_is_odd_and_not_needed_does_no_harm(spoiled, tmp_path, capsys):
    torch.save(
        {'state_dict': {'networks.a.x': torch.ones(1)}, **spoiled},
        tmp_path / 'odd.pth',
    )
    command = [str(tmp_path / 'odd.pth'), '-o', str(tmp_path / 'out.pth'), '--network']
    assert export_network([*command, 'a']) == 0
    assert export_network([*command, 'best']) == 1
    assert 'knows no scores' in capsys.readouterr().err
