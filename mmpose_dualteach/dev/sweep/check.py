# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""One config: switch if it is a stock one, build, train, predict, export."""

import copy
import math
import os.path as osp
import time
from fractions import Fraction
from typing import Any, Dict, List, Tuple

import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.device import get_device
from mmengine.logging import MessageHub
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmengine.utils import import_modules_from_strings
from mmpose.registry import DATASETS, MODELS
from torch import nn

from mmpose_dualteach import compat
from mmpose_dualteach.dev.sweep.samples import on_samples, unlabeled_on_samples
from mmpose_dualteach.engine.checkpoints.export import network_weights
from mmpose_dualteach.models.adapters import finds_instances
from mmpose_dualteach.switch import is_switched, mutual_teaching, stock_config
from mmpose_dualteach.utils.config_dicts import class_name
from mmpose_dualteach.utils.mmpose_files import read_stock_config

LABELED = UNLABELED = 2
# RTMO normalises over all instances of a batch.
IMAGES = 4
# Backbones with positions for each patch, or that pool what would be too small.
OF_ONE_SIZE = ('VisionTransformer', 'SCNet')
# Heads that are convolutions.
OF_ANY_SIZE = ('HeatmapHead', 'ViPNASHead', 'CPMHead', 'DEKRHead', 'CIDHead')
# By the ratio of width to height; divisible by 32, as stock heads need it.
SMALL_INPUTS = {Fraction(3, 4): (96, 128), Fraction(1): (128, 128)}


# Learning rates begin low in most configs, and are too high for the first step.
WARM_UPS, FIRST_STEP = ('LinearLR', 'QuadraticWarmupLR'), 1e-3


class Refused(Exception):
    """The switch cannot use the config, and says why."""


def check_config(path: str, samples: str, folder: str) -> dict:
    """Check one config. Nothing that goes wrong with it is raised.

    Args:
        path (str): A stock config's path below MMPose's folder of configs, or any config's.
        samples (str): The folder of samples.
        folder (str): Where drawn people may be written.

    Returns:
        dict: ``kind`` (model or head), ``status`` (``ok``, ``refused`` or ``failed``), ``reason`` and ``seconds``.
    """
    begin = time.monotonic()
    result = dict(kind='unknown', status='ok', reason='')
    try:
        try:
            config = Config.fromfile(path) if osp.isfile(path) else read_stock_config(path)
        except ValueError as reason:
            raise Refused(str(reason)) from None
        result['kind'] = kind_of(stock_config(config) if is_switched(config) else config)
        notes = reduce_input(config)
        result['reason'] = '; '.join(notes + _check(config, samples, folder))
    except Refused as refusal:
        result.update(status='refused', reason=str(refusal))
    except Exception as error:  # One failing config never ends the sweep.
        result.update(status='failed', reason=f'{type(error).__name__}: {error}'.replace('\n', ' ')[:500])
    return dict(result, seconds=round(time.monotonic() - begin, 1))


def kind_of(config: Config) -> str:
    """The head, and the codec where it says more; the model where it is none to switch."""
    model = config.get('model') or {}
    if model.get('type') not in ('TopdownPoseEstimator', 'BottomupPoseEstimator'):
        return str(model.get('type'))
    head = model.get('head') or {}
    decoder = head.get('decoder') or (head.get('pose_cfg') or {}).get('decoder') or {}
    parts = [head.get('type'), decoder.get('type'), decoder.get('heatmap_type')]
    return ' '.join(str(part) for part in parts if part)


