# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""A mutual-teaching config in, the stock config of one of its networks out."""

from typing import Any, Optional

from mmengine.config import Config
from mmpose.registry import MODELS

from mmpose_dualteach.datasets.labeled_pipeline import pipeline_of, with_pipeline, with_pipelines, without_labels
from mmpose_dualteach.models.adapters import TOPDOWN
from mmpose_dualteach.models.estimators.mutual_teaching import OWN_ARGUMENTS
from mmpose_dualteach.models.estimators.network_ensemble import merged_parts
from mmpose_dualteach.models.pseudo_labels.lessons import NETWORKS
from mmpose_dualteach.switch.data import scaled_lr_rule, stock_of_sampler
from mmpose_dualteach.switch.names import DATASET, HOOKS, LOOPS, PACKAGE
from mmpose_dualteach.switch.optimizer import stock_optim_wrapper
from mmpose_dualteach.switch.stock_hooks import stock_hooks
from mmpose_dualteach.switch.stock_repairs import undone
from mmpose_dualteach.utils.arguments import argument_names, takes_anything
from mmpose_dualteach.utils.config_dicts import imported_modules, plain


def stock_config(config: Any, network: Optional[str] = None) -> Config:
    """Take mutual teaching out of a switched config again: the config of one of its networks.

    Args:
        config (Config | dict): A switched config.
        network (str, optional): The network's name. Defaults to one without anything of its own.

    Returns:
        Config: A config that stock MMPose understands without this package.

    Raises:
        ValueError: If there is no such network.
    """
    stock = undone(plain(config))
    networks = stock['model'].get('networks') or NETWORKS
    if network is not None and network not in networks:
        raise ValueError(f'the config has no network {network!r}; it has {", ".join(networks)}')
    own = networks[network] if network is not None else {}
    kind = stock['model'].pop('estimator', TOPDOWN)
    shared = {key: value for key, value in stock['model'].items() if key not in OWN_ARGUMENTS}
    estimator = MODELS.get(kind)
    if estimator is not None and not takes_anything(estimator):  # A descendant of the wrapper has more of its own.
        shared = {key: value for key, value in shared.items() if key in argument_names(estimator)}
    stock['model'] = dict(merged_parts(shared, own), type=kind)
    loader = stock.get('train_dataloader')
    if loader and loader['dataset']['type'] == DATASET:
        whole, part = loader['batch_size'], loader['sampler']['labeled']
        labeled = loader['dataset']['labeled']
        if without_labels(pipeline_of(labeled), network) != pipeline_of(labeled):
            labeled = with_pipelines(labeled, lambda pipeline: without_labels(pipeline, network))
        loader = dict(loader, batch_size=part, dataset=labeled)
        stock['train_dataloader'] = dict(loader, **stock_of_sampler(loader.pop('sampler')))
        if stock.get('auto_scale_lr'):
            stock['auto_scale_lr'] = scaled_lr_rule(stock['auto_scale_lr'], part, whole)
    if stock.get('optim_wrapper'):
        stock['optim_wrapper'] = stock_optim_wrapper(stock['optim_wrapper'], network)
    stock['default_hooks'] = {
        name: each
        for name, each in (stock.get('default_hooks') or {}).items()
        if name not in HOOKS and (each or {}).get('type') not in HOOKS.values()
    }
    if stock.get('custom_hooks'):
        stock['custom_hooks'] = stock_hooks(stock['custom_hooks'], network)
    for key, loop in LOOPS.items():
        if (stock.get(key) or {}).get('type') == loop:
            del stock[key]['type']
            own = stock[key].pop('pipelines', {}).get(network)
            loader = stock.get(f'{key[:-4]}_dataloader')
            if own and loader:
                loader['dataset'] = with_pipeline(loader['dataset'], own)
    modules = [name for name in imported_modules(stock) if name != PACKAGE]
    imports = stock.pop('custom_imports', None)
    if modules:
        stock['custom_imports'] = dict(imports, imports=modules)
    return Config(stock)
