# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""A stock config in, a mutual-teaching config out."""

import copy
import inspect
from typing import Any, Dict, List, Optional, Union

from mmengine.utils import import_modules_from_strings

from mmpose_dualteach.datasets.labeled_pipeline import first_pipeline, pipeline_of
from mmpose_dualteach.methods import DEFAULT, options_of
from mmpose_dualteach.methods.posedual import PAPER_VIEWS
from mmpose_dualteach.models.adapters import TOPDOWN, finds_instances
from mmpose_dualteach.models.estimators.network_ensemble import merged_parts
from mmpose_dualteach.models.pseudo_labels.lessons import NETWORKS, parse_lessons
from mmpose_dualteach.switch.data import both_sets, labeled_set, loader_of_both, scaled_lr_rule, unlabeled_set
from mmpose_dualteach.switch.keypoint_labels import keypoint_labels
from mmpose_dualteach.switch.names import HOOKS, LOOPS, PACKAGE, STOCK_LOOPS, WRAPPER
from mmpose_dualteach.switch.networks import OwnParts
from mmpose_dualteach.switch.optimizer import by_names_of_parameters
from mmpose_dualteach.switch.refusals import (
    check_batch,
    check_codec,
    check_options,
    check_switchable,
    check_teachers,
    check_views,
)
from mmpose_dualteach.switch.stock_hooks import switched_hooks
from mmpose_dualteach.switch.stock_repairs import repaired
from mmpose_dualteach.switch.stock_source import StockSource
from mmpose_dualteach.utils.config_dicts import class_name, imported_modules, plain
from mmpose_dualteach.utils.config_file import SCOPE


