# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""From two networks back to one ordinary MMPose checkpoint."""

import io
import os
import os.path as osp
from collections import OrderedDict
from typing import Any, Dict, Optional

import mmengine
import numpy as np
import torch
from mmengine.logging import print_log
from mmpose import __version__ as mmpose_version
from torch import Tensor

from mmpose_dualteach import compat
from mmpose_dualteach.engine.checkpoints.safe_loading import load_safely
from mmpose_dualteach.engine.run.network_scores import SCORES
from mmpose_dualteach.engine.run.validation_log import VALIDATED, VALIDATIONS, ValidationLog
from mmpose_dualteach.switch import stock_config
from mmpose_dualteach.utils.config_text import parse_config_text
from mmpose_dualteach.utils.file_io import atomic_write


def network_weights(weights: Dict[str, Tensor], network: str) -> Dict[str, Tensor]:
    """Take one network out of a wrapper's state dict.

    Args:
        weights (Dict[str, Tensor]): The wrapper's state dict.
        network (str): The network's name.

    Returns:
        Dict[str, Tensor]: The state dict of the stock estimator, with the versions of its modules.

    Raises:
        ValueError: If there is no such network; names those there are.
    """
    prefix = f'networks.{network}.'
    chosen = OrderedDict((key[len(prefix) :], value) for key, value in weights.items() if key.startswith(prefix))
    if not chosen:
        names = sorted({key.split('.')[1] for key in weights if key.startswith('networks.')})
        raise ValueError(f'there is no network {network!r} to export; the checkpoint has {names or "none"}')
    # Some heads rename the weights of checkpoints that tell no version.
    versions = {f'{key}.': told for key, told in compat.versions_of(weights).items()}
    own = {key[len(prefix) : -1]: told for key, told in versions.items() if key.startswith(prefix)}
    compat.set_versions(chosen, own)
    return chosen


def save_stock_checkpoint(path: str, weights: Dict[str, Tensor], dataset_meta: dict, config: Optional[str]) -> None:
    """Write weights as MMPose writes its own, whole or not at all.

    Args:
        path (str): The file to write.
        weights (Dict[str, Tensor]): State dict of a stock estimator.
        dataset_meta (dict): Metainfo of the dataset, for MMPose's inference. It is written as plain lists: with arrays
            in it torch 2.6 and later would refuse the file where this package is not imported.
        config (str, optional): Text of the stock config, to be kept in the file.
    """
    meta = dict(
        mmengine_version=mmengine.__version__, mmpose_version=mmpose_version, dataset_meta=in_builtins(dataset_meta)
    )
    if config is not None:
        meta['cfg'] = config
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    content = io.BytesIO()  # Where a disk is full torch's own writer says something else.
    state = OrderedDict((key, value.cpu()) for key, value in weights.items())
    compat.set_versions(state, compat.versions_of(weights))
    torch.save(dict(meta=meta, state_dict=state), content)
    with atomic_write(path, binary=True) as file:
        file.write(content.getbuffer())


def in_builtins(value: Any) -> Any:
    """Numbers, strings, lists and dicts alone, whatever arrays they were; what is none of these becomes its text."""
    if isinstance(value, (np.ndarray, np.generic, Tensor)):
        return value.tolist()
    if isinstance(value, dict):
        return {in_builtins(key): in_builtins(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [in_builtins(item) for item in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def best_network(checkpoint: dict, path: str) -> str:
    """The network that scored best in the validation of a checkpoint's own weights, by ``validations.json`` beside it:
    a run saves before it validates. Where that is not there, in the last validation that the checkpoint knows of. The
    log says which.

    Args:
        checkpoint (dict): A loaded checkpoint of a mutual-teaching run.
        path (str): Where it is.

    Raises:
        ValueError: If neither knows a validation.
    """
    info: Any = checkpoint
    for key in ('message_hub', 'runtime_info'):
        info = info.get(key) if isinstance(info, dict) else None
    info, meta = [each if isinstance(each, dict) else {} for each in (info, checkpoint.get('meta'))]
    choice: Any = ValidationLog(osp.join(osp.dirname(path), VALIDATIONS)).choice(checkpoint.get('state_dict') or {})
    own = choice is not None or info.get(VALIDATED, -1) == meta.get('iter')
    choice = choice or info.get(SCORES)
    best = choice.get('best') if isinstance(choice, dict) else None
    if not isinstance(best, str):
        raise ValueError('the checkpoint knows no scores, so no network is best; name one with --network')
    when = 'in its own validation' if own else 'in the last validation before it was saved, its own is not known'
    print_log(f'{path}: network {best} is the best {when}', logger='current')
    return best


def export(checkpoint_path: str, network: str, path: str) -> str:
    """Write one network of a mutual-teaching checkpoint as an ordinary MMPose checkpoint.

    The config in the checkpoint is read as data, see :func:`parse_config_text`.

    Args:
        checkpoint_path (str): Checkpoint of a mutual-teaching run.
        network (str): A network's name, or ``'best'``.
        path (str): The file to write.

    Returns:
        str: The name of the network written.

    Raises:
        ValueError: If the checkpoint cannot be used; names it.
    """
    checkpoint = load_safely(checkpoint_path)
    state = checkpoint.get('state_dict') if isinstance(checkpoint, dict) else None
    if not isinstance(state, dict) or not all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in state.items()
    ):
        raise ValueError(
            f'{checkpoint_path} has no state_dict of tensors by name; it is no checkpoint of a mutual-teaching run'
        )
    meta = checkpoint.get('meta') if isinstance(checkpoint.get('meta'), dict) else {}
    try:
        network = best_network(checkpoint, checkpoint_path) if network == 'best' else network
        weights = network_weights(state, network)
        config = _stock_config_text(meta.get('cfg'), network)
    except ValueError as error:
        raise ValueError(f'{checkpoint_path}: {error}') from None
    dataset_meta = meta.get('dataset_meta')
    save_stock_checkpoint(path, weights, dataset_meta if isinstance(dataset_meta, dict) else {}, config)
    return network


def _stock_config_text(text: Any, network: str) -> Optional[str]:
    """The text of the stock config from that of the switched one.

    Raises:
        ValueError: If it is no config's text.
    """
    if not text:
        return None
    if not isinstance(text, str):
        raise ValueError("meta['cfg'] is no text of a config")
    try:
        printed = stock_config(parse_config_text(text), network).pretty_text
        parse_config_text(printed)  # mmengine prints keys as they are: one that closes its quotes would become code.
        return printed
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, SyntaxError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(
            f"meta['cfg'] is no config of a mutual-teaching run ({reason}); it is never executed"
        ) from None
