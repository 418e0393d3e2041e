# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from typing import Any, Collection, Dict, List, Mapping, Optional, Tuple, Union

import torch
from mmcv.ops import DeformConv2d
from mmengine.model import BaseModel
from mmpose.models.pose_estimators.base import BasePoseEstimator
from mmpose.registry import MODELS
from torch import Tensor, nn

from mmpose_dualteach import compat
from mmpose_dualteach.models.adapters import (
    BOTTOM_UP,
    TOPDOWN,
    KeypointAdapter,
    OutputAdapter,
    adapter_for,
    finds_instances,
)
from mmpose_dualteach.models.adapters.labels import LabelsAdapter
from mmpose_dualteach.models.estimators.model_checks import check_frozen
from mmpose_dualteach.models.utils.isolated_rng import IsolatedRNG
from mmpose_dualteach.utils.ancestors import ancestor
from mmpose_dualteach.utils.config_dicts import with_own_parts

MEAN = 'mean'
# What a network has of its own and its model does not know.
BESIDE_MODEL = ('seed', 'frozen', 'transforms')


class NetworkEnsemble(BaseModel):
    """Networks of one stock config, which are one ordinary pose estimator at test time.

    The stock model's own keys stay where they are in the config (``model.backbone``, ``model.test_cfg``, ...), so that
    whatever reads or overrides them goes on working.

    Args:
        data_preprocessor (dict): That of the model.
        networks (Dict[str, dict]): The networks by name, see :class:`MutualTeachingPoseEstimator`.
        predict_on (str, optional): Who answers at test time: a network's name, or ``'mean'`` for the mean output of
            all. Defaults to the first network that learns and is not apart.
        apart (Collection[str]): Names of networks that are no part of the mean. Defaults to none.
        channels_last (bool): Keep images in channels-last memory format. Defaults to False.
        estimator (str): Class of each network. Defaults to ``'TopdownPoseEstimator'``.
        adapter (str, optional): A registered adapter's name. Defaults to what each head's own is.
        adapter_options (dict, optional): Of :func:`adapter_for`. Defaults to none.
        **stock: Everything else of the stock ``model`` config, each network's.

    Raises:
        ValueError: If the head is not supported, a name in the config does not exist, a frozen network has no weights,
            or an operator does not know the memory format.
    """

    def __init__(
        self,
        data_preprocessor: dict,
        networks: Dict[str, dict],
        predict_on: Optional[str] = None,
        apart: Collection[str] = (),
        channels_last: bool = False,
        estimator: str = 'TopdownPoseEstimator',
        adapter: Optional[str] = None,
        adapter_options: Optional[dict] = None,
        **stock: Any,
    ) -> None:
        super().__init__(data_preprocessor=data_preprocessor)
        check_frozen(networks)
        self.channels_last = channels_last
        self.adapters: Dict[str, OutputAdapter] = {}
        kinds: Dict[Any, OutputAdapter] = {}
        self._heads: Dict[str, dict] = {}
        self._keypoint_labels: Dict[str, dict] = {}
        # By which name branches are told that hold images of a network's own; None where it sees those of all others.
        self.own_images: Dict[str, Optional[str]] = {}
        self.finds_instances = finds_instances(dict(type=estimator))
        options = dict(adapter_options or {})
        shared = options.pop('keypoint_labels', None) or {}
        self.networks: Any = nn.ModuleDict()
        self._rngs = {}
        self.frozen = [name for name, own in networks.items() if own.get('frozen')]
        for position, (name, own) in enumerate(networks.items()):
            seed = own.get('seed')
            self._rngs[name] = IsolatedRNG(torch.initial_seed() + position if seed is None else seed)
            config = merged_parts(stock, own)
            self._heads[name] = config['head']
            transforms = own.get('transforms') or {}
            self.own_images[name] = name if 'TopdownAffine' in transforms else None
            self._keypoint_labels[name] = _labels_of(shared, transforms)
            made = adapter_for(config['head'], adapter, self._keypoint_labels[name], self.finds_instances, **options)
            self.adapters[name] = kinds.setdefault(made.kin, made)
            with self._rngs[name]:
                self.networks[name] = MODELS.build(dict(config, type=estimator))
        if channels_last and any(isinstance(part, DeformConv2d) for part in self.networks.modules()):
            raise ValueError("model.channels_last=True: mmcv's DeformConv2d cannot read such images; leave it out")
        self.learning = [name for name in networks if name not in self.frozen]
        for name in self.frozen:
            self.networks[name].requires_grad_(False)
        self.first = next((name for name in self.learning if name not in apart), self.learning[0])
        self.last = self.learning[-1]
        self.adapter = self.adapters[self.first]
        # Those that have learned from each other and see the same images.
        self.peers = [name for name in self.learning if self.own_images[name] is None and name not in apart]
        self._by_themselves = self._who_predicts_alone(estimator, stock.get('test_cfg') or {})
        self._in_mean = self._who_is_in_mean()
        self.predict_on = self._who_answers(predict_on or self.first)
        compat.before_loading(self, self._accept_stock_checkpoint)
        self._modes = modes_of(self.head)

    def _who_predicts_alone(self, estimator: str, test_cfg: dict) -> List[str]:
        """What an estimator or a head of the user's makes of its network's answer, or the heatmaps that a config asks
        for beside it, nobody makes of a mean one."""
        predicts_itself = not ancestor(dict(type=estimator), MODELS, (TOPDOWN, BOTTOM_UP), ('forward', 'predict'))
        every = predicts_itself or test_cfg.get('output_heatmaps')
        return [name for name, head in self._heads.items() if every or not self.adapters[name].answers_for(head)]

    def _who_is_in_mean(self) -> List[str]:
        alike = [name for name in self.peers if self.adapters[name] is self.adapter]
        averaged = self.adapter.averages and not set(alike) & set(self._by_themselves)
        return alike if averaged else [self.first]

    def _who_answers(self, asked: str) -> str:
        """The network, or ``'mean'``, that answers stock tools; a mean of one is that one."""
        if asked not in (*self.networks, MEAN):
            raise ValueError(f'model.predict_on={asked!r}; choose one of {[*self.networks, MEAN]}')
        if self.own_images.get(asked) is not None:
            raise ValueError(
                f'model.predict_on={asked!r} sees images of its own, which stock tools do not make; export it, or '
                'switch its config'
            )
        return self._in_mean[0] if asked == MEAN and len(self._in_mean) == 1 else asked

    def general_adapter(self, name: str) -> LabelsAdapter:
        """A network's adapter of the general way, which may be its own."""
        own = self.adapters[name]
        if isinstance(own, LabelsAdapter):  # Of those that find instances all outputs are alike.
            return own
        return KeypointAdapter(self._heads[name], **self._keypoint_labels[name])

    def train(self, mode: bool = True) -> 'NetworkEnsemble':
        """As any module, but that frozen networks stay in evaluation mode."""
        super().train(mode)
        for name in self.frozen:
            self.networks[name].eval()
        return self

    def predict(self, images: Tensor, samples: Any) -> list:
        """Stock predictions of the network named ``predict_on``, or of the mean output.

        Args:
            images (Tensor): Normalised images in shape (N, C, H, W).
            samples (List[PoseDataSample]): Data samples.

        Returns:
            List[PoseDataSample]: The samples with ``pred_instances``, in pixels of the original image.
        """
        if self.predict_on == MEAN:
            return self.predict_all(images, samples)[MEAN]
        return self.networks[self.predict_on](images, samples, mode='predict')

    def predict_all(self, images: Tensor, samples: list) -> Dict[str, list]:
        """Predictions of each network that sees these images and, where there are several, of their mean, with one
        forward pass a network.

        Args:
            images (Tensor): Normalised images in shape (N, C, H, W).
            samples (List[PoseDataSample]): Data samples; left without predictions.

        Returns:
            Dict[str, List[PoseDataSample]]: Samples with ``pred_instances`` by network name and ``'mean'``.
        """
        answers, outputs = {}, []
        for name in self.networks:
            if self.own_images[name] is not None:
                continue
            answers[name], output = self.predict_one(name, images, samples)
            if name in self._in_mean:
                outputs.append(output)
        if len(outputs) > 1:
            network = self.networks[self.first]
            answers[MEAN] = self._with_predictions(network, self.adapter.decode_mean(network, outputs), samples)
        return answers

    def predict_one(self, name: str, images: Tensor, samples: list) -> Tuple[list, Any]:
        """One network's predictions, and its output as its adapter takes the mean of it.

        Args:
            name (str): The network.
            images (Tensor): Normalised images in shape (N, C, H, W).
            samples (List[PoseDataSample]): Data samples; left without predictions.

        Returns:
            Tuple[List[PoseDataSample], Any]: Samples with ``pred_instances``, and the output.
        """
        network = self.networks[name]
        if name in self._by_themselves:
            return network(images, [sample.new() for sample in samples], mode='predict'), None
        instances, output = self.adapters[name].predict(network, images, samples)
        return self._with_predictions(network, instances, samples), output

    @property
    def answers(self) -> List[str]:
        """List[str]: Who is scored: the one that answers at test time first, then the other networks and their mean."""
        every = [*self.networks, *([MEAN] if len(self._in_mean) > 1 else [])]
        return [self.predict_on, *(name for name in every if name != self.predict_on)]

    @staticmethod
    def _with_predictions(network: BasePoseEstimator, instances: list, samples: list) -> list:
        samples = [sample.new() for sample in samples]
        if network.metainfo is not None:
            for sample in samples:
                sample.set_metainfo(network.metainfo)
        return network.add_pred_to_datasample(instances, None, samples)

    @property
    def test_network(self) -> str:
        """str: The network whose head and test configuration count; where the mean answers, the first one."""
        return self.first if self.predict_on == MEAN else self.predict_on

    @property
    def test_cfg(self) -> dict:
        """dict: The networks' test configuration. Changes reach the network that answers."""
        return self.networks[self.test_network].test_cfg

    @test_cfg.setter
    def test_cfg(self, value: dict) -> None:
        for network in self.networks.values():
            network.test_cfg = value

    @property
    def head(self) -> nn.Module:
        """nn.Module: The head of the network that answers at test time."""
        return self.networks[self.test_network].head

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError as missing:
            # A hook of a stock model, that freezes its backbone for instance, would reach one network of several.
            networks = self.__dict__.get('_modules', {}).get('networks') or {}
            one = next(iter(networks.values()), None)
            if not hasattr(one, name):
                raise
            raise AttributeError(
                f'{missing}; each of its networks has one: for network in model.networks.values(): network.{name}'
            ) from None

    def forward(
        self, inputs: Union[Tensor, List[Tensor]], data_samples: Optional[list] = None, mode: str = 'tensor'
    ) -> Union[list, Tensor]:
        """Predictions or the raw output of the network that answers.

        Args:
            inputs (Tensor | List[Tensor]): Images in shape (N, C, H, W), or of each in shape (C, H, W).
            data_samples (List[PoseDataSample], optional): Data samples.
            mode (str): ``'predict'`` or ``'tensor'``, as in MMPose.

        Raises:
            ValueError: If the mode is another.
        """
        if isinstance(inputs, (list, tuple)) and not self.finds_instances:  # Whose test may be at several sizes.
            inputs = torch.stack(list(inputs))
        images = self.in_format(dict(test=inputs))['test']
        if mode == 'predict':
            return self.predict(images, data_samples)
        if mode == 'tensor':
            return self.networks[self.test_network](images, data_samples, mode='tensor')
        raise ValueError(f"mode={mode!r}; choose 'loss', 'predict' or 'tensor'")

    def _forward(self, inputs: Tensor, data_samples: Optional[list] = None) -> Any:
        """What MMPose's ``get_flops.py`` puts in the place of :meth:`forward`."""
        return NetworkEnsemble.forward(self, inputs, data_samples, mode='tensor')

    def in_format(self, inputs: Dict[str, Any]) -> Dict[str, Any]:
        """Images of several branches in the memory format of the networks."""
        if not self.channels_last:
            return inputs
        return {branch: _channels_last(images) for branch, images in inputs.items()}

    def share_modes(self) -> None:
        """Let all networks of its kind have what has changed in the head of the one that answers: hooks of stock
        configs, those of YOLOX-Pose and RTMO for instance, turn to other losses there in the course of a run."""
        modes = modes_of(self.head)
        changed = {place: value for place, value in modes.items() if value != self._modes.get(place)}
        for name, network in self.networks.items():
            if changed and self.adapters[name] is self.adapters[self.test_network]:
                parts = dict(network.head.named_modules())
                for (part, key), value in changed.items():
                    setattr(parts[part], key, value)
        self._modes = modes

    def init_weights(self) -> None:
        """Give each network its initial weights, from its own random sequence or checkpoint."""
        for name, network in self.networks.items():
            with self._rngs[name]:
                network.init_weights()
        if self.channels_last:
            self.to(memory_format=torch.channels_last)
        self.is_init = True

    def _accept_stock_checkpoint(self, state_dict: dict, prefix: str, *_) -> None:
        """Let a single network's checkpoint, an MMPose one, give its weights to every network."""
        own = [key for key in state_dict if key.startswith(prefix)]
        if not own or any(key.startswith(tuple(f'{prefix}{part}.' for part in ('networks', 'copies'))) for key in own):
            return
        versions = compat.versions_of(state_dict)
        for key, told in list(versions.items()):
            if f'{key}.'.startswith(prefix):
                inner = f'{key}.'[len(prefix) :]
                versions.update({f'{prefix}networks.{name}.{inner}'.rstrip('.'): told for name in self.learning})
        for key in own:
            value = state_dict.pop(key)
            for name in self.learning:
                state_dict[f'{prefix}networks.{name}.{key[len(prefix) :]}'] = value


