# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import builtins
import functools
import importlib
import operator
import os
import pickle
import re
import runpy
import subprocess
import zipfile
from collections import Counter, OrderedDict

import numpy as np
import pytest
import torch
from conftest import tool
from mmengine.config import Config
from mmengine.logging import HistoryBuffer
from mmengine.utils import call_command

from mmpose_dualteach.engine.checkpoints import safe_loading
from mmpose_dualteach.engine.checkpoints.safe_loading import load_safely

export_network = tool('export')


class Payload:
    """Calls something when it is unpickled."""

    def __init__(self, function, *arguments, state=None):
        self.call = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self):
        return self.call


PLACES = {
    'at the top': lambda payload: payload,
    'far down': lambda payload: dict(state_dict={}, meta=dict(deep=[dict(deeper=(payload,))])),
    'a key': lambda payload: dict(meta={(1, payload): 2}),
    'in an OrderedDict': lambda payload: dict(state_dict=OrderedDict(weight=payload)),
    'in a set': lambda payload: dict(meta={payload}),
    'in an array of objects': lambda payload: dict(meta=np.array([payload, None], dtype=object)),
    "a history's state": lambda payload: Payload(HistoryBuffer, state=dict(_log_history=payload)),
    'an argument of what is allowed': lambda payload: dict(state_dict=Payload(OrderedDict, [('weight', payload)])),
    'hooks of a tensor': lambda payload: Payload(torch._utils._rebuild_parameter, torch.ones(1), True, payload),
    'beside tensors': lambda payload: dict(state_dict=dict(weight=torch.ones(3)), optimizer=[torch.ones(2), payload]),
}
PAYLOADS = {
    'os.system': lambda run: Payload(os.system, run),
    'posix.system by name': lambda run: Payload(__import__('posix').system, run),
    'subprocess': lambda run: Payload(subprocess.Popen, ['sh', '-c', run]),
    'eval': lambda run: Payload(builtins.eval, f'__import__("os").system("{run}")'),
    'exec': lambda run: Payload(builtins.exec, f'import os; os.system("{run}")'),
    'compiled code': lambda run: Payload(
        builtins.exec, Payload(builtins.compile, f'import os; os.system("{run}")', 'name', 'exec')
    ),
    'import': lambda run: Payload(builtins.getattr, Payload(importlib.import_module, 'os'), 'system'),
    'getattr of a class': lambda run: Payload(builtins.getattr, HistoryBuffer, '__init__'),
    'getattr of a method': lambda run: Payload(
        builtins.getattr, Payload(builtins.getattr, HistoryBuffer, 'mean'), '__globals__'
    ),
    'a class of our name': lambda run: Payload(builtins.getattr, Payload(type, 'HistoryBuffer', (), {}), 'mean'),
    'partial': lambda run: Payload(functools.partial, os.system, run),
    'methodcaller': lambda run: Payload(operator.methodcaller, 'system', run),
    'attrgetter': lambda run: Payload(operator.attrgetter('system').__class__, 'system'),
    'map': lambda run: Payload(list, Payload(map, os.system, [run])),
    'another pickle': lambda run: Payload(pickle.loads, pickle.dumps(Payload(os.system, run))),
    'another checkpoint': lambda run: Payload(functools.partial(torch.load, weights_only=False), run.split()[-1]),
    'runpy': lambda run: Payload(runpy._run_code, f'import os; os.system("{run}")', {}),
    'a config of mmengine': lambda run: Payload(Config.fromstring, f'import os\nos.system("{run}")', '.py'),
    'a command of mmengine': lambda run: Payload(call_command, ['sh', '-c', run]),
}


pytestmark = pytest.mark.skipif(not safe_loading.CAN_BE_TOLD, reason='torch before 2.4 cannot be told what to allow')
# Words of torch's that advise to load a refused file all the same.
ADVICE = re.compile(r'weights_only|add_safe_globals|safe_globals|trusted|arbitrary code|allowlist|file an issue')


def test_what_mmengine_saves_is_loaded(tmp_path):
    content = dict(
        state_dict=OrderedDict(weight=torch.ones(2), half=torch.ones(2, dtype=torch.bfloat16)),
        optimizer=dict(state={0: dict(step=torch.tensor(1.0), exp_avg=torch.zeros(2))}, param_groups=[dict(lr=0.1)]),
        meta=dict(dataset_meta=dict(sigmas=np.ones(3, np.float32), ids=np.arange(4), score=np.float64(0.5), kinds={1})),
        people=Counter(labeled=3),
        message_hub=dict(
            log_scalars={'train/loss': HistoryBuffer([1.0, 2.0], [1, 1])}, runtime_info=dict(best_score=0.5)
        ),
    )
    for new_format in (True, False):
        torch.save(content, tmp_path / 'fine.pth', _use_new_zipfile_serialization=new_format)
        loaded = load_safely(str(tmp_path / 'fine.pth'))
        assert loaded['message_hub']['log_scalars']['train/loss'].mean() == 1.5
        assert (loaded['meta']['dataset_meta']['ids'] == np.arange(4)).all()
        assert torch.equal(loaded['state_dict']['half'], content['state_dict']['half'])
        assert loaded['optimizer']['state'][0]['step'] == 1 and loaded['meta']['dataset_meta']['kinds'] == {1}
        assert loaded['meta']['dataset_meta']['score'] == 0.5 and loaded['people']['labeled'] == 3
    assert torch.load(tmp_path / 'fine.pth')['meta']['dataset_meta']['score'] == 0.5, "mmengine's own reader as well"


