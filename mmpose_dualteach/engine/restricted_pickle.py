# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What ``torch.load`` takes for ``pickle`` where torch, before version 2.6, cannot be told what to allow.

It builds what its list names and calls nothing else; torch's own list of what tensors are made of is a part of it.
"""
import pickle
import zipfile
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections import Counter, OrderedDict
from types import SimpleNamespace
from typing import Any, Dict

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

STATEFUL = (OrderedDict, np.ndarray, np.dtype, HistoryBuffer)


def latin1(text: str, encoding: str) -> bytes:
    """Stand for ``_codecs.encode`` in a pickle of protocol 2, which has bytes as text.

    Raises:
        pickle.UnpicklingError: For any other encoding.
    """
    if encoding == 'latin1':
        return text.encode(encoding)
    raise pickle.UnpicklingError(f'the checkpoint asks for the encoding {encoding!r}')


# Plain data that torch's list has had since 2.6.
PLAIN = {'_codecs.encode': latin1, 'builtins.bytearray': bytearray, 'builtins.complex': complex, 'builtins.set': set,
         'collections.Counter': Counter}


def load_restricted(path: str, allowed: Dict[str, Any]) -> Any:
    """Load a file that torch saved, on the CPU.

    Args:
        path (str): The file.
        allowed (Dict[str, Any]): What it may name beside tensors, by name with its module.

    Returns:
        Any: Its content.

    Raises:
        pickle.UnpicklingError: If it asks for anything else; names it.
    """
    from torch._weights_only_unpickler import _get_allowed_globals  # No later torch need have it.
    allowed = {**_get_allowed_globals(), **PLAIN, **allowed}
    # In Python's own words, not in C, since what has a state is restricted as well.
    base = pickle._Unpickler

    class Unpickler(base):
        dispatch = dict(base.dispatch)

        def find_class(self, module: str, name: str) -> Any:
            # torch writes with protocol 2, whose names are Python 2's.
            module, name = NAME_MAPPING.get((module, name), (IMPORT_MAPPING.get(module, module), name))
            full = f'{module}.{name}'
            if full not in allowed:
                raise pickle.UnpicklingError(f'the checkpoint asks for {full}')
            return allowed[full]

        def load_build(self) -> None:
            if not isinstance(self.stack[-2], STATEFUL):
                raise pickle.UnpicklingError(f'the checkpoint gives a state to {self.stack[-2]!r}')
            super().load_build()

        dispatch[pickle.BUILD[0]] = load_build

    # torch takes such files for programs.
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as file:
            if any(name.endswith('/constants.pkl') for name in file.namelist()):
                raise pickle.UnpicklingError('it is a program of TorchScript')
    as_module = SimpleNamespace(__name__=__name__, Unpickler=Unpickler,
                                load=lambda file, **options: Unpickler(file, **options).load())
    return torch.load(path, map_location='cpu', pickle_module=as_module, weights_only=False)
