# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""The networks of a checkpoint, and what they see where no label is known."""

from itertools import combinations
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.structures import InstanceData
from mmpose.registry import MODELS
from torch import Tensor

from mmpose_dualteach.engine.checkpoints.export import best_network
from mmpose_dualteach.engine.checkpoints.safe_loading import load_safely
from mmpose_dualteach.models.adapters import finds_instances
from mmpose_dualteach.models.adapters.found_instances import Instances, as_arrays, as_rows, matched
from mmpose_dualteach.models.estimators.network_ensemble import MEAN, NetworkEnsemble
from mmpose_dualteach.switch import is_switched, stock_config

STUDENT = 'student'
FEATURES = 64
SAME_SIZE = np.ones(2, np.float32)


class Seen(NamedTuple):
    """What is seen in the box of an instance, or on an image by networks that find all M instances by themselves.

    Attributes:
        joints (np.ndarray): Joints (x, y) in pixels of the original image in shape (M, K, 2).
        scores (np.ndarray): Their scores in shape (M, K).
        certainty (np.ndarray): Scores of the instances in shape (M,); 1 of one whose box is given.
        boxes (np.ndarray): Boxes (left, top, right, bottom) of instances in shape (M, 4), in pixels of the original
            image; NaN where the network tells none.
        apart (np.ndarray): How far apart networks see each joint, in the same pixels, in shape (M, K), the greatest
            distance of two; infinite where one of them does not see the instance, 0 of a single network.
        features (np.ndarray): What tells images or boxes from each other: the first network's last features, averaged
            over the image and projected, in shape (F,), of length 1.
    """

    joints: np.ndarray
    scores: np.ndarray
    certainty: np.ndarray
    boxes: np.ndarray
    apart: np.ndarray
    features: np.ndarray


class Networks:
    """The networks of a mutual-teaching checkpoint, or the one of an ordinary MMPose checkpoint.

    Args:
        config (Config): A switched config, or the stock one of an ordinary checkpoint.
        checkpoint (str): The checkpoint.
        network (str, optional): Who answers: a network's name, ``'mean'`` or ``'best'``. Defaults to the mean of the
            networks that taught each other, where they have one, or else who answers at test time.
        device (str, optional): Defaults to a GPU if there is one.

    Attributes:
        answers (str): Who answers.
        peers (List[str]): The networks that are compared with each other.
        finds_instances (bool): Whether they find all instances of an image by themselves.

    Raises:
        FileNotFoundError: If the checkpoint is missing.
        ValueError: If it is none of the config, or there is no such network.
    """

    def __init__(
        self, config: Config, checkpoint: str, network: Optional[str] = None, device: Optional[str] = None
    ) -> None:
        content = load_safely(checkpoint)
        weights = content.get('state_dict', content) if isinstance(content, dict) else {}
        several = any(str(key).startswith('networks.') for key in weights)
        switched = is_switched(config)
        if several and not switched:
            raise ValueError(
                f'{checkpoint} has several networks and the config is a stock one; give the config of that run, the '
                '.py file in its work directory, or take one network out by tools/export.py'
            )
        if not several and network not in (None, STUDENT):
            raise ValueError(f'{checkpoint} has a single network and no {network!r}; leave it out')
        config = stock_config(config) if switched and not several else config
        self.finds_instances = finds_instances(dict(type=config.model.get('estimator', config.model.type)))
        self.model: Any = MODELS.build(config.model)
        self.peers = self.model.peers if several else [STUDENT]
        self.answers = _answering(self.model, network, content, checkpoint) if several else STUDENT
        try:
            self.model.load_state_dict(weights)
        except RuntimeError as error:
            reason = ' '.join(str(error).split())[:300]
            raise ValueError(f'{checkpoint} is no checkpoint of this config: {reason}') from None
        self.model.to(device or ('cuda' if torch.cuda.is_available() else 'cpu')).eval()

    @torch.no_grad()
    def see(self, samples: Sequence[dict]) -> List[Seen]:
        """What is on some instances, or images.

        Args:
            samples (Sequence[dict]): As the test pipeline packs them.

        Returns:
            List[Seen]: Of each.
        """
        backbone = self.model.backbone if self.answers == STUDENT else self.model.networks[self.peers[0]].backbone
        kept: List[Tensor] = []
        watching = backbone.register_forward_hook(lambda *call: kept.append(_summary(call[-1])))
        try:
            found = self.predictions(samples)
        finally:
            watching.remove()
        # Flipped or scaled again, images come a second time.
        return [self._seen(each, features) for each, features in zip(found, kept[0].cpu().numpy())]

    @torch.no_grad()
    def predictions(self, samples: Sequence[dict]) -> List[Dict[str, InstanceData]]:
        """Stock predictions of each network on some instances, or images, in pixels of the original images.

        Args:
            samples (Sequence[dict]): As the test pipeline packs them.
        """
        data = self.model.data_preprocessor(pseudo_collate(list(samples)), False)
        images, metas = data['inputs'], data['data_samples']
        if self.answers == STUDENT:
            found = {STUDENT: self.model.predict(images, metas)}
        else:
            found = self.model.predict_all(images, metas)
        return [{name: each[place].pred_instances for name, each in found.items()} for place in range(len(samples))]

    def _seen(self, found: Mapping[str, InstanceData], features: np.ndarray) -> Seen:
        """From what each network says of one instance, or image."""
        rows: Dict[str, Instances] = {}
        for name, instances in found.items():
            each = as_arrays(instances, SAME_SIZE)
            rows[name] = as_rows([each], 0.0, each.joints.shape[1], torch.device('cpu'))
        points, scores, certainty, boxes = answer = rows[self.answers]
        peers = [rows[name] for name in self.peers]
        if self.finds_instances:
            peers = [matched(answer, peer)[0] for peer in peers]
        apart = points.new_zeros(points.shape[:2])
        for one, other in combinations(peers, 2):
            apart = torch.maximum(apart, (one[0] - other[0]).norm(dim=-1).nan_to_num(float('inf')))
        there = points[0].isfinite().all(dim=-1).reshape(certainty.shape[1], -1).all(dim=-1).numpy()
        shape = certainty.shape[1], -1
        return Seen(
            points[0].reshape(*shape, 2).numpy()[there],
            scores[0].reshape(shape).clamp(0, 1).numpy()[there],
            certainty[0].clamp(0, 1).numpy()[there],
            boxes[0].numpy()[there],
            apart[0].reshape(shape).numpy()[there],
            features,
        )


def _summary(features: Any) -> Tensor:
    """Features of images in shape (N, F), of length 1."""
    while isinstance(features, (list, tuple)):
        features = features[-1]
    features = features.float().flatten(2).mean(dim=2) if features.ndim > 2 else features.float()
    # As good as all of them to tell what is alike (Johnson and Lindenstrauss), and the same in every call.
    projection = torch.randn(features.shape[1], FEATURES, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.normalize(features @ projection.to(features.device), dim=1)


def _answering(model: NetworkEnsemble, network: Optional[str], content: dict, checkpoint: str) -> str:
    """Who answers.

    Raises:
        ValueError: If there is no such network, or it sees images of its own.
    """
    if network is None:
        return MEAN if MEAN in model.answers else model.predict_on
    name = best_network(content, checkpoint) if network == 'best' else network
    if name not in model.answers:
        raise ValueError(f'there is no network {network!r}; choose one of {", ".join(model.answers)}, or best')
    if model.own_images.get(name) is not None:
        raise ValueError(
            f'network {name} sees images of its own; export it by tools/export.py and give its own config, or choose '
            'another by --network'
        )
    return name
