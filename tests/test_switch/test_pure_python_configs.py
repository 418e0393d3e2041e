# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Stock configs in mmengine's pure Python style: they are switched as their twins in the other style are."""

import albumentations
import mmpose.registry
import pytest
import torch
from conftest import run, tool
from mmengine.config import Config
from mmengine.hub import get_config
from mmengine.registry import Registry
from mmpose.registry import MODELS
from torch.nn import BatchNorm2d, Upsample
from torch.optim import Adam

from mmpose_dualteach.switch import mutual_teaching, stock_config
from mmpose_dualteach.utils.config_dicts import plain
from mmpose_dualteach.utils.config_file import read_config
from mmpose_dualteach.utils.registered_names import registered_name, with_registered_names

switch_config = tool('switch_config')
REGISTRIES = [each for each in vars(mmpose.registry).values() if isinstance(each, Registry) and each.scope == 'mmpose']
BODY = 'mmpose::body_2d_keypoint/'
STOCK = dict(
    udp=BODY + 'topdown_heatmap/coco/td-hm_hrnet-w48_udp-8xb32-210e_coco-256x192.py',
    rtmpose=BODY + 'rtmpose/coco/rtmpose-m_8xb256-420e_coco-256x192.py',
    crowd=BODY + 'yoloxpose/coco/yoloxpose_tiny_4xb64-300e_coco-416.py',
    joined='mmpose::wholebody_2d_keypoint/rtmpose/cocktail14/rtmw-m_8xb1024-270e_cocktail14-256x192.py',
)


def write_in_pure_python(config: dict, path) -> str:
    """Write a config as mmengine's pure Python style has it: classes are imported."""
    imports = {}

    def text(value) -> str:
        if isinstance(value, dict):
            items = (
                (key, imported(item) if key == 'type' and isinstance(item, str) else text(item))
                for key, item in value.items()
            )
            return '{' + ', '.join(f'{key!r}: {item}' for key, item in items) + '}'
        if isinstance(value, (list, tuple)):
            inside = ''.join(f'{text(item)}, ' for item in value)
            return f'[{inside}]' if isinstance(value, list) else f'({inside})'
        return repr(value)

    def imported(name: str) -> str:
        found = next((each for each in (registry.get(name) for registry in REGISTRIES) if each), None)
        if found is None and hasattr(albumentations, name):  # As MMPose's own configs of this style have it.
            found = getattr(albumentations, name)
        if found is None:
            return repr(name)
        imports[found.__name__] = found.__module__
        return found.__name__

    lines = [f'{key} = {text(value)}\n' for key, value in config.items()]
    head = [f'from {module} import {name}\n' for name, module in imports.items()]
    path.write_text(''.join(head + ['\n'] + lines))
    return str(path)


@pytest.mark.parametrize('name', STOCK)
def test_it_reads_as_its_twin(name, tmp_path):
    twin = plain(get_config(STOCK[name]))
    path = write_in_pure_python(dict(twin, default_scope=None), tmp_path / 'stock.py')
    assert Config.fromfile(path).to_dict()['model']['type'].startswith('mmpose.models.')
    assert plain(read_config(path)) == twin


@pytest.mark.parametrize('name', STOCK)
def test_the_overlay_is_what_the_twin_becomes(name, tmp_path):
    twin = get_config(STOCK[name])
    path = write_in_pure_python(dict(plain(twin), default_scope=None), tmp_path / 'stock.py')
    (tmp_path / 'u.json').write_text('{}')
    assert switch_config([path, '--unlabeled', str(tmp_path / 'u.json'), '-o', str(tmp_path / 'new.py')]) == 0
    switched = Config.fromfile(tmp_path / 'new.py')
    twin.merge_from_dict(mutual_teaching(twin, unlabeled=str(tmp_path / 'u.json')))
    assert plain(switched) == plain(twin)
    # And in memory, where the rest of the config keeps its import paths.
    config = Config.fromfile(path)
    config.merge_from_dict(mutual_teaching(config, unlabeled=str(tmp_path / 'u.json')))
    assert with_registered_names(plain(config)) == plain(twin)


