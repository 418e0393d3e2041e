# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Stock configs in mmengine's pure Python style: they are switched as their twins in the other style are."""

import mmpose.registry
import pytest
import torch
from conftest import run, tool
from mmengine.config import Config
from mmengine.hub import get_config
from mmengine.registry import Registry
from torch.optim import Adam

from mmpose_dualteach.switch import mutual_teaching, stock_config
from mmpose_dualteach.utils.config_dicts import plain
from mmpose_dualteach.utils.config_file import read_config
from mmpose_dualteach.utils.registered_names import registered_name

switch_config = tool('switch_config')
REGISTRIES = [each for each in vars(mmpose.registry).values() if isinstance(each, Registry)]
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
    assert plain(config) == plain(twin)


def test_it_trains_and_goes_back(stock, people, tmp_path):
    path = write_in_pure_python(dict(stock, default_scope=None), tmp_path / 'stock.py')
    (tmp_path / 'new.py').write_text(
        '_base_ = []\n'
        'from mmpose_dualteach.switch import mutual_teaching\n\n'
        'train_dataloader = dict(batch_size=3)\n'
        f'globals().update(mutual_teaching({path!r}, labeled=dict(indices=8), unlabeled="train.json"))\n'
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
        ('os.path.join', 'os.path.join'),
        (None, None),
    ],
)
def test_registered_names(kind, name):
    assert registered_name(kind) == name
