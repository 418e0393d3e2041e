# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any, ContextManager, Dict, Iterator, List, Optional, Sequence, Tuple, Union

import torch
from mmengine.model import BaseModel, ExponentialMovingAverage
from mmengine.optim import OptimWrapper
from mmpose.registry import MODELS
from torch import Tensor, nn

from .adapters import Target, adapter_for
from .adapters.base import detached
from .joint_cutout import JointCutout
from .lesson_guard import LessonGuard
from .lessons import Lesson, parse_lessons
from .out_of_memory import explained
from .random_stream import RandomStream
from .views import ViewPair


class LessonRecord:
    """What happened in one lesson, kept for the pictures: every tensor detached, images normalised.

    Attributes:
        lesson (Lesson): Who taught whom.
        easy, hard (Tensor): Input images in shape (N, C, H, W); ``hard`` with its cut-outs.
        prediction: The teacher's raw output on ``easy``.
        target (Target): The same, mapped to ``hard``.
        answer: The student's raw output on ``hard``.
    """

    def __init__(self, lesson: Lesson, easy: Tensor, prediction: Any, hard: Tensor, target: Target,
                 answer: Any) -> None:
        self.lesson, self.easy, self.hard = lesson, easy, hard
        self.prediction, self.target, self.answer = detached(prediction), target, detached(answer)


