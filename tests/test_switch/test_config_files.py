# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""The switch within a config file: what stands above and below it, and what inherits from it."""

import pytest
from conftest import ROOT, run, tool
from mmengine.config import Config

from mmpose_dualteach.switch import stock_config
from mmpose_dualteach.utils.config_dicts import plain  # Without the scope marks that mmengine leaves.

switch_config = tool('switch_config')
BASE = str(ROOT / 'configs' / 'quickstart' / 'td-hm_res18_1xb16-14e_drawn-64x96.py')
HEAD = f"_base_ = '{BASE}'\nfrom mmpose_dualteach.switch import mutual_teaching\n"
SWITCH = "globals().update(mutual_teaching({stock},\n                                 unlabeled='u.json'))\n"
# Every kind of value that the switch sets, and some that it does not.
ABOVE = """
custom_hooks = [dict(type='EMAHook', momentum=0.5)]
optim_wrapper = dict(optimizer=dict(lr=0.125), clip_grad=dict(max_norm=2.))
train_dataloader = dict(batch_size=6, num_workers=0, dataset=dict(indices=11))
model = dict(backbone=dict(frozen_stages=1), test_cfg=dict(_delete_=True, flip_test=False))
val_cfg = dict(fp16=True)
default_hooks = dict(checkpoint=dict(interval=7), extra=dict(type='SyncBuffersHook'))
train_cfg = dict(max_epochs=3)
number = 5
"""


def read(tmp_path, text, name='config.py') -> Config:
    (tmp_path / name).write_text(text)
    return Config.fromfile(tmp_path / name)


@pytest.mark.parametrize('stock', ['_base_', 'globals()'])
def test_what_stands_above_is_honoured_as_mmengine_merges_it(tmp_path, stock):
    # mmengine's own way of saying the same is the oracle.
    merged = read(tmp_path, f"_base_ = '{BASE}'\n{ABOVE}", 'merged.py')
    config = read(tmp_path, HEAD + ABOVE + SWITCH.format(stock=stock))
    for key in ('optim_wrapper', 'custom_hooks', 'train_cfg', 'number'):
        assert plain(config[key]) == plain(merged[key]), key
    for key in ('backbone', 'head', 'test_cfg'):
        assert plain(config.model[key]) == plain(merged.model[key]), key
    assert plain(config.train_dataloader.dataset.labeled) == plain(merged.train_dataloader.dataset)
    assert config.train_dataloader.batch_size == 12 and config.train_dataloader.sampler.labeled == 6
    assert config.val_cfg == dict(type='MutualTeachingValLoop', fp16=True)
    for name, hook in merged.default_hooks.items():
        assert plain(config.default_hooks[name]) == plain(hook), name
    assert config.default_hooks.dual_teacher.type == 'DualTeacherHook'
    back = stock_config(config)
    assert {key: plain(back[key]) for key in merged} == {key: plain(merged[key]) for key in merged}


@pytest.mark.parametrize(
    'below, name',
    [
        ("model = dict(predict_on='mean')", 'model'),
        ('train_dataloader = dict(\n    batch_size=4)', 'train_dataloader'),
        ('default_hooks = dict(logger=dict(interval=1))', 'default_hooks'),
        ("val_cfg = dict(type='ValLoop')", 'val_cfg'),
        ('for model in range(3):\n    pass', 'model'),
        ('number, model = 3, dict()', 'model'),
        ('if True:\n    custom_imports = dict(imports=[])', 'custom_imports'),
    ],
)
def test_what_would_be_lost_below_is_refused_by_name_and_line(tmp_path, below, name, capsys):
    with pytest.raises(ValueError, match=f'config.py, line [5-6]: {name} is assigned below the switch') as error:
        read(tmp_path, HEAD + SWITCH.format(stock='_base_') + below + '\n')
    assert len(str(error.value).splitlines()) == 1
    assert switch_config([str(tmp_path / 'config.py'), '--unlabeled', 'u.json', '-o', str(tmp_path / 'x.py')]) == 1
    assert f'{name} is assigned below the switch' in capsys.readouterr().err


def test_what_is_not_lost_may_stand_below(tmp_path):
    config = read(
        tmp_path,
        HEAD
        + SWITCH.format(stock='_base_')
        + """
train_cfg = dict(max_epochs=3)
custom_hooks = [dict(type='SyncBuffersHook')]
model['predict_on'] = 'b'
model.update(sup_weight=0.25)
names = [model for model in ('x', 'y')]


def unused():
    model = 3


del unused
batch_size = '{{$BATCH:4}}'
""",
    )
    assert config.train_cfg.max_epochs == 3 and config.train_cfg.by_epoch and config.batch_size == '4'
    assert config.model.predict_on == 'b' and config.model.sup_weight == 0.25
    assert config.custom_hooks[0].type == 'SyncBuffersHook' and 'dual_teacher' in config.default_hooks


def test_a_config_that_inherits_merges(tmp_path):
    read(tmp_path, HEAD + SWITCH.format(stock='_base_'))
    config = read(
        tmp_path,
        """_base_ = 'config.py'
model = dict(predict_on='mean', networks=dict(b=dict(seed=3)))
default_hooks = dict(dual_teacher=dict(burn_in=4), checkpoint=dict(interval=2))
custom_hooks = [dict(type='SyncBuffersHook')]
""",
        'child.py',
    )
    assert config.model.predict_on == 'mean' and config.model.type == 'MutualTeachingPoseEstimator'
    assert config.default_hooks.dual_teacher == dict(type='DualTeacherHook', burn_in=4)


def test_an_import_above_the_base_is_said(tmp_path, capsys):
    lines = HEAD.splitlines(keepends=True)
    (tmp_path / 'config.py').write_text(''.join(reversed(lines)) + SWITCH.format(stock='_base_'))
    assert switch_config([str(tmp_path / 'config.py'), '--unlabeled', 'u.json', '-o', str(tmp_path / 'x.py')]) == 1
    error = capsys.readouterr().err
    assert 'import mmpose_dualteach above _base_' in error and len(error.strip().splitlines()) == 1


def test_a_module_that_is_not_there_is_one_line(tmp_path, capsys):
    (tmp_path / 'config.py').write_text(f"_base_ = '{BASE}'\ncustom_imports = dict(imports=['not_there'])\n")
    assert switch_config([str(tmp_path / 'config.py'), '--unlabeled', 'u.json', '-o', str(tmp_path / 'x.py')]) == 1
    error = capsys.readouterr().err
    assert "No module named 'not_there'" in error and len(error.strip().splitlines()) == 1


def test_nothing_of_the_overlay_leaks_into_the_config(tmp_path):
    overlay = tmp_path / 'overlay.py'
    assert switch_config([BASE, '--unlabeled', 'u.json', '-o', str(overlay)]) == 0
    config, base = Config.fromfile(overlay), Config.fromfile(BASE)
    assert set(config) - set(base) == {'custom_imports'} and set(stock_config(config)) <= set(base)


def test_a_replaced_part_of_the_switch_is_named_at_the_start(switched, tmp_path):
    with pytest.raises(ValueError, match='val_cfg.type is ValLoop.*MutualTeachingValLoop'):
        run(switched, tmp_path, val_cfg=dict(type='ValLoop'))