def modes_of(module: nn.Module) -> Dict[Tuple[str, str], Any]:
    """The numbers and words that a module and those in it go by, by the part's name and the attribute's."""
    return {
        (name, key): value
        for name, part in module.named_modules()
        for key, value in vars(part).items()
        if isinstance(value, (bool, int, float, str)) and key != 'training' and not key.startswith('_')
    }


def _channels_last(images: Any) -> Any:
    if isinstance(images, (list, tuple)):
        return [_channels_last(each) for each in images]
    return images.contiguous(memory_format=torch.channels_last)


def _labels_of(shared: dict, transforms: Mapping[str, dict]) -> dict:
    """What makes labels of keypoints for a network with transforms of its own."""
    if not shared or not transforms:
        return shared
    first, *rest = shared['labels']
    size = transforms.get('TopdownAffine', shared)['input_size']
    return dict(input_size=size, labels=[transforms.get('GenerateTarget', first), *rest])


def merged_parts(stock: dict, own: dict) -> dict:
    """The model of one network.

    Args:
        stock (dict): The model of all.
        own (dict): What the network has of its own. A part that names a ``type``, or ``_delete_=True``, takes the stock
            part's place, at any depth; anything else is merged into it, as mmengine merges.

    Returns:
        dict: A copy, without what is none of the model's, see :data:`BESIDE_MODEL`.
    """
    return with_own_parts(stock, {key: value for key, value in own.items() if key not in BESIDE_MODEL})
