# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from contextlib import ExitStack, nullcontext
from functools import lru_cache
from typing import Any, ContextManager, Dict, Iterator, List, Optional, Sequence, Tuple, Union

import torch
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmpose.registry import MODELS
from torch import Tensor

from mmpose_dualteach import compat, geometry
from mmpose_dualteach.models.adapters import OutputAdapter, Target
from mmpose_dualteach.models.adapters.base import detached
from mmpose_dualteach.models.estimators.labeled_looks import drift, labeled_peaks
from mmpose_dualteach.models.estimators.model_checks import (
    check_kind,
    check_lessons,
    check_loss_weights,
    check_model_keys,
    check_teacher_mode,
)
from mmpose_dualteach.models.estimators.network_ensemble import NetworkEnsemble
from mmpose_dualteach.models.occlusions import BlockShuffle, parse_paths
from mmpose_dualteach.models.pseudo_labels.lesson_group import LessonGroup, group_lessons
from mmpose_dualteach.models.pseudo_labels.lesson_guard import LessonGuard
from mmpose_dualteach.models.pseudo_labels.lesson_record import LessonRecord
from mmpose_dualteach.models.pseudo_labels.lessons import LESSONS, NETWORKS, OWN, parse_lessons
from mmpose_dualteach.models.pseudo_labels.selection import Selection
from mmpose_dualteach.models.pseudo_labels.teacher_copies import TeacherCopies, taught_with
from mmpose_dualteach.models.utils.float_outputs import float_outputs
from mmpose_dualteach.models.utils.out_of_memory import explain_out_of_memory
from mmpose_dualteach.models.utils.statistics import RunningStatistics, feature_extractor
from mmpose_dualteach.models.utils.stock_losses import tensors_of
from mmpose_dualteach.models.view_pair import ViewPair
from mmpose_dualteach.utils.arguments import argument_names
from mmpose_dualteach.utils.bfloat16 import autocast_dtype
from mmpose_dualteach.utils.branches import HARD, LABELED, own_branch

Losses = Dict[str, Tensor]


