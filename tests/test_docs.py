# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What the README and the docs name is there: files, headings, tools and their options."""

import ast
import contextlib
import importlib
import io
import re
import shlex
import shutil
import subprocess
import sys
from functools import lru_cache

import pytest
from conftest import ROOT, tool

from mmpose_dualteach.dev.options_page import options_page

PAGES = [ROOT / 'README.md', ROOT / 'CHANGELOG.md', *sorted((ROOT / 'docs').glob('*.md'))]
PAGES += sorted((ROOT / 'configs').glob('*/README.md'))
FENCE = re.compile(r'^```(\w*)\n(.*?)^```', re.DOTALL | re.MULTILINE)


def ids(page):
    return str(page.relative_to(ROOT))


def blocks(page, language):
    return [code for kind, code in FENCE.findall(page.read_text(encoding='utf-8')) if kind == language]


def anchors(page):
    """As GitHub and Python-Markdown make them of headings."""
    text = FENCE.sub('', page.read_text(encoding='utf-8'))
    headings = re.findall(r'^#+ (.+)$', text, flags=re.MULTILINE)
    return {re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-') for heading in headings}


@pytest.mark.parametrize('page', PAGES, ids=ids)
def test_links_lead_somewhere(page):
    text = FENCE.sub('', page.read_text(encoding='utf-8'))
    for target in re.findall(r'\]\(([^)\s]+)\)', text):
        if re.match(r'https?://', target):
            continue
        path, _, anchor = target.partition('#')
        other = (page.parent / path).resolve() if path else page
        assert other.exists(), target
        assert not anchor or anchor in anchors(other), target


@lru_cache(maxsize=None)
def options_of(name):
    """The options that a tool knows."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), pytest.raises(SystemExit):
        tool(name)(['--help'])
    return set(re.findall(r'(?<!\w)--?[a-z][\w-]*', said.getvalue()))


@pytest.mark.parametrize('page', PAGES, ids=ids)
def test_commands_are_of_tools_that_know_their_options(page):
    for code in blocks(page, 'bash'):
        for line in code.replace('\\\n', ' ').splitlines():
            words = shlex.split(line, comments=True) if 'tools/' in line else []
            for number, word in enumerate(words):
                if not re.fullmatch(r'tools/\w+\.(py|sh)', word):
                    continue
                assert (ROOT / word).is_file(), line
                if word.endswith('.py'):
                    given = {each.split('=')[0] for each in words[number + 1 :] if re.match(r'--?[a-z]', each)}
                    assert given <= options_of(word[6:-3]), line


@pytest.mark.parametrize('page', PAGES, ids=ids)
def test_python_is_python_and_files_that_are_named_exist(page):
    for code in blocks(page, 'python'):
        compile(code, str(page), 'exec')
    text = page.read_text(encoding='utf-8')
    for path in re.findall(r'(?<![\w/])(?:configs|tools|tests|docs)/[\w./-]+\.(?:py|sh|md|csv)\b', text):
        if path == 'tools/test.py' or re.search(r'[A-Z]{3}[A-Z_]*\.py', path):  # MMPose's own; and whatever is meant.
            continue
        assert (ROOT / path).is_file() or (page.parent / path).is_file(), path


SOURCES_OF_MESSAGES = (
    'mmengine.config.config',
    'mmengine.config.utils',
    'urllib.error',
    'mmpose_dualteach.datasets.checks.keypoints',
    'mmpose_dualteach.datasets.datasets.unlabeled_pose_dataset',
    'mmpose_dualteach.models.utils.out_of_memory',
)


def test_messages_in_the_docs_are_those_of_the_code():
    texts = []
    for name in SOURCES_OF_MESSAGES:
        with open(importlib.import_module(name).__file__, encoding='utf-8') as file:
            nodes = list(ast.walk(ast.parse(file.read())))
        texts += [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    page = (ROOT / 'docs' / 'troubleshooting.md').read_text(encoding='utf-8')
    section = page.partition('## When a run does not start')[2].partition('\n## ')[0]
    messages = re.findall(r'\*\*`([^`]+)`\*\*', section)
    assert len(messages) == 7
    for message in messages:
        parts = re.sub('mmpose_dualteach|boxes', '...', ' '.join(message.split())).split('...')
        assert any(len(part.strip()) >= 8 for part in parts), f'{message}: less would be found anywhere'
        for part in parts:
            assert any(part.strip() in text for text in texts), (message, part)


def test_the_readme_is_a_page_and_lines_are_readable():
    assert len((ROOT / 'README.md').read_text(encoding='utf-8').splitlines()) <= 150
    for page in PAGES:
        for line in FENCE.sub('', page.read_text(encoding='utf-8')).splitlines():
            assert len(line) <= 120 or line.startswith('|'), (page, line)


def test_options_are_those_of_the_docstrings():
    page = (ROOT / 'docs' / 'options.md').read_text(encoding='utf-8')
    assert page == options_page(), 'run tools/list_options.py'


def test_the_site_can_be_built(tmp_path):
    shutil.copy(ROOT / 'mkdocs.yml', tmp_path)
    shutil.copytree(ROOT / 'docs', tmp_path / 'docs')
    (tmp_path / 'mmpose_dualteach').symlink_to(ROOT / 'mmpose_dualteach')
    command = [sys.executable, '-m', 'zensical', 'build', '--strict']
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    reference = (tmp_path / 'site' / 'reference' / 'index.html').read_text(encoding='utf-8')
    assert 'MutualTeachingPoseEstimator' in reference and ':class:' not in reference


def test_every_page_is_in_the_site():
    site = (ROOT / 'mkdocs.yml').read_text(encoding='utf-8')
    for page in (ROOT / 'docs').glob('*.md'):
        assert re.search(rf'\b{re.escape(page.name)}\b', site), page.name