@MODELS.register_module()
class MutualTeachingPoseEstimator(BaseModel):
    """Networks of one stock config that teach each other on images without labels.

    Source of the method: Xie et al., "An Empirical Study of the Collapsing Problem in Semi-Supervised 2D Human Pose
    Estimation", ICCV 2021. The stock model's own keys stay where they are in the config (``model.backbone``,
    ``model.test_cfg``, ...), so that whatever reads or overrides them goes on working.

    In training a batch has three branches of normalised images, ``labeled``, ``easy`` and ``hard``; ``easy[i]`` and
    ``hard[i]`` show the same person. At test time this is an ordinary pose estimator.

    Args:
        data_preprocessor (dict): The stock config's.
        networks (Dict[str, dict]): The networks by name. Each may have ``seed`` (int), from which its initial weights
            are drawn, by default the run's own seed plus the network's position: the first network then starts with
            the very weights of a stock run with that seed; and ``init_cfg`` (dict), for instance
            ``dict(type='Pretrained', checkpoint=FILE)`` for a checkpoint of its own. Defaults to ``a`` and ``b``.
        lessons (Sequence[dict]): Who teaches whom, see :class:`Lesson`. Defaults to a teaches b, b teaches a.
        supervised_weight (float): Weight of each network's stock losses. Defaults to 0.5, the authors' released code's
            (xierc/Semi_Human_Pose, ``lib/core/loss.py``, ``PoseCoLoss``).
        pseudo_weight (float): Weight of the lessons' losses. Defaults to 1.0, from there too.
        pseudo_loss (dict, optional): What differs in the config of the lessons' loss, ``PseudoHeatmapLoss``, for heads
            that predict heatmaps; all others are taught by their own stock loss. Defaults to None.
        confidence (bool, optional): Whether each joint's pseudo loss is weighted by the teacher's score, 0 to 1.
            Defaults to False for heatmaps, which say so themselves by their height, and True for all others.
        min_score (float): Joints whose teacher's score is less teach nothing. Defaults to 0.
        teacher_mode (str): ``'train'``: teachers normalise by the easy batch's own statistics and update their running
            ones, as the released code does; ``'eval'``: by their running statistics. Defaults to ``'train'``.
        joint_cutout (dict, optional): Arguments of :class:`JointCutout`; None covers nothing. Defaults to None.
        predict_with (str): Who answers at test time: a network's name, or ``'mean'`` for the mean output of all.
            Defaults to the first network.
        autocast (str, optional): Name of a torch dtype, ``'bfloat16'`` for instance, to train in under
            ``torch.autocast``. On CPUs, where mmengine has no AMP, this is the way. Defaults to None.
        channels_last (bool): Keep images in channels-last memory format. Defaults to False.
        compile (bool | dict): Compile each network's backbone and neck by ``torch.compile``, with these options.
            Defaults to False.
        estimator (str): Class of each network. Defaults to ``'TopdownPoseEstimator'``.
        **stock: Everything else of the stock ``model`` config, each network's.

    Raises:
        ValueError: If the head is not supported or a name in the config does not exist.
    """

    def __init__(self,
                 data_preprocessor: dict,
                 networks: Dict[str, dict] = dict(a=dict(), b=dict()),
                 lessons: Sequence[dict] = (dict(teacher='a', student='b'), dict(teacher='b', student='a')),
                 supervised_weight: float = 0.5,
                 pseudo_weight: float = 1.0,
                 pseudo_loss: Optional[dict] = None,
                 confidence: Optional[bool] = None,
                 min_score: float = 0.,
                 teacher_mode: str = 'train',
                 joint_cutout: Optional[dict] = None,
                 predict_with: Optional[str] = None,
                 autocast: Optional[str] = None,
                 channels_last: bool = False,
                 compile: Union[bool, dict] = False,
                 estimator: str = 'TopdownPoseEstimator',
                 **stock) -> None:
        super().__init__(
            data_preprocessor=dict(type='mmdet.MultiBranchDataPreprocessor', data_preprocessor=data_preprocessor))
        if not networks:
            raise ValueError('model.networks is empty; name at least one network')
        if teacher_mode not in ('train', 'eval'):
            raise ValueError(f"model.teacher_mode={teacher_mode!r}; choose 'train' or 'eval'")
        self.lessons = parse_lessons(lessons, list(networks))
        self.adapter = adapter_for(stock['head'], loss=pseudo_loss, confidence=confidence, min_score=min_score)
        self.supervised_weight = supervised_weight
        self.pseudo_weight = pseudo_weight
        self.teacher_mode = teacher_mode
        self.joint_cutout = JointCutout(**joint_cutout) if joint_cutout is not None else None
        self.autocast = getattr(torch, autocast) if autocast else None
        self.channels_last = channels_last
        self.wants_accuracy = (stock.get('train_cfg') or {}).get('compute_acc', True)

        self.networks = nn.ModuleDict()
        self._streams = {}
        for position, (name, own) in enumerate(networks.items()):
            own = dict(own)
            seed = own.pop('seed', None)
            self._streams[name] = RandomStream(torch.initial_seed() + position if seed is None else seed)
            with self._streams[name]:
                self.networks[name] = MODELS.build(dict(stock, type=estimator, **own))
        self.first, self.last = list(networks)[0], list(networks)[-1]
        self.predict_with = predict_with or self.first
        if self.predict_with not in (*networks, 'mean'):
            raise ValueError(f'model.predict_with={predict_with!r}; choose one of {[*networks, "mean"]}')

        # Averages are copied from their networks by the hook before they are first asked.
        averaged = sorted({lesson.teacher for lesson in self.lessons if lesson.average})
        self.averages = nn.ModuleDict(
            {name: ExponentialMovingAverage(self.networks[name], update_buffers=True) for name in averaged})
        self.guard = LessonGuard({**{(name, False): network for name, network in self.networks.items()},
                                  **{(name, True): average.module for name, average in self.averages.items()}})
        self._register_load_state_dict_pre_hook(self._accept_stock_checkpoint)
        if compile:
            for network in (*self.networks.values(), *(average.module for average in self.averages.values())):
                for part in (network.backbone, getattr(network, 'neck', None)):
                    if part is not None:
                        part.compile(**(compile if isinstance(compile, dict) else {}))

        # Set by DualTeacherHook and the picture hook; the defaults make the model complete without them.
        self.pseudo_scale = 1.0
        self.watching = False
        self.record_lessons = False
        self.records: List[LessonRecord] = []
        self._in_parts = False

    # ------------------------------------------------------------------ training

    def train_step(self, data: dict, optim_wrapper: Any) -> Dict[str, Tensor]:
        """One step: the gradients of each part of the loss are taken before the next part's activations are made, so
        that no more than one network's on one batch are in memory.

        Args:
            data (dict): A batch of the loader.
            optim_wrapper (OptimWrapper): Of both networks.

        Returns:
            Dict[str, Tensor]: Scalars for the log.
        """
        if not isinstance(optim_wrapper, OptimWrapper):  # Its backward pass may be followed by anything.
            return super().train_step(data, optim_wrapper)
        data = self.data_preprocessor(data, True)
        data['inputs'] = self._in_format(data['inputs'])
        self._in_parts = True
        parts, passes, log = self.parts(**data), optim_wrapper._inner_count, {}
        with explained(data['inputs']):
            while True:
                with optim_wrapper.optim_context(self), self._own_autocast(data['inputs']):
                    losses = next(parts, None)
                if losses is None:
                    break
                loss, scalars = self.parse_losses(losses)
                if loss.requires_grad:  # Not that of a frozen network.
                    optim_wrapper.backward(optim_wrapper.scale_loss(loss))
                    optim_wrapper._inner_count = passes  # It counts steps by backward passes.
                _add_up(log, {key: value.detach() for key, value in scalars.items()})
        self._in_parts = False
        optim_wrapper._inner_count = passes + 1
        if optim_wrapper.should_update():
            optim_wrapper.step()
            optim_wrapper.zero_grad()
        return log

    def loss(self, inputs: Dict[str, Tensor], data_samples: Dict[str, list]) -> Dict[str, Tensor]:
        """The losses of one batch, and, when watched, the health of the pseudo-heatmaps. See :meth:`parts`.

        Returns:
            Dict[str, Tensor]: Scalars by name; those with "loss" in their name add up to the loss.
        """
        losses: Dict[str, Tensor] = {}
        for part in self.parts(inputs, data_samples):
            _add_up(losses, part)
        return losses

    def parts(self, inputs: Dict[str, Tensor], data_samples: Dict[str, list]) -> Iterator[Dict[str, Tensor]]:
        """The losses part by part; no part's graph reaches into another's.

        Args:
            inputs (Dict[str, Tensor]): Normalised images of each branch in shape (N, C, H, W).
            data_samples (Dict[str, list]): Data samples of each branch.

        Yields:
            Dict[str, Tensor]: See :meth:`loss`.
        """
        yield from self.losses_by_labels(inputs['labeled'], data_samples['labeled'])
        if self.lessons and self.pseudo_weight != 0 and self.pseudo_scale > 0:
            yield from self.losses_by_lessons(inputs, ViewPair(data_samples['easy'], data_samples['hard']))

    def losses_by_labels(self, images: Tensor, samples: list) -> Iterator[Dict[str, Tensor]]:
        """Each network's own stock losses, weighted. See :meth:`parts`."""
        answers = {}
        for name, network in self.networks.items():
            # Stock heads compute it in numpy, which has no bfloat16.
            network.train_cfg['compute_acc'] = self.watching and self.wants_accuracy and not in_bfloat16(images)
            with self.adapter.watch(network) if self.watching else nullcontext() as outputs:
                stock = network.loss(images, samples)
            losses = {f'{name}/{key}': self._weighted(value, self.supervised_weight) if 'loss' in key else value
                      for key, value in stock.items()}
            if outputs:
                answers[name] = outputs[-1]
            if answers and name == self.last:
                scores = self.adapter.scores(answers)
                losses.update({f'{name}/peak_labeled': score.mean() for name, score in scores.items()})
            yield losses

    def losses_by_lessons(self, images: Dict[str, Tensor], views: ViewPair) -> Iterator[Dict[str, Tensor]]:
        """The lessons' losses, weighted. See :meth:`parts`."""
        self.records = []
        self.guard.begin()
        on_device = self._in_parts and images['hard'].is_cuda
        predictions = self.predict_easy(images['easy'])
        scores = self.adapter.scores(predictions) if self.watching or self.adapter.uses_scores else {}
        together: Dict[str, Tensor] = {}
        for number, lesson in enumerate(self.lessons):
            prediction = predictions[self._teacher_key(lesson)]
            target = self.adapter.target(prediction, scores.get(self._teacher_key(lesson)), views)
            hard = images['hard']
            if self.joint_cutout is not None:
                hard = self.joint_cutout(hard, views.move_points(self.adapter.joints(prediction)[0]))
            student = self.networks[lesson.student]
            answer = self.adapter.output(student, hard)
            loss = self.adapter.loss(student, answer, target) * (self.pseudo_weight * self.pseudo_scale)
            loss = self.guard.passed(loss, (self._teacher_key(lesson), (lesson.student, False)), lesson.student,
                                     on_device)
            if self.record_lessons:
                self.records.append(LessonRecord(lesson, images['easy'], prediction, hard, target, answer))
            _add_up(together, {f'{lesson.student}/loss_pseudo': loss})
            final = number == len(self.lessons) - 1
            if final and self.watching:
                together.update(self._health(predictions, scores, target.valid))
            if final or not any(each.gradient for each in self.lessons):  # Those share their teachers' graphs.
                yield together
                together = {}
                self.guard.open()
        self.guard.end(on_device)

    def predict_easy(self, images: Tensor) -> Dict[Tuple[str, bool], object]:
        """Every teacher's output on the easy view.

        Args:
            images (Tensor): Normalised easy views in shape (N, C, H, W).

        Returns:
            Dict[Tuple[str, bool], object]: Raw outputs by (network, whether it is the moving average); without
            gradient unless a lesson asks for it.
        """
        predictions = {}
        for lesson in self.lessons:
            key = self._teacher_key(lesson)
            if key in predictions:
                continue
            teacher = self.averages[lesson.teacher].module if lesson.average else self.networks[lesson.teacher]
            wants_gradient = any(other.gradient for other in self.lessons if self._teacher_key(other) == key)
            with ExitStack() as stack:
                if not wants_gradient:
                    stack.enter_context(torch.no_grad())
                if self.teacher_mode == 'eval':
                    stack.enter_context(evaluation_mode(teacher))
                predictions[key] = self.adapter.output(teacher, images)
        torch.clear_autocast_cache()  # Of weights without gradient, which students must not be given.
        return predictions

    def _health(self, predictions: dict, scores: dict, valid: Tensor) -> Dict[str, Tensor]:
        """Mean peak on unlabelled people, agreement of the teachers in input pixels, share of valid cells or joints."""
        health = {f'{name}/peak_unlabeled': score.mean() for (name, _), score in scores.items()}
        if len(predictions) > 1:
            first, second = [self.adapter.joints(output)[0] for output in predictions.values()][:2]
            health['agreement_px'] = (first - second).norm(dim=-1).mean()
        health['valid_share'] = valid.float().mean()
        return health

    @staticmethod
    def _teacher_key(lesson: Lesson) -> Tuple[str, bool]:
        return lesson.teacher, lesson.average

    @staticmethod
    def _weighted(value, weight: float):
        return [v * weight for v in value] if isinstance(value, (list, tuple)) else value * weight

    # ------------------------------------------------------------------ test time

    def predict(self, images: Tensor, samples: list) -> list:
        """Stock predictions of the network named ``predict_with``, or of the mean output.

        Args:
            images (Tensor): Normalised images in shape (N, C, H, W).
            samples (List[PoseDataSample]): Data samples.

        Returns:
            List[PoseDataSample]: The samples with ``pred_instances``, in pixels of the original image.
        """
        if self.predict_with == 'mean':
            return self.predict_all(images, samples)['mean']
        return self.networks[self.predict_with](images, samples, mode='predict')

    def predict_all(self, images: Tensor, samples: list) -> Dict[str, list]:
        """Predictions of each network and, where there are several, of their mean, with one forward pass a network.

        Args:
            images (Tensor): Normalised images in shape (N, C, H, W).
            samples (List[PoseDataSample]): Data samples; left without predictions.

        Returns:
            Dict[str, List[PoseDataSample]]: Samples with ``pred_instances`` by network name and ``'mean'``.
        """
        answers, outputs = {}, []
        for name, network in self.networks.items():
            instances, output = self.adapter.predict(network, images, samples)
            answers[name] = self._with_predictions(network, instances, samples)
            outputs.append(output)
        if len(outputs) > 1:
            network = self.networks[self.first]
            answers['mean'] = self._with_predictions(network, self.adapter.decode_mean(network, outputs), samples)
        return answers

    @staticmethod
    def _with_predictions(network: nn.Module, instances: list, samples: list) -> list:
        samples = [sample.new() for sample in samples]
        if network.metainfo is not None:
            for sample in samples:
                sample.set_metainfo(network.metainfo)
        return network.add_pred_to_datasample(instances, None, samples)

    @property
    def test_cfg(self) -> dict:
        """dict: The networks' test configuration. Changes reach the network that answers."""
        return self.networks[self.answering].test_cfg

    @test_cfg.setter
    def test_cfg(self, value: dict) -> None:
        for network in self.networks.values():
            network.test_cfg = value

    @property
    def head(self) -> nn.Module:
        """nn.Module: The head of the network that answers at test time."""
        return self.networks[self.answering].head

    @property
    def answering(self) -> str:
        """str: The network that answers at test time; where their mean does, the first network."""
        return self.first if self.predict_with == 'mean' else self.predict_with

    # ------------------------------------------------------------------ both

    def forward(self, inputs, data_samples=None, mode: str = 'tensor'):
        """The entry that mmengine calls.

        Args:
            inputs (Tensor | Dict[str, Tensor]): Images in shape (N, C, H, W); in training those of each branch.
            data_samples (list | Dict[str, list], optional): Data samples likewise.
            mode (str): ``'loss'``, ``'predict'`` or ``'tensor'``, as in MMPose.

        Returns:
            Losses by name, data samples with predictions, or the raw output of the network that answers.
        """
        if mode == 'loss':
            with self._own_autocast(inputs), explained(inputs):
                return self.loss(self._in_format(inputs), data_samples)
        inputs = torch.stack(inputs) if isinstance(inputs, (list, tuple)) else inputs
        inputs = self._in_format(dict(test=inputs))['test']
        if mode == 'predict':
            return self.predict(inputs, data_samples)
        if mode == 'tensor':
            return self.networks[self.answering](inputs, data_samples, mode='tensor')
        raise ValueError(f"mode={mode!r}; choose 'loss', 'predict' or 'tensor'")

    def _own_autocast(self, inputs: Dict[str, Tensor]) -> ContextManager:
        return torch.autocast(inputs['labeled'].device.type, self.autocast) if self.autocast else nullcontext()

    def _in_format(self, inputs: Dict[str, Tensor]) -> Dict[str, Tensor]:
        if not self.channels_last:
            return inputs
        return {branch: images.contiguous(memory_format=torch.channels_last) for branch, images in inputs.items()}

    def init_weights(self) -> None:
        """Give each network its initial weights, from its own random sequence or checkpoint."""
        for name, network in self.networks.items():
            with self._streams[name]:
                network.init_weights()
        if self.channels_last:
            self.to(memory_format=torch.channels_last)
        self.is_init = True

    def _accept_stock_checkpoint(self, state_dict: dict, prefix: str, *_) -> None:
        """Let a single network's checkpoint, an MMPose one, give its weights to every network."""
        own = [key for key in state_dict if key.startswith(prefix)]
        if not own or any(key.startswith((f'{prefix}networks.', f'{prefix}averages.')) for key in own):
            return
        for key in own:
            value = state_dict.pop(key)
            for name in self.networks:
                state_dict[f'{prefix}networks.{name}.{key[len(prefix):]}'] = value


def _add_up(losses: Dict[str, Tensor], more: Dict[str, Tensor]) -> None:
    """Add scalars to those of the same name."""
    for key, value in more.items():
        losses[key] = losses[key] + value if key in losses else value


def in_bfloat16(images: Tensor) -> bool:
    """Whether networks compute in bfloat16 here, whoever asked for it."""
    one = images.new_ones(1, 1)
    return (one @ one).dtype == torch.bfloat16


@contextmanager
def evaluation_mode(network: nn.Module) -> Iterator[None]:
    """Put a network into evaluation mode, and each of its modules back into its own mode afterwards."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