@MODELS.register_module()
class MutualTeachingPoseEstimator(NetworkEnsemble):
    """Networks of one stock config that teach each other on images without labels.

    Source of the method: Xie et al., "An Empirical Study of the Collapsing Problem in Semi-Supervised 2D Human Pose
    Estimation", ICCV 2021. :meth:`loss_parts` is the method in four steps.

    In training a batch has three branches of normalised images, ``labeled``, ``easy`` and ``hard``; ``easy[i]`` and
    ``hard[i]`` show the same instance, and so do ``easy2[i]`` and so on, where teachers see further easy views. At test
    time this is an ordinary pose estimator, see :class:`NetworkEnsemble`.

    Args:
        data_preprocessor (dict): The stock config's.
        networks (Dict[str, dict]): The networks by name. Each may have ``seed`` (int), from which its initial weights
            are drawn, by default the run's own seed plus the network's position: the first network then starts with
            the very weights of a stock run with that seed; and keys of the stock model that are its own, ``backbone``
            or ``init_cfg`` (``dict(type='Pretrained', checkpoint=FILE)``) for instance; the switch makes them of
            ``config``, another network's whole stock config. A part that names a ``type`` takes the stock part's place,
            others are merged into it. A network in no lesson learns from the labels alone: it shows what teaching is
            worth, and is no part of the mean. With ``frozen=True`` and an ``init_cfg`` with its weights a network
            teaches and never learns: in evaluation mode, without gradients, and no part of the mean either. Defaults to
            ``a`` and ``b``.
        lessons (Sequence[dict]): Who teaches whom: ``teacher``, a network's name or several, each with ``.ema`` or
            ``.snapshot`` behind it for other weights of it, ``.view2`` to ``.view9`` for a further easy view and
            ``.mirrored`` for its mirror image; and what :class:`Lesson` has. An empty list is a run on labels alone.
            Defaults to a teaches b, b teaches a.
        sup_weight (float): Weight of the stock losses of each network that is taught; those of others, of a baseline
            for instance, count as in a stock run. Defaults to 1.0. The authors' released code has 0.5
            (xierc/Semi_Human_Pose, ``lib/core/loss.py``, ``PoseCoLoss``).
        unsup_weight (float): Weight of the lessons' losses. Defaults to 1.0, the released code's.
        pseudo_loss (dict, optional): What differs in the config of the lessons' loss, ``PseudoHeatmapLoss``, for heads
            that predict heatmaps; all others are taught by their own stock loss. Defaults to None.
        confidence (bool): Whether each joint's pseudo loss is weighted by its teacher's score, 0 to 1: a teacher that
            is not yet sure of anything teaches next to nothing, so that no burn-in is needed. Defaults to True; the
            released code has no such weight.
        pseudo_label_thr (float): Joints whose teacher's score is less teach nothing. Defaults to 0.
        pseudo_label_quantile (float): This share of the batch's joints, those with the lowest scores, teaches nothing.
            Defaults to 0.
        max_disagreement (float, optional): Joints that a lesson's teachers see farther apart than this, in input
            pixels, teach nothing. Defaults to None.
        redraw (bool): Teach the codec's label of the joints that teachers see, instead of their heatmaps. Defaults to
            False.
        teacher_mode (str): ``'train'``: teachers normalise by the easy batch's own statistics and update their running
            ones, as the released code does; ``'eval'``: by their running statistics. Defaults to ``'train'``.
        statistics (str): Of which images the running statistics of batch norm are, by which a network normalises at
            test time, in backbone and neck of one that teaches; in training it normalises by each batch's own.
            ``'easy'``: of easy views alone, the images that it is for, undistorted; ``'all'``: of all that it sees, as
            in the released code. ``'labeled'``: of labelled images alone, by which teachers normalise easy views too:
            for unlabelled images so unlike the labelled ones that their teachers drift, see
            :meth:`normalize_by_labels`. Defaults to ``'easy'``; what sees no easy view in training mode has those of
            all.
        paths (Sequence[Sequence[dict]]): The ways in which each student sees a hard view, each one part of the loss:
            for each the configs of its occlusions (:class:`JointCutout`, :class:`JointOcclude`, :class:`KeypointMix`,
            :class:`RandomCutout`, :class:`RandomCutMix`), one after the other, and last, if wanted, that of a
            :class:`BlockShuffle`. Defaults to one bare view.
        predict_on (str, optional): Who answers at test time: a network's name, or ``'mean'`` for the mean output of
            all. Defaults to the first network that learns, of those in a lesson where there are lessons.
        autocast (str, optional): Name of a torch dtype, ``'bfloat16'`` for instance, to train in under
            ``torch.autocast``; ``'auto'`` is bfloat16 on CPUs that have instructions for it, where it halves a step,
            and nothing elsewhere: imitated bfloat16 takes twice the time of float32. On CPUs, where mmengine has no
            AMP, this is the way; on GPUs use MMPose's ``--amp``. Defaults to None.
        channels_last (bool): Keep images in channels-last memory format: faster with bfloat16, and with AMP on GPUs.
            Defaults to False.
        compile (bool | dict): Compile each network's backbone and neck by ``torch.compile``, with these options, for
            long runs on GPUs. Defaults to False.
        estimator (str): Class of each network. Defaults to ``'TopdownPoseEstimator'``.
        adapter (str, optional): A registered adapter's name. Defaults to the one that knows the head.
        keypoint_labels (dict, optional): ``input_size`` and ``labels`` of :class:`KeypointAdapter`, which teaches where
            no other adapter does, or more of :class:`InstanceAdapter`. The switch fills it in.
        instance_thr (float, optional): Of networks that find instances in images by themselves: least score of an
            instance, and of a joint, that is taught. Defaults to that of :class:`InstanceAdapter`.
        **stock: Everything else of the stock ``model`` config, each network's.

    Raises:
        ValueError: If the head is not supported, or a key or a name in the config does not exist.
    """

    def __init__(
        self,
        data_preprocessor: dict,
        networks: Dict[str, dict] = NETWORKS,
        lessons: Sequence[dict] = LESSONS,
        sup_weight: float = 1.0,
        unsup_weight: float = 1.0,
        pseudo_loss: Optional[dict] = None,
        confidence: bool = True,
        pseudo_label_thr: float = 0.0,
        pseudo_label_quantile: float = 0.0,
        max_disagreement: Optional[float] = None,
        redraw: bool = False,
        teacher_mode: str = 'train',
        statistics: str = 'easy',
        paths: Sequence[Sequence[dict]] = ((),),
        predict_on: Optional[str] = None,
        autocast: Optional[str] = None,
        channels_last: bool = False,
        compile: Union[bool, dict] = False,
        estimator: str = 'TopdownPoseEstimator',
        adapter: Optional[str] = None,
        keypoint_labels: Optional[dict] = None,
        instance_thr: Optional[float] = None,
        **stock: Any,
    ) -> None:
        check_model_keys(stock, estimator, OWN_ARGUMENTS)
        check_loss_weights(sup_weight, unsup_weight)
        check_teacher_mode(teacher_mode)
        if not networks:
            raise ValueError('model.networks is empty; name at least one network')
        parsed = parse_lessons(lessons, list(networks))
        in_lessons = {name for lesson in parsed for name in lesson.networks}
        baselines = [
            name for name, own in networks.items() if parsed and name not in in_lessons and not own.get('frozen')
        ]
        super().__init__(
            data_preprocessor=dict(type='BranchDataPreprocessor', data_preprocessor=data_preprocessor),
            networks=networks,
            predict_on=predict_on,
            apart=baselines,
            channels_last=channels_last,
            estimator=estimator,
            adapter=adapter,
            adapter_options=dict(
                loss=pseudo_loss, redraw=redraw, keypoint_labels=keypoint_labels, instance_thr=instance_thr
            ),
            **stock,
        )
        self.lessons = parsed
        self.baselines = baselines
        self.teachers = list(dict.fromkeys(teacher for lesson in self.lessons for teacher in lesson.teachers))
        self.sup_weights = dict(dict.fromkeys(networks, 1.0), **{lesson.student: sup_weight for lesson in parsed})
        self.unsup_weight = unsup_weight
        self.paths = parse_paths(paths)
        self.selection = Selection(confidence, pseudo_label_thr, pseudo_label_quantile, max_disagreement)
        check_lessons(parsed, self.frozen, self.selection)
        autocast_dtype(autocast, 'cpu')  # Refuses what is none, before training.
        self.autocast = autocast
        self.wants_accuracy = (stock.get('train_cfg') or {}).get('compute_acc', True)

        self.copies = TeacherCopies(self.networks, self.teachers)
        self.teacher_weights = self.copies.weights_of(self.networks)
        self.statistics = RunningStatistics(
            'all' if statistics == 'easy' and teacher_mode == 'eval' else statistics,
            {name: self.networks[name] for name in taught_with(OWN, self.teachers)},
            {name: self.networks[name] for name in sorted({teacher.network for teacher in self.teachers})},
        )
        self._labeled_branch = {
            name: own_branch(LABELED, name if own.get('transforms') else None) for name, own in networks.items()
        }
        self.groups = group_lessons(
            parsed,
            self.adapters,
            lru_cache(None)(self.general_adapter),
            self.own_images,
            weights=self.teacher_weights,
            selection=self.selection,
            teacher_mode='eval' if statistics == 'labeled' else teacher_mode,
        )
        for group in self.groups:
            check_kind(self, group)
        self.guard = LessonGuard(
            {teacher: each for teacher, each in self.teacher_weights.items() if teacher.network in in_lessons}
        )
        if compile:
            for network in self.teacher_weights.values():
                for part in feature_extractor(network):
                    part.compile(**(compile if isinstance(compile, dict) else {}))

        # Set by DualTeacherHook and LessonVisualizationHook; the defaults make the model complete without them.
        self.unsup_scale = 1.0
        self.watching = False
        self.record_lessons = False
        self.records: List[LessonRecord] = []

    # ------------------------------------------------------------------ the method

    def loss_parts(self, inputs: Dict[str, Tensor], data_samples: Dict[str, list]) -> Iterator[Losses]:
        """The method, in four steps. The loss comes in parts, and no part's graph reaches into another's.

        Args:
            inputs (Dict[str, Tensor]): Normalised images of each branch in shape (N, C, H, W).
            data_samples (Dict[str, list]): Data samples of each branch.

        Yields:
            Dict[str, Tensor]: Scalars by name; those with "loss" in their name add up to the loss.
        """
        # 1. Every network learns from the labels by its own stock loss.
        with self._kept_statistics(LABELED):
            yield from self.sup_losses(inputs, data_samples)
        if not self.teaches:
            return
        self.records = []
        told: Losses = {}
        with self.guard.step():
            for group in self.groups:
                views = ViewPair(data_samples[group.easy], data_samples[group.hard])
                # 2. Every teacher predicts on the easy view.
                predictions, known = group.predict_easy(inputs, data_samples)
                with geometry.full_precision(inputs[group.easy].device):
                    # 3. What the teachers of a lesson say together moves to the hard view.
                    ensembles = group.combined(predictions, known)
                    targets = group.to_hard_view(predictions, ensembles, views)
                    health = group.health(predictions, targets) if self.watching else {}
                # 4. It is what the student learns.
                health = {key: value for key, value in health.items() if key not in told}
                told.update(health)
                with self._kept_statistics(HARD):
                    yield from self.unsup_losses(group, inputs, views, ensembles, targets, health)

    def _kept_statistics(self, branch: str) -> ContextManager:
        """While lessons count; in a burn-in labelled images make the running statistics."""
        return self.statistics.kept_from(branch) if self.teaches else nullcontext()

    def normalize_by_labels(self, renew: bool = True) -> None:
        """From now on as with ``statistics='labeled'``.

        Networks whose labelled and unlabelled images are normalised each by their own learn two functions with one set
        of weights. Labels correct the one; where images are too unlike, the other, by which networks teach, drifts:
        all agree, and all are wrong. Teachers that normalise by labelled images' statistics cannot.

        Args:
            renew (bool): Whether the running statistics are of easy views, and of the next labelled batch first.
                Defaults to True.
        """
        self.statistics.turn_to_labels(renew)
        for group in self.groups:
            group.teacher_mode = 'eval'

    def sup_losses(self, inputs: Dict[str, Tensor], data_samples: Dict[str, list]) -> Iterator[Losses]:
        """Each network's own stock losses, weighted, and, when watched, the mean peak of its predictions.

        Args:
            inputs (Dict[str, Tensor]): Normalised images of each branch in shape (N, C, H, W).
            data_samples (Dict[str, list]): Data samples of each branch.

        Yields:
            Dict[str, Tensor]: One network's scalars by name.
        """
        answers = {}
        for name in self.learning:
            network = self.networks[name]
            network.train_cfg['compute_acc'] = self.watching and self.wants_accuracy
            with ExitStack() as stack:
                stack.enter_context(float_outputs(network))
                stack.enter_context(self.statistics.of_labeled(name))
                outputs = stack.enter_context(self.adapters[name].watch(network)) if self.watching else []
                branch = self._labeled_branch[name]
                stock = tensors_of(self.adapters[name].stock_loss(network, inputs[branch], data_samples[branch]))
            losses = {
                f'{name}/{key}': _weighted(value, self.sup_weights[name]) if 'loss' in key else value
                for key, value in stock.items()
            }
            if outputs and self._watches_drift and name in self.statistics.networks:
                losses.update(drift(self, name, inputs[branch], data_samples[branch], stock, outputs[-1]))
            if outputs and name not in self.baselines:  # Some kinds score agreement, which is the teachers'.
                answers[name] = outputs[-1]
            if answers and name == self.last:
                losses.update(labeled_peaks(self.adapters, answers))
            yield losses
        if self.statistics.labeled_done():
            self.copies.take_buffers(self.networks)

    def unsup_losses(
        self,
        group: LessonGroup,
        inputs: Dict[str, Tensor],
        views: ViewPair,
        ensembles: Dict[tuple, Any],
        targets: Dict[tuple, Target],
        health: Losses,
    ) -> Iterator[Losses]:
        """The loss of every lesson of a group on every path, weighted.

        Args:
            group (LessonGroup): The lessons.
            inputs (Dict[str, Tensor]): Normalised images of each branch in shape (N, C, H, W).
            views (ViewPair): The map between the views.
            ensembles (Dict[tuple, Any]): What the teachers of each lesson say together on the easy view.
            targets (Dict[tuple, Target]): The same on the hard view.
            health (Dict[str, Tensor]): Further scalars for the log.

        Yields:
            Dict[str, Tensor]: Scalars by name of one lesson on one path, or of all where lessons share their teachers'
                graphs.
        """
        together = dict(health)
        apart = all(lesson.detach for lesson in group.lessons)
        for lesson in group.lessons:
            ensemble, target = ensembles[lesson.taught_by], targets[lesson.taught_by]
            target = target.detach() if lesson.detach else target
            student = self.networks[lesson.student]
            for path, images in self.on_paths(inputs[group.hard], ensemble, group.adapter, views):
                answer = self.answer(student, images, group.adapter, self.paths[path].shuffle)
                loss = group.adapter.loss(student, answer, target) * (self.unsup_weight * self.unsup_scale)
                loss = self.guard.passed(loss, lesson)
                if self.record_lessons:
                    self.records.append(
                        LessonRecord(
                            lesson,
                            path,
                            group.adapter,
                            inputs[group.easy],
                            detached(ensemble),
                            images,
                            target.detach(),
                            detached(group.adapter.said(student, answer)),
                        )
                    )
                add_up(together, {f'{lesson.student}/loss_pseudo': loss})
                final = lesson is group.lessons[-1] and path == len(self.paths) - 1
                if final or apart:
                    yield together
                    together = {}

    def on_paths(
        self, images: Tensor, ensemble: Any, adapter: OutputAdapter, views: ViewPair
    ) -> Iterator[Tuple[int, Tensor]]:
        """Hard views as a student sees them on each path, where its teachers see joints covered.

        Args:
            images (Tensor): Normalised hard views in shape (N, C, H, W).
            ensemble (Any): What its teachers say together on the easy view.
            adapter (OutputAdapter): Of that output.
            views (ViewPair): The map between the views.

        Yields:
            Tuple[int, Tensor]: The path's number and images of the same shape.
        """
        points = images.new_zeros(len(images), 0, 2)
        if any(occlusion.uses_joints for path in self.paths for occlusion in path.occlusions):
            with geometry.full_precision(images.device):
                points = adapter.on_images(views.move_points(adapter.joints(ensemble)[0]), images)
        for number, path in enumerate(self.paths):
            if not path.occlusions:
                yield number, images
                continue
            layout = torch.channels_last if self.channels_last else torch.contiguous_format
            yield number, path(images, points).contiguous(memory_format=layout)

    def answer(self, student: Any, images: Tensor, adapter: OutputAdapter, shuffle: Optional[BlockShuffle]) -> Any:
        """What a student's loss is computed from, on hard views in shape (N, C, H, W), whose blocks may be shuffled."""
        if shuffle is None:
            return adapter.answer(student, images)
        order = shuffle.draw(len(images), images.device)
        shown = self.in_format({HARD: shuffle.shuffled(images, order)})[HARD]
        return shuffle.restored(adapter.answer(student, shown), order)

    @property
    def teaches(self) -> bool:
        """bool: Whether the lessons count now."""
        return bool(self.lessons) and self.unsup_weight != 0 and self.unsup_scale > 0

    @property
    def _watches_drift(self) -> bool:
        # Losses of networks that find instances have parts that go by how many were found.
        return self.watching and self.teaches and self.statistics.kind != 'all' and not self.finds_instances

    # ------------------------------------------------------------------ what mmengine calls

    def train_step(self, data: dict, optim_wrapper: Any) -> Losses:
        """One step: the gradients of each part of the loss are taken before the next part's activations are made, so
        that no more than one network's on one batch are in memory.

        Args:
            data (dict): A batch of the loader.
            optim_wrapper (OptimWrapper): Of all networks.

        Returns:
            Dict[str, Tensor]: Scalars for the log.
        """
        if not isinstance(optim_wrapper, OptimWrapper):  # Its backward pass may be followed by anything.
            return super().train_step(data, optim_wrapper)
        data = self.data_preprocessor(data, True)
        data['inputs'] = self.in_format(data['inputs'])
        parts = self.loss_parts(**data)
        log: Losses = {}
        half = isinstance(optim_wrapper, AmpOptimWrapper) or self._own_dtype(data['inputs']) is not None
        with explain_out_of_memory(data['inputs'], half), compat.one_optimizer_step(optim_wrapper):
            while True:
                with optim_wrapper.optim_context(self), self._own_autocast(data['inputs']):
                    losses = next(parts, None)
                if losses is None:
                    break
                loss, scalars = self.parse_losses(losses)
                if loss.requires_grad:  # Not that of a frozen network.
                    optim_wrapper.backward(optim_wrapper.scale_loss(loss))
                add_up(log, {key: value.detach() for key, value in scalars.items()})
        if optim_wrapper.should_update():
            optim_wrapper.step()
            optim_wrapper.zero_grad()
        return log

    def loss(self, inputs: Dict[str, Tensor], data_samples: Dict[str, list]) -> Losses:
        """The losses of one batch, all parts together. See :meth:`loss_parts`."""
        losses: Losses = {}
        for part in self.loss_parts(inputs, data_samples):
            add_up(losses, part)
        return losses

    def forward(self, inputs, data_samples=None, mode: str = 'tensor'):
        """The entry that mmengine calls.

        Args:
            inputs (Tensor | Dict[str, Tensor]): Images in shape (N, C, H, W); in training those of each branch.
            data_samples (list | Dict[str, list], optional): Data samples likewise.
            mode (str): ``'loss'``, ``'predict'`` or ``'tensor'``, as in MMPose.

        Returns:
            Losses by name, data samples with predictions, or the raw output of the network that answers.
        """
        if mode != 'loss':
            return super().forward(inputs, data_samples, mode)
        half = torch.is_autocast_enabled() or self._own_dtype(inputs) is not None
        with self._own_autocast(inputs), explain_out_of_memory(inputs, half):
            return self.loss(self.in_format(inputs), data_samples)

    def _own_autocast(self, inputs: Dict[str, Tensor]) -> ContextManager:
        dtype = self._own_dtype(inputs)
        return torch.autocast(inputs[LABELED].device.type, dtype) if dtype else nullcontext()

    def _own_dtype(self, inputs: Dict[str, Tensor]) -> Optional[torch.dtype]:
        return autocast_dtype(self.autocast, inputs[LABELED].device.type)


# The wrapper's own arguments; all others of a switched config's ``model`` are the stock model's.
OWN_ARGUMENTS = argument_names(MutualTeachingPoseEstimator) - {'data_preprocessor', 'estimator'}


def add_up(losses: Losses, more: Losses) -> None:
    """Add scalars to those of the same name."""
    for key, value in more.items():
        losses[key] = losses[key] + value if key in losses else value


def _weighted(value: Any, weight: float) -> Any:
    """A loss, or those of several stages, weighted."""
    return [each * weight for each in value] if isinstance(value, (list, tuple)) else value * weight
