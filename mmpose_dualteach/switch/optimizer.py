# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""The optimizer's wrapper of a switched config, and that of each network's stock config."""

from typing import Dict, Mapping, Optional

from mmpose_dualteach.switch.names import CONSTRUCTOR

# Where a switched config's ``paramwise_cfg`` keeps the stock constructor, and the options that are a network's own.
STOCK, OWN = 'stock_constructor', 'networks'


def paramwise_options(optim_wrapper: Mapping) -> dict:
    """How a stock config tells parameters apart: its ``paramwise_cfg`` and, where it names one, the constructor that
    reads it as ``stock_constructor``."""
    options = dict(optim_wrapper.get('paramwise_cfg') or {})
    if 'constructor' in optim_wrapper:
        options[STOCK] = optim_wrapper['constructor']
    return options


def own_options(optim_wrapper: Mapping, other: Mapping) -> Optional[dict]:
    """The options of a network's own config that the switched one's cannot stand for: a constructor's may be of one
    network alone, its number of layers for instance.

    Args:
        optim_wrapper, other (Mapping): The optimizer's wrapper of the switched config, and of the network's own.

    Returns:
        dict, optional: See :func:`paramwise_options`; None if neither names a constructor, or they are alike.
    """
    shared, own = paramwise_options(optim_wrapper), paramwise_options(other)
    return own if own != shared and (STOCK in shared or STOCK in own) else None


def by_names_of_parameters(optim_wrapper: dict, own: Dict[str, dict]) -> Dict[str, dict]:
    """The optimizer wrapper whose constructor goes by the names of parameters, which have a prefix in the wrapper of
    networks: one of its own, or mmengine's with ``custom_keys``; nothing where none does.

    Args:
        optim_wrapper (dict): That of the stock config.
        own (Dict[str, dict]): The options that are a network's own, see :func:`own_options`.

    Returns:
        Dict[str, dict]: The key ``optim_wrapper`` of the switched config, or nothing.
    """
    options = paramwise_options(optim_wrapper)
    if not (own or STOCK in options or options.get('custom_keys')):
        return {}
    if own:
        options[OWN] = own
    return dict(optim_wrapper=dict(optim_wrapper, constructor=CONSTRUCTOR, paramwise_cfg=options))


def stock_optim_wrapper(optim_wrapper: dict, network: Optional[str]) -> dict:
    """The stock optimizer wrapper of a network.

    Args:
        optim_wrapper (dict): That of a switched config.
        network (str, optional): The network's name; None for one without anything of its own.

    Returns:
        dict: The wrapper, with the network's own constructor and options.
    """
    if optim_wrapper.get('constructor') != CONSTRUCTOR:
        return optim_wrapper
    stock = {key: value for key, value in optim_wrapper.items() if key not in ('constructor', 'paramwise_cfg')}
    shared = dict(optim_wrapper['paramwise_cfg'])
    options = dict(shared.pop(OWN, {}).get(network, shared))
    if STOCK in options:
        stock['constructor'] = options.pop(STOCK)
    return dict(stock, paramwise_cfg=options) if options else stock
