# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What only a GPU can show."""

import warnings

import pytest
import torch
from conftest import switch
from mmengine.optim import build_optim_wrapper
from test_mutual_teaching import batches, build, preprocessed

from mmpose_dualteach.methods import method_names

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device')


def waits(action) -> int:
    """How often the host waits for the device."""
    torch.cuda.synchronize()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        torch.cuda.set_sync_debug_mode('warn')
        try:
            action()
        finally:
            torch.cuda.set_sync_debug_mode('default')
    return len([each for each in caught if 'synchroniz' in str(each.message)])


TOGETHER = [
    dict(teacher=['a', 'b.mirrored', 'a.ema', 'b.view2'], student=student, combine='closest') for student in 'ab'
]


@pytest.mark.parametrize(
    'options',
    [
        *[dict(method=name) for name in method_names()],
        dict(model=dict(lessons=TOGETHER, max_disagreement=9.0, pseudo_label_thr=0.1)),
    ],
    ids=lambda options: options.get('method', 'joint teachers'),
)
def test_a_step_waits_once_a_lesson_and_path(stock, options, monkeypatch):
    """For whether its loss is finite."""
    config = switch(stock, **options)
    model = build(config).cuda()
    optim = build_optim_wrapper(model, dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=1e-3)))
    data = [dict(zip(('inputs', 'data_samples'), preprocessed(model, batch))) for batch in batches(config, 2)]
    monkeypatch.setattr(model.data_preprocessor, 'forward', lambda batch, training: batch)
    model.train_step(data[0], optim)  # Kernels are loaded on first use.
    assert waits(lambda: model.train_step(data[1], optim)) == len(model.lessons) * len(model.paths)


def test_a_batch_is_moved_in_a_few_copies(switched):
    """One wait a branch, of MMPose's own preprocessor, which turns BGR into RGB."""
    model = build(switched).cuda()
    batch = batches(switched, 1)[0]
    assert waits(lambda: model.data_preprocessor(batch, True)) <= 3


@pytest.mark.parametrize('wrapper', [dict(type='OptimWrapper'), dict(type='AmpOptimWrapper', loss_scale='dynamic')])
def test_a_step_changes_every_network(switched, wrapper):
    model = build(switched).cuda()
    optim = build_optim_wrapper(model, dict(wrapper, optimizer=dict(type='Adam', lr=1e-3)))
    before = {key: value.clone() for key, value in model.named_parameters()}
    for batch in batches(switched, 3):
        log = model.train_step(batch, optim)
        assert all(torch.isfinite(value).all() for value in log.values())
    assert all(not torch.equal(before[key], value) for key, value in model.named_parameters())
