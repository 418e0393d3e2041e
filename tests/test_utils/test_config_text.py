# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import mmengine.config.config as mmengine_config
import pytest
from conftest import YAPF
from mmengine.config import Config
from mmengine.hub import get_config

from mmpose_dualteach.utils.config_text import parse_config_text


@pytest.mark.parametrize(
    'name',
    [
        'body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py',
        'body_2d_keypoint/rtmpose/body8/rtmpose-t_8xb1024-700e_body8-halpe26-256x192.py',
    ],
)
def test_what_mmengine_writes_is_read_as_mmengine_reads_it(name, monkeypatch):
    monkeypatch.setattr(mmengine_config, 'FormatCode', YAPF)
    text = get_config(f'mmpose::{name}').pretty_text
    assert parse_config_text(text) == Config.fromstring(text, file_format='.py').to_dict()


def test_odd_keys_and_numbers(monkeypatch):
    monkeypatch.setattr(mmengine_config, 'FormatCode', YAPF)
    config = Config(dict(a={'1x': -1, 2: (1.0,)}, b=dict(lr=float('inf'), mean=[-1e-3, None, True]), c={}))
    assert parse_config_text(config.pretty_text) == config.to_dict()


@pytest.mark.parametrize(
    'text, message',
    [
        ('import os', 'line 1 is no assignment'),
        ('a = 1\nb = __import__("os").system("touch X")', 'line 2 holds more than literals'),
        ('a = dict(b=open("X", "w"))', 'line 1 holds more'),
        ('a = [x for x in ()]', 'line 1 holds more'),
        ('a = dict([(1, 2)])', 'line 1 holds more'),
        ('a = list(1)', 'line 1 holds more'),
        ('a = f"{1}"', 'line 1 holds more'),
        ('a.b = 1', 'line 1 is no assignment'),
        ('a: int = 1', 'line 1 is no assignment'),
        ('a = {[]: 1}', 'cannot be one'),
        ('a = dict(**[])', 'unpacks what is no dict'),
        ('a = (', 'no Python'),
        ('a = ' + '-' * 5000 + '1', 'nested too deeply'),
        ('a = ' + '[' * 5000 + ']' * 5000, 'line 1|nested too deeply'),
        ('a = "\0"', 'null|no Python'),
    ],
)
def test_nothing_but_literals(text, message):
    with pytest.raises(ValueError, match=message) as error:
        parse_config_text(text)
    assert len(str(error.value).splitlines()) == 1