def test_a_class_that_its_import_alone_registers_keeps_its_path(tmp_path, monkeypatch):
    twin = plain(get_config(STOCK['udp']))
    path = write_in_pure_python(dict(twin, default_scope=None), tmp_path / 'stock.py')
    text = 'from lab_of_a_test import LabHead\n' + (tmp_path / 'stock.py').read_text()
    (tmp_path / 'stock.py').write_text(text.replace("'type': HeatmapHead", "'type': LabHead"))
    (tmp_path / 'lab_of_a_test').mkdir()
    (tmp_path / 'lab_of_a_test' / '__init__.py').write_text('from .heads import LabHead\n')
    (tmp_path / 'lab_of_a_test' / 'heads.py').write_text(
        'from mmpose.models import HeatmapHead\nfrom mmpose.registry import MODELS\n'
        '@MODELS.register_module()\nclass LabHead(HeatmapHead):\n    pass\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    switched = Config(mutual_teaching(path, unlabeled='u.json'))
    for config in (switched, stock_config(switched)):
        assert 'lab_of_a_test' in config.model.head.type
        assert MODELS.get(config.model.head.type).__name__ == 'LabHead'
    MODELS._module_dict.pop('LabHead')


def test_detectors_are_read_as_well(tmp_path):
    # The module has the name of a function that hides it.
    (tmp_path / 'detector.py').write_text(
        'from mmdet.models.losses.smooth_l1_loss import L1Loss\nmodel = dict(type=L1Loss)\n'
    )
    assert read_config(str(tmp_path / 'detector.py')).model.type == 'mmdet.L1Loss'


def test_it_trains_and_goes_back(stock, people, tmp_path):
    write_in_pure_python(dict(stock, default_scope=None), tmp_path / 'stock.py')
    (tmp_path / 'new.py').write_text(
        '_base_ = []\n'
        'from mmpose_dualteach.switch import mutual_teaching\n\n'
        'train_dataloader = dict(batch_size=3)\n'
        'globals().update(mutual_teaching("stock.py", labeled=dict(indices=8), unlabeled="train.json"))\n'
    )
    config = Config.fromfile(tmp_path / 'new.py')
    assert config.train_dataloader.batch_size == 6
    runner = run(config, tmp_path / 'work')
    assert runner.iter == 8 and runner.message_hub.get_scalar('val/b/PCK').current() >= 0
    assert torch.load(tmp_path / 'work' / 'student_last.pth', map_location='cpu', weights_only=False)['state_dict']
    back = stock_config(config)
    assert plain(back.model) == plain(stock['model'])


def test_it_is_switched_in_a_config_of_its_own(tmp_path):
    path = write_in_pure_python(plain(get_config(STOCK['udp'])), tmp_path / 'stock.py')
    head = '_base_ = {base}\nfrom mmpose_dualteach.switch import mutual_teaching\n\n'
    switch = f'globals().update(mutual_teaching({path!r}, unlabeled="u.json"))\n'
    (tmp_path / 'two.py').write_text(head.format(base=repr(STOCK['rtmpose'])) + switch)
    with pytest.raises(ValueError, match=r'two.py, line 4: it inherits from a config and switches .*; switch _base_'):
        read_config(str(tmp_path / 'two.py'))
    (tmp_path / 'below.py').write_text(head.format(base='[]') + switch + 'train_cfg = dict(max_epochs=3)\n')
    with pytest.raises(ValueError, match='line 5: train_cfg is assigned below the switch in line 4'):
        read_config(str(tmp_path / 'below.py'))
    # Nothing is lost of what is no dict.
    below = "load_from = 'x.pth'\ndefault_scope = 'mmpose'\n"
    (tmp_path / 'scalars.py').write_text(head.format(base='[]') + switch + below)
    assert read_config(str(tmp_path / 'scalars.py')).load_from == 'x.pth'


def test_what_does_not_go_is_said(tmp_path):
    path = write_in_pure_python(plain(get_config(STOCK['udp'])), tmp_path / 'stock.py')
    text = 'from mmpose_dualteach.switch import mutual_teaching\n'
    text += 'globals().update(mutual_teaching({}, unlabeled="u.json"))\n'
    (tmp_path / 'inherits.py').write_text(f'_base_ = {path!r}\n' + text.format('_base_'))
    with pytest.raises(ValueError, match=r'config in pure Python\? Then set _base_ = \[\] and switch by'):
        read_config(str(tmp_path / 'inherits.py'))
    (tmp_path / 'alone.py').write_text(text.format(repr(path)))
    with pytest.raises(ValueError, match=r'needs a _base_, be it _base_ = \[\], above the import'):
        read_config(str(tmp_path / 'alone.py'))


@pytest.mark.parametrize(
    'kind, name',
    [
        ('HeatmapHead', 'HeatmapHead'),
        ('mmpose.models.HeatmapHead', 'HeatmapHead'),
        (Adam, 'Adam'),
        ('torch.optim.adam.Adam', 'Adam'),
        ('mmdet.models.backbones.CSPNeXt', 'mmdet.CSPNeXt'),
        ('mmdet.CSPNeXt', 'mmdet.CSPNeXt'),
        ('nowhere.at.all.Head', 'nowhere.at.all.Head'),
        # Of two classes of one name MMPose's registry gives its own.
        ('mmcv.transforms.RandomFlip', 'mmengine.RandomFlip'),
        ('mmpose.datasets.transforms.RandomFlip', 'RandomFlip'),
        ('mmengine.optim.ConstantLR', 'mmengine.ConstantLR'),
        ('mmpose.engine.schedulers.ConstantLR', 'ConstantLR'),
        ('albumentations.augmentations.Blur', 'Blur'),
        (BatchNorm2d, 'BN'),
        ('os.path.join', 'os.path.join'),
        (None, None),
    ],
)
def test_registered_names(kind, name):
    assert registered_name(kind) == name


def test_a_layer_of_several_names_keeps_its_mode():
    assert with_registered_names([dict(type=Upsample, mode='bilinear')]) == [dict(type='bilinear', mode='bilinear')]