def reduce_input(config: Config) -> List[str]:
    """Let a network see smaller people, where it is convolutional and nothing in it depends on their size; returns what
    is worth noting."""
    model: Any = config.get('model') or {}
    head: Any = model.get('head') or {}
    if head.get('type') not in OF_ANY_SIZE or model.backbone.type.split('.')[-1] in OF_ONE_SIZE:
        return []
    old, cells = tuple(head.decoder.input_size), tuple(head.decoder.heatmap_size)
    new = SMALL_INPUTS.get(Fraction(*old))
    # AlexNet, for instance, pools without padding: its cells are no whole number of pixels.
    if new is None or any(side * to % of or of % side for side, to, of in zip(cells, new, old)):
        return []
    _replace_sizes(
        compat.plain_dict(config),
        dict(
            input_size=(old, new), heatmap_size=(cells, tuple(side * to // of for side, to, of in zip(cells, new, old)))
        ),
    )
    return [f'input {new[0]}x{new[1]}']


def _replace_sizes(node: Any, sizes: dict) -> None:
    if isinstance(node, (list, tuple)):
        for item in node:
            _replace_sizes(item, sizes)
    if isinstance(node, dict):
        for key, value in node.items():
            if key in sizes and tuple(value) == sizes[key][0]:
                node[key] = sizes[key][1]
            else:
                _replace_sizes(value, sizes)


def _check(config: Config, samples: str, folder: str) -> List[str]:
    """Everything about one config; returns what is worth noting."""
    init_default_scope('mmpose')
    notes: List[str] = []
    switched, stock, steps = both_ways(config, folder)
    import_all(switched)
    without_downloads(switched.model)
    if on_this_machine(compat.plain_dict(switched)):
        notes.append('its storage backend replaced by local files')
    loader = switched.train_dataloader
    labeled = on_samples(loader.dataset.labeled.to_dict(), samples, folder, notes)
    loader.dataset.labeled = labeled
    loader.dataset.unlabeled.update(unlabeled_on_samples(labeled, loader.dataset.unlabeled.to_dict()))
    loader.update(num_workers=0, persistent_workers=False)
    loader.pop('prefetch_factor', None)

    model = MODELS.build(switched.model)
    model.init_weights()
    settle_quickly(model)
    batch = next(iter(Runner.build_dataloader(loader, seed=0)))
    for _ in range(steps):
        found = train_step(model, copy.deepcopy(batch), switched)
    notes += found
    people = labeled_for_test(labeled, switched)
    model.channels_last = False  # As the stock network that is compared, to the last digit.
    predictions = predict(model.to(memory_format=torch.contiguous_format), people)
    export(model, switched, stock, people, predictions)
    return notes


def both_ways(config: Config, folder: str) -> Tuple[Config, Config, int]:
    """The switched config with a small batch, its stock one, and how many steps it takes: a stock one that is switched
    with defaults 1, one that was written as a switched one 2."""
    model = (stock_config(config) if is_switched(config) else config).get('model') or {}
    batch = (IMAGES, UNLABELED) if finds_instances(model) else (LABELED, UNLABELED)
    switched = copy.deepcopy(config)
    if not is_switched(config):
        try:
            switched.merge_from_dict(mutual_teaching(config, unlabeled=folder, batch=batch))
        except ValueError as refusal:
            raise Refused(str(refusal)) from None
        return switched, config, 1
    loader = switched.train_dataloader
    loader.batch_size, loader.sampler.labeled = sum(batch), batch[0]
    for part in (loader.dataset.labeled, loader.dataset.unlabeled):
        for key in ('indices', 'bbox_file'):  # Of the whole data set, which is not here.
            part.pop(key, None)
    return switched, stock_config(config), 2


def train_step(model, batch: dict, config: Config) -> List[str]:
    """One real step with both parts of the loss.

    Raises:
        RuntimeError: If a loss or gradient is not finite, a part is missing, or a parameter stays without a gradient.
    """
    model.train()
    MessageHub.get_current_instance().update_info('iter', 0)  # Some data preprocessors go by it.
    notes: List[str] = []
    optimizer = build_optim_wrapper(model, affordable(config.optim_wrapper.to_dict(), model, notes))
    if class_name((config.get('param_scheduler') or [{}])[0]) in WARM_UPS:
        for group in optimizer.param_groups:
            group['lr'] *= FIRST_STEP
    data = model.data_preprocessor(batch, True)
    with optimizer.optim_context(model):
        losses = model(**data, mode='loss')
    total, log = model.parse_losses(losses)
    broken = [key for key, value in log.items() if 'loss' in key and not math.isfinite(float(value.detach()))]
    if broken:
        raise RuntimeError(f'{", ".join(broken)} not finite')
    for name in {lesson.student for lesson in model.lessons}:
        if f'{name}/loss_pseudo' not in losses:
            raise RuntimeError(f'network {name} got no pseudo loss')
    optimizer.backward(total)
    idle = without_gradient(model)
    wild = [
        name
        for name, parameter in model.named_parameters()
        if parameter.grad is not None and not parameter.grad.isfinite().all()
    ]
    if wild:
        raise RuntimeError(f'{len(wild)} parameters with a gradient that is not finite, the first: {wild[0]}')
    optimizer.step()
    optimizer.zero_grad()
    for name, network in model.networks.items():
        mine = [key for key in idle if key.startswith(f'networks.{name}.')]
        if mine and mine != [f'networks.{name}.{key}' for key in idle_in_stock(network, data)]:
            raise RuntimeError(f'{len(mine)} parameters without a gradient, the first: {mine[0]}')
    return notes + ([f'{len(idle)} parameters get no gradient in stock MMPose either'] if idle else [])


def affordable(optim_wrapper: dict, model: nn.Module, notes: List[str]) -> dict:
    """The config's optimizer as far as this machine can run it: mmengine has AMP on accelerators alone, and where
    gradients and two moments of every weight would not fit into memory, plain SGD takes the step."""
    if optim_wrapper.get('type') == 'AmpOptimWrapper' and get_device() == 'cpu':
        amp = ('type', 'loss_scale', 'dtype')
        optim_wrapper = {key: value for key, value in optim_wrapper.items() if key not in amp}
        notes.append('without AMP, which mmengine does not have on CPUs')
    need = 3 * sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())
    if need > 0.7 * free_memory():
        keep = {key: value for key, value in optim_wrapper['optimizer'].items() if key in ('lr', 'weight_decay')}
        optim_wrapper['optimizer'] = dict(keep, type='SGD')
        notes.append('stepped by SGD, whose state fits into memory')
    return optim_wrapper


def free_memory() -> int:
    """Bytes of memory that can be had."""
    with open('/proc/meminfo', encoding='ascii') as file:
        lines = dict(line.split(':') for line in file)
    return int(lines['MemAvailable'].split()[0]) * 1024


def idle_in_stock(network, data: dict) -> List[str]:
    """Parameters that a network's own stock loss does not train either."""
    losses = network.loss(data['inputs']['labeled'], data['data_samples']['labeled'])
    sum(value for key, value in losses.items() if 'loss' in key).backward()
    idle = without_gradient(network)
    network.zero_grad()
    return idle


def on_this_machine(node: Any) -> bool:
    """Read samples from local files where a config names a cluster's storage; returns whether one did."""
    items = node.values() if isinstance(node, dict) else node if isinstance(node, (list, tuple)) else ()
    inside = [on_this_machine(item) for item in items]
    if isinstance(node, dict) and (node.get('backend_args') or {}).get('backend', 'local') != 'local':
        node['backend_args'] = dict(backend='local')
        return True
    return any(inside)


def settle_quickly(module: nn.Module) -> None:
    """Let batch norm's running statistics be the mean of what it has seen: after a single step the usual slow average
    would still be the initial one, and a deep untrained network's prediction would overflow."""
    for part in module.modules():
        if isinstance(part, compat.BATCH_NORM):
            part.momentum = None


def without_gradient(module: nn.Module) -> List[str]:
    """Trainable parameters that have no gradient, by name."""
    return sorted(
        name for name, parameter in module.named_parameters() if parameter.requires_grad and parameter.grad is None
    )


def labeled_for_test(labeled: dict, config: Config) -> dict:
    """A batch of one labelled person through the config's own validation pipeline."""
    pipeline = config.val_dataloader.dataset.get('pipeline') or config.val_pipeline
    dataset = labeled
    while not dataset.get('pipeline') and 'dataset' in dataset:
        dataset = dataset['dataset']
    built = DATASETS.build(dict(dataset, pipeline=pipeline))
    return pseudo_collate([built[0]])


def predict(model, people: dict) -> Dict[str, list]:
    """Predictions of both networks and their mean.

    Raises:
        RuntimeError: If one is not finite.
    """
    model.eval()
    with torch.no_grad():
        data = model.data_preprocessor(copy.deepcopy(people), False)
        answers = model.predict_all(data['inputs'], data['data_samples'])
    for name, samples in answers.items():
        for sample in samples:
            if not torch.as_tensor(sample.pred_instances.keypoints).isfinite().all():
                raise RuntimeError(f'the prediction of {name} is not finite')
    return answers


def export(model, switched: Config, stock: Config, people: dict, predictions: dict) -> None:
    """One network's weights into the stock config, strictly, and the same predictions.

    Raises:
        RuntimeError: If they differ.
    """
    first = model.first
    weights = network_weights(model.state_dict(), first)
    plain = stock_config(switched).model if str(stock.model.backbone.type).startswith('mmcls.') else stock.model
    estimator = MODELS.build(without_downloads(copy.deepcopy(plain)))
    estimator.load_state_dict(weights, strict=True)
    estimator.eval()
    with torch.no_grad():
        again = estimator.test_step(copy.deepcopy(people))
    for one, other in zip(predictions[first], again):
        if not (one.pred_instances.keypoints == other.pred_instances.keypoints).all():
            raise RuntimeError('the exported network predicts otherwise than the wrapper')


def import_all(config: Config) -> None:
    """Import what the config asks for, as mmengine does when it reads a file."""
    imports = dict(config.get('custom_imports') or {})
    if imports:
        import_modules_from_strings(**imports)


def without_downloads(config: dict) -> dict:
    """Take pretrained weights out of a model's config, everywhere: they change nothing that is checked."""
    for key, value in list(config.items()):
        if key == 'init_cfg' and isinstance(value, dict) and value.get('type') == 'Pretrained':
            config[key] = None
        elif isinstance(value, dict):
            without_downloads(value)
    return config