def mutual_teaching(
    stock: Any,
    unlabeled: Union[str, dict],
    labeled: Union[str, dict, None] = None,
    batch: Optional[tuple] = None,
    epoch: str = 'unlabeled',
    method: str = DEFAULT,
    views: Union[dict, str, None] = None,
    rand_augment: Union[dict, bool, None] = None,
    model: Optional[dict] = None,
    hook: Optional[dict] = None,
    pictures: Union[dict, bool, None] = None,
    baseline: bool = False,
) -> dict:
    """Switch a stock config to mutual teaching, a top-down one or one that finds all instances of an image.

    In a config file: ``globals().update(mutual_teaching(_base_, unlabeled=...))``. What the file assigns above that
    line is merged into the stock config first, as mmengine merges it; what it assigns below must be nothing that the
    switch sets. Whatever is not named in the result keeps holding as the stock config says it.

    Args:
        stock (dict | Config | str): The stock config; ``_base_`` (or ``globals()``) in a config file. A file or a name
            such as ``'mmpose::...'`` in a config file with ``_base_ = []``, from whose folder it is named as ``_base_``
            is: the way for stock configs in mmengine's pure Python style, from which no other inherits.
        unlabeled (str | dict): The instances, or images, without labels: a COCO-format annotation file or a folder of
            images or video, which counts from the current directory, or arguments of :class:`UnlabeledPoseDataset`. A
            file's ``data_root`` and ``data_prefix`` are those of the labelled dataset where they are not given.
        labeled (str | dict, optional): The labelled annotation file, or arguments that differ from the stock
            training dataset's. Defaults to the stock training dataset.
        batch (tuple, optional): Labelled and unlabelled instances in a batch. Defaults to the stock batch size of each.
        epoch (str): The set that an epoch passes over, ``'unlabeled'`` or ``'labeled'``. Defaults to ``'unlabeled'``.
        method (str): One of :mod:`mmpose_dualteach.methods`; the arguments below come on top of what it sets.
            Defaults to ``'mutual-teaching'``.
        views (dict | str, optional): Arguments of :class:`EasyHardViews` that differ, or ``'paper'`` for the views of
            Xie et al.: turns of up to 60 degrees and boxes times 0.75 to 1.25 on either view. By default the easy view
            is moved as the labelled pipeline moves its boxes, and the hard one half of the same again, with as many
            flips; where most labelled images are flipped, with as many as are not.
        rand_augment (dict | bool, optional): Photometric RandAugment on the hard view: ``num`` operations in a row, of
            ``magnitude`` 0 to 30, out of ``operations``: names, or ``'all'`` of the released code's; by default those
            that light or a camera can do, without Invert, Posterize and Solarize. False for none. Defaults to the
            method's, ``dict(num=2, magnitude=20)`` of the default one, the paper's numbers.
        model (dict, optional): Arguments of :class:`MutualTeachingPoseEstimator` that differ from its defaults.
        hook (dict, optional): Arguments of :class:`DualTeacherHook` that differ from its defaults.
        pictures (dict | bool, optional): Arguments of :class:`LessonVisualizationHook` that differ from its defaults.
            False for no pictures, as ``default_hooks.lesson_visualization=None`` is in a switched config, and
            ``default_hooks.student_export=None`` for no export of students.
        baseline (bool): Let one more network, ``baseline``, learn beside the others from the labels alone, so that
            every validation tells what teaching is worth. Costs 3 more passes through a network beside the 14 of a step
            of two networks. Defaults to False.

    Returns:
        dict: The keys of the config that change, for mmengine to merge into the stock config; the whole switched config
            where ``stock`` is a file or a name.

    Raises:
        ValueError: If the config cannot be switched; names the reason and the remedy.
    """
    own_frame = inspect.currentframe()
    source = StockSource.read(stock, own_frame and own_frame.f_back)
    stock = repaired(copy.deepcopy(source.config))
    if stock.get('custom_imports'):  # Heads and codecs of others; mmengine imports them when it has read all files.
        import_modules_from_strings(**stock['custom_imports'])
    chosen = options_of(
        method,
        dict(
            views=PAPER_VIEWS if views == 'paper' else views,
            rand_augment=rand_augment,
            model=plain(model),
            hook=hook,
            pictures=pictures,
        ),
    )
    adapter = chosen['model'].get('adapter') if isinstance(chosen['model'], dict) else None
    check_switchable(stock, adapter)
    check_options(stock['model'], chosen['model'], chosen['views'], chosen['hook'], chosen['pictures'], baseline)
    model = dict(chosen['model'] or {})
    loader = stock['train_dataloader']
    batch = batch or (loader['batch_size'], loader['batch_size'])
    check_batch(batch, epoch)
    check_views(unlabeled, views=views, rand_augment=rand_augment)

    labels = labeled_set(loader['dataset'], labeled)
    pipeline = pipeline_of(labels)
    check_codec(stock['model'], pipeline, adapter)
    networks = model.pop('networks', NETWORKS)
    own = OwnParts.read(networks, stock, pipeline, merged_parts(stock['model'], model)['head'])
    alone = not model.get('lessons', True)
    if baseline:
        own = own.with_baseline(alone)
    lessons = parse_lessons(model.get('lessons', ()), list(own.networks))
    teachers = [teacher for lesson in lessons for teacher in lesson.teachers]
    check_teachers(teachers, pipeline)
    images = unlabeled_set(
        labels,
        unlabeled,
        first_pipeline(stock, ('val_dataloader', 'test_dataloader')),
        finds_instances(stock['model']),
        chosen['views'],
        chosen['rand_augment'],
        teachers,
        own,
    )
    dataset = both_sets(labels, images, own, alone)

    switched: Dict[str, Any] = dict(
        default_scope=stock.get('default_scope') or SCOPE,
        custom_imports=dict(
            stock.get('custom_imports') or {},
            imports=list(dict.fromkeys([*imported_modules(stock), *own.imports, PACKAGE])),
        ),
        model=_switched_model(stock['model'], model, own, pipeline),
        train_dataloader=loader_of_both(loader, dataset, batch, epoch),
        default_hooks=_with_own_hooks(stock.get('default_hooks'), chosen['hook'], chosen['pictures']),
        **_loops(stock, own),
        **by_names_of_parameters(stock.get('optim_wrapper') or {}, own.paramwise),
    )
    if stock.get('auto_scale_lr') and not alone:
        switched['auto_scale_lr'] = scaled_lr_rule(stock['auto_scale_lr'], sum(batch), batch[0])
    if stock.get('custom_hooks'):
        switched['custom_hooks'] = switched_hooks(stock['custom_hooks'], dataset, own, all_labels=labeled is None)
    switched.update({key: stock[key] for key in ('val_dataloader', 'test_dataloader') if stock.get(key)})
    return source.answer(switched)


def _switched_model(stock: dict, model: dict, own: OwnParts, pipeline: List[dict]) -> dict:
    """The wrapper around all networks."""
    return dict(
        merged_parts(stock, model),
        type=WRAPPER,
        networks=own.networks,
        **keypoint_labels(stock, model, own.networks, pipeline),
        **({} if stock['type'] == TOPDOWN else dict(estimator=stock['type'])),
    )


def _with_own_hooks(stock: Optional[dict], hook: Optional[dict], pictures: Union[dict, bool, None]) -> dict:
    """The default hooks, and those of mutual teaching that nobody has taken away."""
    options: Dict[str, Any] = dict(dual_teacher=hook, lesson_visualization=pictures)
    hooks = dict(stock or {})
    for name, kind in HOOKS.items():
        if pictures is False and name == 'lesson_visualization':
            hooks[name] = None
        elif hooks.get(name, kind) is not None:
            hooks[name] = dict(type=kind, **(options.get(name) or {}))
    return hooks


def _loops(stock: dict, own: OwnParts) -> Dict[str, dict]:
    """The loops of validation and test, which score every network; a user's own stay."""
    loops = {}
    for key, loop in LOOPS.items():
        if stock.get(key) is not None and class_name(stock[key]) in STOCK_LOOPS:
            stage = key[: -len('_cfg')]
            pipelines = {name: each[stage] for name, each in own.pipelines.items() if stage in each}
            loops[key] = dict(stock[key], type=loop, **(dict(pipelines=pipelines) if pipelines else {}))
    return loops
