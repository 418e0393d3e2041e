# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""A mutual-teaching config in, its baseline out."""

from typing import Any, Dict

from mmpose_dualteach.datasets.labeled_pipeline import CUT
from mmpose_dualteach.models.pseudo_labels.lessons import NETWORKS
from mmpose_dualteach.switch.data import scaled_lr_rule, with_labels_of
from mmpose_dualteach.switch.names import LOOPS, NEW_SET, is_switched
from mmpose_dualteach.switch.stock_hooks import hooks_on_labels_alone, hooks_with_labels_of
from mmpose_dualteach.utils.config_dicts import plain


def supervised(config: Any) -> dict:
    """Switch a mutual-teaching config to its baseline: the network that answers, on the same labels alone, in as many
    steps. In a config file: ``globals().update(supervised(_base_))``.

    Args:
        config (dict | Config): A switched config; ``_base_`` in a config file.

    Returns:
        dict: The keys of the config that change, for mmengine to merge into it.

    Raises:
        ValueError: If the config is not switched, or the network that answers does not learn.
    """
    config = plain(config)
    if not is_switched(config):
        raise ValueError('this config is not switched to mutual teaching; a stock config is its own baseline')
    networks = config['model'].get('networks') or NETWORKS
    name = config['model'].get('predict_on') or next(iter(networks))
    if name not in networks:  # The mean, of those that see the same images.
        name = next(each for each, own in networks.items() if not own.get('frozen') and CUT not in _transforms(own))
    if networks[name].get('frozen'):
        raise ValueError(f'network {name} answers, but is frozen and learns nothing; set model.predict_on to another')
    loader = config['train_dataloader']
    labeled = loader['sampler']['labeled']
    changed: Dict[str, Any] = dict(
        model=dict(networks=dict({name: networks[name]}, _delete_=True), lessons=[], predict_on=name),
        train_dataloader=dict(batch_size=labeled, dataset=dict(labels_alone=True)),
    )
    if any(_transforms(own) for own in networks.values()):
        labels = {name: _transforms(networks[name])} if _transforms(networks[name]) else {}
        changed['train_dataloader']['dataset'] = dict(
            with_labels_of(loader['dataset'], labels), labels_alone=True, _delete_=True
        )
        for key in LOOPS:  # Its pipelines are of networks that see other images than the one that answers.
            if config.get(key):
                loop = {part: value for part, value in config[key].items() if part != 'pipelines'}
                changed[key] = dict(loop, _delete_=True)
        if config.get('custom_hooks'):
            config['custom_hooks'] = hooks_with_labels_of(config['custom_hooks'], labels)
            changed['custom_hooks'] = config['custom_hooks']
    if config.get('auto_scale_lr'):
        changed['auto_scale_lr'] = scaled_lr_rule(config['auto_scale_lr'], labeled, loader['batch_size'])
    if any(hook.get(NEW_SET) for hook in config.get('custom_hooks') or []):
        changed['custom_hooks'] = hooks_on_labels_alone(config['custom_hooks'])
    return changed


def _transforms(own: dict) -> Dict[str, dict]:
    """Transforms of a network's own."""
    return own.get('transforms') or {}
