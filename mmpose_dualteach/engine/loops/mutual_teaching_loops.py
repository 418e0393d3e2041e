# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import copy
import os.path as osp
from typing import Any, Callable, Dict, List, Optional, Sequence

import torch
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.runner import TestLoop, ValLoop
from mmengine.runner.amp import autocast
from mmpose.registry import LOOPS
from torch.utils.data import DataLoader

from mmpose_dualteach.datasets.labeled_pipeline import with_pipeline
from mmpose_dualteach.models.utils.unwrapped import unwrapped


class MultiNetworkEvaluator(Evaluator):
    """One evaluator for each network and their mean; scores of all but the first carry a prefix.

    Args:
        evaluators (Dict[str, Evaluator]): The evaluators by name; the first one's scores keep their stock names.

    Attributes:
        before (Callable): Called before scores are computed; may process more.
    """

    def __init__(self, evaluators: Dict[str, Evaluator]) -> None:
        self.evaluators = evaluators
        self.before: Callable[[], None] = lambda: None

    @property
    def metrics(self) -> list:
        """list: The first evaluator's metrics."""
        return next(iter(self.evaluators.values())).metrics

    @property
    def dataset_meta(self) -> Optional[dict]:
        """dict: Metainfo of the dataset, of every evaluator."""
        return next(iter(self.evaluators.values())).dataset_meta

    @dataset_meta.setter
    def dataset_meta(self, value: dict) -> None:
        for evaluator in self.evaluators.values():
            evaluator.dataset_meta = value

    def process(self, data_samples: Dict[str, Sequence], data_batch: Optional[Any] = None) -> None:
        """Hand each evaluator its own predictions.

        Args:
            data_samples (Dict[str, Sequence]): Data samples with predictions by network name.
            data_batch (Any, optional): The batch.
        """
        for name, samples in data_samples.items():
            self.evaluators[name].process(data_samples=samples, data_batch=data_batch)

    def evaluate(self, size: int) -> Dict[str, float]:
        """The scores of all, those of every evaluator but the first as ``name/score``."""
        self.before()
        scores: Dict[str, float] = {}
        for position, (name, evaluator) in enumerate(self.evaluators.items()):
            prefix = f'{name}/' if position else ''
            scores.update({f'{prefix}{key}': value for key, value in evaluator.evaluate(size).items()})
        return scores


def _networks_evaluator(runner, stock: Evaluator, config: Any) -> MultiNetworkEvaluator:
    """The stock evaluator for the network, or the mean, that answers, and copies for all others."""
    first, *others = unwrapped(runner.model).answers
    evaluators = {first: stock}
    for name in others:
        config = copy.deepcopy(config)
        evaluators[name] = config if isinstance(config, Evaluator) else runner.build_evaluator(config)
        evaluators[name].dataset_meta = stock.dataset_meta
        for metric in evaluators[name].metrics:
            _write_elsewhere(metric, name)
    return MultiNetworkEvaluator(evaluators)


def _write_elsewhere(metric: BaseMetric, name: str) -> None:
    """Let a metric that writes files (``outfile_prefix``, ``out_file_path``, ``out_dir`` ...) write those of a network
    under names of its own: ``predictions.b.pkl`` beside the answering network's ``predictions.pkl``."""
    for attribute, path in vars(metric).items():
        if attribute.startswith('out') and isinstance(path, str) and path:
            stem, suffix = osp.splitext(path)
            vars(metric)[attribute] = f'{stem}.{name}{suffix}'


def _predict(model, data_batch: Any) -> Dict[str, list]:
    model = unwrapped(model)
    data = model.data_preprocessor(data_batch, False)
    return model.predict_all(data['inputs'], data['data_samples'])


class _EveryNetwork:
    """What makes a stock loop score every network: their evaluators, and predictions of all of them."""

    stage = ''
    runner: Any
    evaluator: Any
    fp16: bool

    def __init__(
        self, runner, dataloader, evaluator, fp16: bool = False, pipelines: Optional[Dict[str, List[dict]]] = None
    ) -> None:
        config = copy.deepcopy(evaluator)
        loaders = {
            name: runner.build_dataloader(dict(dataloader, dataset=with_pipeline(dataloader['dataset'], pipeline)))
            for name, pipeline in (pipelines or {}).items()
        }
        super().__init__(runner, dataloader, evaluator, fp16)  # type: ignore[call-arg]  # Of the loop beside it.
        self.evaluator = _networks_evaluator(runner, self.evaluator, config)
        self.evaluator.before = lambda: self._score_others(loaders)

    @torch.no_grad()
    def _score_others(self, loaders: Dict[str, DataLoader]) -> None:
        """Score the networks that see images of their own."""
        model = unwrapped(self.runner.model)
        for name, loader in loaders.items():
            for batch in loader:
                data = model.data_preprocessor(batch, False)
                with autocast(enabled=self.fp16):
                    samples, _ = model.predict_one(name, data['inputs'], data['data_samples'])
                self.evaluator.process(data_samples={name: samples}, data_batch=batch)

    @torch.no_grad()
    def run_iter(self, idx: int, data_batch: Any) -> None:
        """Score one batch."""
        self.runner.call_hook(f'before_{self.stage}_iter', batch_idx=idx, data_batch=data_batch)
        with autocast(enabled=self.fp16):
            outputs = _predict(self.runner.model, data_batch)
        self.evaluator.process(data_samples=outputs, data_batch=data_batch)
        answer = next(iter(self.evaluator.evaluators))
        self.runner.call_hook(f'after_{self.stage}_iter', batch_idx=idx, data_batch=data_batch, outputs=outputs[answer])


@LOOPS.register_module()
class MutualTeachingValLoop(_EveryNetwork, ValLoop):
    """Stock validation that scores every network and their mean output, with one forward pass a network.

    The score of the network that answers at test time keeps its stock name, ``coco/AP`` for instance, and so compares
    with the baseline's; the others' come as ``b/coco/AP`` and ``mean/coco/AP``. Arguments are those of
    :class:`mmengine.runner.ValLoop`, and ``pipelines``: those of networks that see images of their own, which go over
    the set once more.
    """

    stage = 'val'


@LOOPS.register_module()
class MutualTeachingTestLoop(_EveryNetwork, TestLoop):
    """Stock testing that scores every network and their mean output; see :class:`MutualTeachingValLoop`."""

    stage = 'test'
