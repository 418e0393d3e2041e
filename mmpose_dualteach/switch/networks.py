# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What is each network's own in a switched config, of those too that have a stock config of their own."""

from dataclasses import dataclass, replace
from typing import Any, Dict, List, Mapping

from mmpose.registry import MODELS

from mmpose_dualteach.datasets.labeled_pipeline import CUT, LABELS, WHOLE_IMAGE_CUT, pipeline_of
from mmpose_dualteach.datasets.unlabeled_pipeline import find_transform, is_of_whole_images
from mmpose_dualteach.models.adapters import finds_instances, keypoint_count
from mmpose_dualteach.models.estimators.network_ensemble import BESIDE_MODEL, merged_parts
from mmpose_dualteach.switch.names import BASELINE
from mmpose_dualteach.switch.optimizer import own_options
from mmpose_dualteach.switch.stock_repairs import repair_head, repaired
from mmpose_dualteach.utils.arguments import argument_names, check_arguments, takes_anything
from mmpose_dualteach.utils.config_dicts import class_name, hashable, imported_modules, plain
from mmpose_dualteach.utils.config_file import read_config

PARTS = ('backbone', 'neck', 'head', 'test_cfg', 'train_cfg', 'init_cfg')
# Where with_own_config() leaves the pipelines of validation and test of a network that sees images of its own, the
# modules that its config imports, and how its optimizer tells parameters apart.
PIPELINES, IMPORTS, PARAMWISE = 'pipelines', 'imports', 'paramwise'


@dataclass(frozen=True)
class OwnParts:
    """What is each network's own.

    Attributes:
        networks (Dict[str, dict]): The argument ``networks`` of the switched model.
        imports (List[str]): Modules that their configs import.
        pipelines (Dict[str, Dict[str, List[dict]]]): For a network that sees images of its own its pipelines of
            ``'val'`` and ``'test'``.
        paramwise (Dict[str, dict]): For a network whose optimizer tells parameters apart in a way of its own how, see
            :func:`own_options`.
    """

    networks: Dict[str, dict]
    imports: List[str]
    pipelines: Dict[str, Dict[str, List[dict]]]
    paramwise: Dict[str, dict]

    @classmethod
    def read(cls, networks: Mapping[str, dict], stock: dict, pipeline: List[dict], head: dict) -> 'OwnParts':
        """Read what the user gave.

        Args:
            networks (Mapping[str, dict]): What is each network's own; may name a config.
            stock (dict): The stock config that is switched.
            pipeline (List[dict]): Its labelled training pipeline.
            head (dict): The head of networks without one of their own.

        Raises:
            ValueError: If a network's config does not fit.
        """
        check_networks(networks, stock['model']['type'])
        own = {name: with_own_config(name, parts, stock, pipeline) for name, parts in networks.items()}
        for name, parts in own.items():
            repair_head(parts.get('head'), f'model.networks.{name}.head')
            key = 'head' if 'head' in networks[name] else 'config'
            check_same_keypoints(f'model.networks.{name}.{key}', merged_parts(dict(head=head), parts)['head'], head)
        imports = [module for parts in own.values() for module in parts.pop(IMPORTS, [])]
        pipelines = {name: parts.pop(PIPELINES) for name, parts in own.items() if PIPELINES in parts}
        paramwise = {name: parts.pop(PARAMWISE) for name, parts in own.items() if PARAMWISE in parts}
        return cls(own, imports, pipelines, paramwise)

    def with_baseline(self, alone: bool) -> 'OwnParts':
        """The same, with one more network that no lesson names, like the first that learns and sees the same images.

        Raises:
            ValueError: If every network learns from the labels alone already.
        """
        if alone:
            raise ValueError('baseline=True: without lessons every network is a baseline; leave it out')
        if BASELINE in self.networks:
            return self
        learns = (
            name
            for name, own in self.networks.items()
            if not own.get('frozen') and CUT not in own.get('transforms', {})
        )
        like = next(learns, '')
        own = {key: part for key, part in self.networks.get(like, {}).items() if key != 'seed'}
        paramwise = {BASELINE: self.paramwise[like]} if like in self.paramwise else {}
        return replace(self, networks={**self.networks, BASELINE: own}, paramwise={**self.paramwise, **paramwise})

    @property
    def cuts(self) -> Dict[str, dict]:
        """Dict[str, dict]: How views are cut for networks that see images of their own."""
        cuts = {name: own['transforms'].get(CUT) for name, own in self.networks.items() if 'transforms' in own}
        return {name: {key: value for key, value in cut.items() if key != 'type'} for name, cut in cuts.items() if cut}

    @property
    def labels(self) -> Dict[str, Dict[str, dict]]:
        """Dict[str, Dict[str, dict]]: Transforms that make labels for networks that learn labels of their own."""
        return {
            name: own['transforms']
            for name, own in self.networks.items()
            if 'transforms' in own and not own.get('frozen')
        }


