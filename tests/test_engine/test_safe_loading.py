# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import builtins
import os
import pickle

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer

from mmpose_dualteach.commands import export_network
from mmpose_dualteach.engine.safe_loading import load_safely


class Payload:
    """Runs something when it is unpickled."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def history():
    buffer = HistoryBuffer([1., 2.], [1, 1])
    return buffer


def test_what_mmengine_saves_is_loaded(tmp_path):
    content = dict(
        state_dict=dict(weight=torch.ones(2)),
        meta=dict(dataset_meta=dict(sigmas=np.ones(3, np.float32), ids=np.arange(4), score=np.float64(0.5))),
        message_hub=dict(log_scalars={'train/loss': history()}, runtime_info=dict(best_score=0.5)))
    torch.save(content, tmp_path / 'fine.pth')
    loaded = load_safely(str(tmp_path / 'fine.pth'))
    assert loaded['message_hub']['log_scalars']['train/loss'].mean() == 1.5
    assert (loaded['meta']['dataset_meta']['ids'] == np.arange(4)).all()
    assert torch.load(tmp_path / 'fine.pth')['meta']['dataset_meta']['score'] == 0.5


@pytest.mark.parametrize('payload, name', [
    (Payload(os.system, 'touch {}'), 'system'),
    (Payload(builtins.eval, '__import__("os").system("touch {}")'), 'eval'),
    (Payload(builtins.getattr, os, 'system'), 'getattr'),
    (Payload(builtins.getattr, HistoryBuffer, '__init__'), '__init__'),
    (Payload(builtins.getattr, Payload(builtins.getattr, HistoryBuffer, 'mean'), '__globals__'), '__globals__'),
], ids=['os.system', 'eval', 'getattr of a module', 'getattr of a class', 'nested getattr'])
def test_code_is_refused_by_name_and_never_runs(tmp_path, payload, name):
    witness = tmp_path / 'ran'
    function, arguments = payload.call
    payload.call = (function, tuple(a.format(witness) if isinstance(a, str) else a for a in arguments))
    nested = dict(state_dict={}, meta=dict(deep=[dict(deeper=(payload, ))]))
    path = str(tmp_path / 'bad.pth')
    if function is builtins.getattr and arguments[0] is os:
        nested = dict(meta=Payload(builtins.getattr, HistoryBuffer, 'system'))  # Modules themselves cannot be pickled.
    torch.save(nested, path)
    with pytest.raises(ValueError, match='bad.pth is refused: .*'):
        load_safely(path)
    with pytest.raises(pickle.UnpicklingError):
        torch.load(path)
    assert not witness.exists()


def test_truncated_and_foreign_files_are_one_line(tmp_path, capsys):
    torch.save(dict(state_dict=dict(weight=torch.rand(1000))), tmp_path / 'whole.pth')
    content = (tmp_path / 'whole.pth').read_bytes()
    (tmp_path / 'cut.pth').write_bytes(content[:len(content) // 2])
    (tmp_path / 'text.pth').write_text('hello')
    (tmp_path / 'empty.pth').write_bytes(b'')
    for name in ('cut.pth', 'text.pth', 'empty.pth', 'nowhere.pth', 'whole.pth'):
        assert export_network([str(tmp_path / name), '--network', 'a', '-o', str(tmp_path / 'out.pth')]) == 1
        error = capsys.readouterr().err
        assert name in error and len(error.strip().splitlines()) == 1, error
    assert not (tmp_path / 'out.pth').exists()
