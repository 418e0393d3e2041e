# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What only a GPU can show."""

import pytest
import torch
from conftest import switch
from mmengine.optim import build_optim_wrapper
from test_mutual_teaching import batches, build, preprocessed

from mmpose_dualteach.methods import method_names

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device')


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
def test_the_losses_wait_for_the_device_nowhere(stock, options):
    config = switch(stock, **options)
    model = build(config).cuda()
    data = [preprocessed(model, batch) for batch in batches(config, 2)]
    model(*data[0], mode='loss')  # Kernels are loaded on first use.
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode('error')
    try:
        losses = model(*data[1], mode='loss')
        sum(value for key, value in losses.items() if 'loss' in key).backward()
    finally:
        torch.cuda.set_sync_debug_mode('default')
    assert 'a/loss_pseudo' in losses


@pytest.mark.parametrize('wrapper', [dict(type='OptimWrapper'), dict(type='AmpOptimWrapper', loss_scale='dynamic')])
def test_a_step_changes_every_network(switched, wrapper):
    model = build(switched).cuda()
    optim = build_optim_wrapper(model, dict(wrapper, optimizer=dict(type='Adam', lr=1e-3)))
    before = {key: value.clone() for key, value in model.named_parameters()}
    for batch in batches(switched, 3):
        log = model.train_step(batch, optim)
        assert all(torch.isfinite(value).all() for value in log.values())
    assert all(not torch.equal(before[key], value) for key, value in model.named_parameters())