@pytest.mark.parametrize('kind', PAYLOADS)
def test_code_is_refused_by_name_and_never_runs(tmp_path, kind):
    witness, path = tmp_path / 'ran', str(tmp_path / 'bad.pth')
    payload = PAYLOADS[kind](f'touch {witness}')
    for place, around in PLACES.items():
        for new_format in (True, False):
            torch.save(around(payload), path, _use_new_zipfile_serialization=new_format)
            with pytest.raises(ValueError, match='bad.pth is refused: .*') as error:
                load_safely(path)
            assert len(str(error.value).splitlines()) == 1 and not ADVICE.search(str(error.value)), str(error.value)
            with pytest.raises(pickle.UnpicklingError):  # mmengine reads by this.
                torch.load(path, weights_only=True)
            assert not witness.exists(), place


@pytest.mark.parametrize(
    'text',
    [
        b'cos\nsystem\n(S"touch {}"\ntR.',
        b'(S"touch {}"\nios\nsystem\n.',
        b'(cos\nsystem\nS"touch {}"\no.',
        b'\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x06touch X\x85R.',
        b'cbuiltins\ngetattr\n(cmmengine.logging.history_buffer\nHistoryBuffer\nS"__init__.__globals__"\ntR.',
        b'cmmengine.logging.history_buffer\nHistoryBuffer.__init__\n.',
        b'cmmengine.logging.history_buffer\nHistoryBuffer\n(N(dS"mean"\ncbuiltins\ngetattr\nstb.',
        b'cmmengine.logging.history_buffer\nnp.os.system\n(S"touch {}"\ntR.',
        b'ccollections\n_sys.modules\n.',
        b'\x82\x01.',
        b'(lp0\n0g0\n(cos\nsystem\nS"touch {}"\nod.',
    ],
)
def test_opcodes_written_by_hand_run_nothing(tmp_path, text):
    """In the pickle of a checkpoint: other opcodes than Python itself would write."""
    witness, path = tmp_path / 'ran', tmp_path / 'bad.pth'
    torch.save({}, path)
    with zipfile.ZipFile(path) as whole:
        content = {name: whole.read(name) for name in whole.namelist()}
    text = text.replace(b'touch {}', f'touch {witness}'.encode())
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_STORED) as bad:
        for name, each in content.items():
            bad.writestr(name, text if name.endswith('/data.pkl') else each)
    with pytest.raises(ValueError, match='bad.pth') as error:
        load_safely(str(path))
    assert len(str(error.value).splitlines()) == 1 and not witness.exists()
    assert not ADVICE.search(str(error.value)), str(error.value)
    assert HistoryBuffer([1.0], [1]).mean() == 1


def test_a_program_of_torchscript_is_no_checkpoint(tmp_path):
    torch.jit.script(torch.nn.Linear(1, 1)).save(str(tmp_path / 'program.pth'))
    with pytest.raises(ValueError, match='program.pth'):
        load_safely(str(tmp_path / 'program.pth'))


def test_truncated_and_foreign_files_are_one_line(tmp_path, capsys):
    torch.save(dict(state_dict=dict(weight=torch.rand(1000))), tmp_path / 'whole.pth')
    content = (tmp_path / 'whole.pth').read_bytes()
    (tmp_path / 'cut.pth').write_bytes(content[: len(content) // 2])
    (tmp_path / 'text.pth').write_text('hello')
    (tmp_path / 'empty.pth').write_bytes(b'')
    for name in ('cut.pth', 'text.pth', 'empty.pth', 'nowhere.pth', 'whole.pth'):
        assert export_network([str(tmp_path / name), '--network', 'a', '-o', str(tmp_path / 'out.pth')]) == 1
        error = capsys.readouterr().err
        assert name in error and len(error.strip().splitlines()) == 1, error
    assert not (tmp_path / 'out.pth').exists()


def test_a_checkpoint_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='gone.pth does not exist; those of a run are in its work directory'):
        load_safely(str(tmp_path / 'gone.pth'))
