# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import pytest
import torch
from conftest import switch
from mmpose.registry import MODELS

from mmpose_dualteach.utils import bfloat16


@pytest.fixture(params=[('flags : fpu avx512f avx512_bf16', True), ('flags : fpu avx512f', False), (None, False)])
def has_it(request, tmp_path, monkeypatch):
    text, expected = request.param
    if text is not None:
        (tmp_path / 'cpuinfo').write_text(f'processor : 0\nmodel name : bf16 of old\n{text}\n')
    monkeypatch.setattr(bfloat16, 'CPU_INFO', str(tmp_path / 'cpuinfo'))
    bfloat16.cpu_has_bfloat16.cache_clear()
    yield expected
    bfloat16.cpu_has_bfloat16.cache_clear()


def test_auto_is_what_the_cpu_computes_in(has_it, stock):
    assert bfloat16.autocast_dtype('auto', 'cpu') == (torch.bfloat16 if has_it else None)
    assert bfloat16.autocast_dtype('auto', 'cuda') is None and bfloat16.autocast_dtype(None, 'cpu') is None
    assert bfloat16.autocast_dtype('bfloat16', 'cpu') == torch.bfloat16
    model = MODELS.build(switch(stock, model=dict(autocast='auto')).model)
    with model._own_autocast(dict(labeled=torch.zeros(1))):
        assert ((torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16) == has_it


def test_what_is_no_dtype_is_named(stock):
    with pytest.raises(ValueError, match="model.autocast='bf16' is no torch dtype"):
        MODELS.build(switch(stock, model=dict(autocast='bf16')).model)
