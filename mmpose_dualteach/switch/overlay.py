# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Config files that inherit from others and switch them."""

import os
import os.path as osp
import pprint
from typing import Any, Dict

from mmpose_dualteach.compat import is_pure_python
from mmpose_dualteach.switch.to_mutual_teaching import mutual_teaching
from mmpose_dualteach.switch.to_supervised import supervised
from mmpose_dualteach.utils.config_file import as_base, read_config
from mmpose_dualteach.utils.file_io import atomic_write

OVERLAY = """_base_ = {base!r}
from mmpose_dualteach.switch import mutual_teaching

globals().update(mutual_teaching(globals(), **{options}))
"""
OVERLAY_OF_PURE_PYTHON = """_base_ = []  # No config inherits from one in pure Python.
from mmpose_dualteach.switch import mutual_teaching

globals().update(mutual_teaching({base!r}, **{options}))
"""
SUPERVISED = """_base_ = {base!r}
from mmpose_dualteach.switch import supervised

globals().update(supervised(_base_))
"""


def overlay_text(config: str, options: Dict[str, Any]) -> str:
    """The text of a config that switches a stock one, after trying that it works.

    Args:
        config (str): The stock config: a file, or a name such as ``mmpose::...``.
        options (Dict[str, Any]): Arguments of :func:`mutual_teaching`.

    Returns:
        str: The text.

    Raises:
        ValueError: If the config cannot be switched; names the reason and the remedy.
        FileNotFoundError: If the config does not exist.
    """
    mutual_teaching(read_config(config), **options)
    text = OVERLAY_OF_PURE_PYTHON if is_pure_python(config) else OVERLAY
    return text.format(base=as_base(config), options=pprint.pformat(options, width=110, sort_dicts=False))


def write_overlay(config: str, options: Dict[str, Any], path: str) -> str:
    """Write a config that switches a stock one, in place of one that was there; see :func:`overlay_text`.

    Args:
        config, options: See :func:`overlay_text`.
        path (str): The file to write.

    Returns:
        str: ``path``.
    """
    text = overlay_text(config, options)
    os.makedirs(osp.dirname(osp.abspath(path)), exist_ok=True)
    with atomic_write(path) as overlay:
        overlay.write(text)
    return path


def write_supervised(config: str, path: str) -> str:
    """Write the baseline of a switched config as one that inherits from it.

    Args:
        config (str): The switched config.
        path (str): The file to write.

    Returns:
        str: ``path``.

    Raises:
        ValueError: If it has none; names the reason.
    """
    supervised(read_config(config))
    os.makedirs(osp.dirname(osp.abspath(path)), exist_ok=True)
    with atomic_write(path) as overlay:
        overlay.write(SUPERVISED.format(base=as_base(config)))
    return path
