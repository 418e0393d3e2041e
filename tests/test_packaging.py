# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What is installed: tools and configs where mim looks for them, and every config in its folder's metafile."""

import subprocess
import sys

import yaml
from conftest import ROOT

DEFINITIONS = ('drawn_people.py', 'lspet_keypoints.py')


def test_every_config_is_in_the_index_of_models():
    index = yaml.safe_load((ROOT / 'model-index.yml').read_text())
    listed = []
    for path in index['Import']:
        content = yaml.safe_load((ROOT / path).read_text())
        assert {model['In Collection'] for model in content['Models']} == {content['Collections'][0]['Name']}
        listed += [model['Config'] for model in content['Models']]
    there = [
        str(path.relative_to(ROOT))
        for path in (ROOT / 'configs').glob('*/*.py')
        if path.parent.name != 'benchmark' and path.name not in DEFINITIONS and path.stem != path.parent.name
    ]
    assert sorted(listed) == sorted(there)


def test_the_wheel_has_tools_and_configs_for_mim(tmp_path):
    build = [sys.executable, 'setup.py', '-q', 'egg_info', '--egg-base', str(tmp_path)]
    build += ['build_py', '--build-lib', str(tmp_path / 'lib')]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    mim = tmp_path / 'lib' / 'mmpose_dualteach' / '.mim'
    for name in (
        'model-index.yml',
        'tools/train.py',
        'configs/faces/metafile.yml',
        'configs/quickstart/drawn_people.py',
    ):
        assert (mim / name).read_bytes() == (ROOT / name).read_bytes()
    assert not list(mim.rglob('__pycache__'))