def with_own_config(name: str, own: dict, stock: dict, pipeline: List[dict]) -> Dict[str, Any]:
    """What is a network's own, with the model of the config that it names.

    Args:
        name (str): The network's name.
        own (dict): What is its own; ``config`` is a file or, of MMPose's, ``'mmpose::...'``.
        stock (dict): The stock config that is switched.
        pipeline (List[dict]): Its labelled training pipeline.

    Returns:
        Dict[str, Any]: The keys of the stock model that differ, without ``config``.

    Raises:
        ValueError: If the two cannot see the same boxes; names the network and the key.
    """
    own = dict(own)
    source = own.pop('config', None)
    if source is None:
        return own
    where = f'model.networks.{name}.config={source!r}'
    other = repaired(_read(source, where))
    model = other['model']
    if class_name(model) != class_name(stock['model']):
        raise ValueError(f'{where}: its model is {class_name(model)}, the switched one {class_name(stock["model"])}')
    theirs = pipeline_of(other['train_dataloader']['dataset'])
    preprocessors = [each['model'].get('data_preprocessor') or {} for each in (stock, other)]
    check_same_images(where, pipeline, theirs, *preprocessors)
    found = merged_parts({part: model.get(part) for part in PARTS}, own)
    for part in ('test_cfg', 'train_cfg'):  # They take the places of the stock ones, as parts with a type do.
        found[part] = dict(found[part] or {}, _delete_=True)
    several = finds_instances(stock['model'])
    transforms = {kind: find_transform(theirs, kind) for kind in (WHOLE_IMAGE_CUT if several else CUT, LABELS)}
    unlike = {
        kind: each for kind, each in transforms.items() if hashable(each) != hashable(find_transform(pipeline, kind))
    }
    if unlike and several:
        raise ValueError(
            f'{where}: its {", ".join(unlike)} is not that of the switched config; networks that find all instances of '
            'an image see the same views and labels, take a config with the same'
        )
    if unlike:
        found['transforms'] = unlike
    if CUT in unlike:
        found[PIPELINES] = {
            stage: pipeline_of(other[f'{stage}_dataloader']['dataset'])
            for stage in ('val', 'test')
            if other.get(f'{stage}_dataloader')
        }
    paramwise = own_options(stock.get('optim_wrapper') or {}, other.get('optim_wrapper') or {})
    if paramwise is not None and not own.get('frozen'):
        found[PARAMWISE] = paramwise
    if imported_modules(other):
        found[IMPORTS] = imported_modules(other)
    return {**found, **{key: own[key] for key in ('frozen', 'seed') if key in own}}


def _read(source: str, where: str) -> dict:
    """A network's own config in plain dicts."""
    try:
        other = plain(read_config(source))
    except FileNotFoundError:
        raise ValueError(f'{where}: there is no such file') from None
    missing = [key for key in ('model', 'train_dataloader') if not other.get(key)]
    if missing:
        raise ValueError(f'{where}: it has no {missing[0]}; name a config that trains')
    return other


def check_networks(networks: Any, estimator: str) -> None:
    """Check what the user gave for ``model.networks``.

    Raises:
        ValueError: If it is no dict of dicts, a network has no usable name, or a key is none of a model or a network.
    """
    if not isinstance(networks, Mapping) or not all(isinstance(own, Mapping) for own in networks.values()):
        raise ValueError(f'model.networks={networks!r} must be a dict of dicts, dict(a=dict(), b=dict()) for instance')
    for name in networks:
        if not isinstance(name, str) or not name or '.' in name:
            raise ValueError(f'model.networks: {name!r} is no name; take letters, without a dot')
    kind = MODELS.get(estimator)
    if kind is not None and not takes_anything(kind):
        for name, own in networks.items():
            check_arguments(own, {'config', *BESIDE_MODEL, *argument_names(kind)}, f'model.networks.{name}')


def check_same_keypoints(where: str, head: dict, shared: dict) -> None:
    """Compare how many keypoints two networks predict.

    Args:
        where (str): The key that the network's head comes from.
        head, shared (dict): The network's head, and that of networks without one of their own.

    Raises:
        ValueError: If they are not as many; names both numbers.
    """
    own, others = keypoint_count(head), keypoint_count(shared)
    if None not in (own, others) and own != others:
        raise ValueError(
            f'{where}: its head predicts {own} keypoints, that of the switched config {others}; networks learn the '
            'same labels, take a head of the same keypoints'
        )


def check_same_images(where: str, pipeline: List[dict], other: List[dict], preprocessor: dict, others: dict) -> None:
    """Compare what two networks see.

    Args:
        where (str): The key that names the other one.
        pipeline, other (List[dict]): The training pipelines.
        preprocessor, others (dict): The data preprocessors.

    Raises:
        ValueError: If padding or normalisation differ; names both.
    """
    compared: List[tuple] = []
    if not is_of_whole_images(pipeline):
        paddings = [find_transform(each, 'GetBBoxCenterScale').get('padding', 1.25) for each in (pipeline, other)]
        compared.append(('the padding of boxes', *paddings))
    compared += [
        (f'data_preprocessor.{key}', preprocessor.get(key), others.get(key)) for key in ('mean', 'std', 'bgr_to_rgb')
    ]
    for key, ours, own in compared:
        if hashable(ours) != hashable(own):
            raise ValueError(
                f'{where}: {key} is {own}, that of the switched config {ours}; networks see the same boxes, take a '
                'config of the same'
            )
