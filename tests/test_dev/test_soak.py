# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import copy

import numpy as np
import pytest
import torch
from conftest import tool
from mmengine.logging import HistoryBuffer

from mmpose_dualteach.dev import soak as module
from mmpose_dualteach.dev.soak import differences, soak
from mmpose_dualteach.utils import mmpose_files

command = tool('soak')

CHECKPOINT = dict(
    state_dict=dict(weight=torch.arange(3.0)),
    optimizer=dict(state={0: dict(step=3)}),
    param_schedulers=[[dict(lr=1.0)]],
    meta=dict(epoch=2, time='now', experiment_name='a'),
    message_hub=dict(
        log_scalars={'train/loss': HistoryBuffer([1.0, 2.0], [1, 1]), 'train/data_time': HistoryBuffer([1.0], [1])},
        runtime_info=dict(scores=np.ones(2), best_score=0.5, last_ckpt='there'),
    ),
)


def changed(change) -> dict:
    content = copy.deepcopy(CHECKPOINT)
    change(content)
    return content


@pytest.mark.parametrize(
    'change, name',
    [
        (lambda content: content['state_dict']['weight'].add_(1e-7), 'checkpoint.state_dict.weight'),
        (lambda content: content['state_dict'].pop('weight'), 'checkpoint.state_dict'),
        (lambda content: content['optimizer']['state'][0].update(step=4), 'checkpoint.optimizer.state.0.step'),
        (lambda content: content['optimizer']['state'][0].update(step=3.0), 'checkpoint.optimizer.state.0.step'),
        (lambda content: content['param_schedulers'][0].append({}), 'checkpoint.param_schedulers.0'),
        (
            lambda content: content['message_hub']['log_scalars']['train/loss'].update(3.0),
            'checkpoint.message_hub.log_scalars.train/loss',
        ),
        (
            lambda content: content['message_hub']['runtime_info'].update(scores=np.zeros(2)),
            'checkpoint.message_hub.runtime_info.scores',
        ),
    ],
)
def test_whatever_is_not_the_same_is_named(change, name):
    assert differences(CHECKPOINT, changed(change)) == [name]


def test_times_and_places_may_differ():
    def change(content):
        content['meta'].update(time='then', experiment_name='b')
        content['message_hub']['log_scalars']['train/data_time'].update(9.0)
        content['message_hub']['runtime_info'].update(last_ckpt='here')

    assert not differences(CHECKPOINT, changed(change))


def test_a_folder_in_use_is_left_alone(tmp_path, capsys):
    (tmp_path / 'run0').mkdir()
    assert command(['--work-dir', str(tmp_path), '--minutes', '0.1']) == 1
    assert str(tmp_path) in capsys.readouterr().err and list(tmp_path.iterdir()) == [tmp_path / 'run0']


LOSING = """
import os, signal, sys, torch
folder = sys.argv[sys.argv.index('--work-dir') + 1]
again, whole = os.path.isdir(folder), folder.endswith('whole')
os.makedirs(folder, exist_ok=True)
torch.save(dict(state_dict=dict(weight=torch.ones(1) * whole)), folder + '/epoch_{epochs}.pth')
if not (again or whole):
    print('Checkpoints will be saved', flush=True)
    open(folder + '/epoch_1.pth', 'w').write('half')
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_is_lost_is_counted(tmp_path, monkeypatch):
    """A train.py that loses something: every other start it is killed, with half a file left; then another end."""
    (tmp_path / 'train.py').write_text(LOSING.format(epochs=module.EPOCHS))
    monkeypatch.setattr(mmpose_files, 'mmpose_tool', lambda name: str(tmp_path / name))
    monkeypatch.setattr(module, '_small', lambda config, people: module.Config(dict(a=1)))
    monkeypatch.setattr(module, 'draw_people', lambda *arguments: None)
    monkeypatch.setattr(module.random.Random, 'uniform', lambda self, low, high: 1e6)
    counts = soak('config.py', str(tmp_path / 'work'), 0.2, 0, lambda text: None)
    assert counts['runs'] >= 1
    assert counts == dict(
        runs=counts['runs'],
        while_starting=0,
        while_running=counts['runs'],
        while_writing=0,
        half_files=counts['runs'],
        differing=counts['runs'],
    )
