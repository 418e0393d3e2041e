# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Docstrings' reStructuredText, ``:class:`Name``` and the like, as Markdown; ``mkdocs.yml`` loads this file."""

import re
from typing import Any

import griffe


def markdown(text: str) -> str:
    """What stands in a docstring, as Markdown: roles and double backticks become code."""
    text = re.sub(r':(?:attr|class|data|func|meth|mod):`~?([^`]+)`', r'`\1`', text)
    return re.sub(r'``([^`]+)``', r'`\1`', text)


class DocstringRoles(griffe.Extension):
    """For mkdocstrings, which takes docstrings for Markdown."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring:
            obj.docstring.value = markdown(obj.docstring.value)
