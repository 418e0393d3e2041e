# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Scripts that set up and test the repository: they say what they take, and begin nothing with anything else."""

import os
import re
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT


def run(script, *arguments, **env):
    # Should one begin all the same, it gets nowhere.
    env = dict(os.environ, PIP_NO_INDEX='1', **env)
    done = subprocess.run(['bash', str(script), *arguments], env=env, capture_output=True, text=True, timeout=30)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    'name, wrong, told',
    [
        ('setup_env', ['--nonsense'], 'it takes no arguments, not --nonsense'),
        ('build_mmcv', [], 'it takes 3 arguments, not 0'),
        ('test_matrix', ['lower', '--nonsense'], 'there is no stack --nonsense; name some of lower onedl'),
    ],
)
def test_scripts_say_what_they_take_and_refuse_anything_else(name, wrong, told):
    script = ROOT / 'tools' / f'{name}.sh'
    code, said, _ = run(script, '--help')
    assert code == 0 and f'usage: tools/{name}.sh' in said and not re.search('^(#|set )', said, re.MULTILINE)
    code, _, error = run(script, *wrong)
    assert code == 2 and told in error


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason='the pinned stack is for Python 3.11')
def test_an_interrupted_set_up_wants_the_space_that_is_missing(tmp_path):
    for name in ('requirements.txt', 'setup.py'):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / 'tools').mkdir()
    for name in ('setup_env.sh', 'build_mmcv.sh'):
        shutil.copy(ROOT / 'tools' / name, tmp_path / 'tools' / name)
    torch = tmp_path / '.venv' / 'lib' / 'python3.11' / 'site-packages' / 'torch'
    torch.mkdir(parents=True)
    (torch / 'half.so').write_bytes(b'x' * 3_000_000)
    (tmp_path / 'bin').mkdir()
    df = tmp_path / 'bin' / 'df'
    df.write_text('#!/bin/sh\necho head\necho disk 9000 8000 1000 89% /\n')
    df.chmod(0o755)
    code, _, error = run(
        tmp_path / 'tools' / 'setup_env.sh',
        PATH=f'{df.parent}:{os.environ["PATH"]}',
        PYTHON=sys.executable,
        XDG_CACHE_HOME=str(tmp_path),
        CXX='true',
    )
    assert code == 1 and re.search(r'not enough disk: 1000 MB free for .*/\.venv, 699\d MB are needed', error)
