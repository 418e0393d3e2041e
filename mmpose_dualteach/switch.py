# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""A stock MMPose config in, a mutual-teaching config out, and back."""

import copy
import inspect
from typing import Any, Dict, List, Mapping, Optional, Union

from mmengine.config import Config
from mmengine.utils import import_modules_from_strings
from mmpose.registry import MODELS

from mmpose_dualteach.datasets import EasyHardViews
from mmpose_dualteach.datasets.labeled_pipeline import (
    CUT,
    WHOLE_IMAGE_CUT,
    innermost,
    pipeline_of,
    with_labels,
    with_pipeline,
    without_labels,
)
from mmpose_dualteach.datasets.transforms.view_law import ViewLaw
from mmpose_dualteach.datasets.unlabeled_pipeline import PAPER_VIEWS, find_transform, unlabeled_pipeline
from mmpose_dualteach.methods import DEFAULT, options_of
from mmpose_dualteach.models.adapters import ADAPTERS, BOTTOM_UP, KeypointAdapter, find_adapter, finds_instances
from mmpose_dualteach.models.adapters.kinds import ancestor, class_name, hashable
from mmpose_dualteach.models.estimators.mutual_teaching import OWN_ARGUMENTS, check_model_keys
from mmpose_dualteach.models.estimators.network_ensemble import merged_parts
from mmpose_dualteach.models.pseudo_labels.lessons import NETWORKS, Teacher, parse_lessons
from mmpose_dualteach.networks import IMPORTS, PIPELINES, with_own_config
from mmpose_dualteach.stock_repairs import repaired, undone
from mmpose_dualteach.utils.arguments import argument_names, check_arguments
from mmpose_dualteach.utils.branches import LABELED, own_branch
from mmpose_dualteach.utils.config_file import BASE, OpenConfigFile

PACKAGE = 'mmpose_dualteach'
WRAPPER = 'MutualTeachingPoseEstimator'
TOPDOWN = 'TopdownPoseEstimator'
LOOPS = dict(val_cfg='MutualTeachingValLoop', test_cfg='MutualTeachingTestLoop')
BASELINE = 'baseline'
CONSTRUCTOR = 'PerNetworkOptimWrapperConstructor'
# The keys of default_hooks under which the hooks stand: --cfg-options default_hooks.dual_teacher.burn_in=5.
HOOKS = dict(
    dual_teacher='DualTeacherHook',
    lesson_visualization='LessonVisualizationHook',
    student_export='StudentExportHook',
    exact_resume='ExactResumeHook',
)
# The key by which MMPose's YOLOXPoseModeSwitchHook names another training set.
NEW_SET = 'new_train_dataset'
# What the stock loader has that a batch of both kinds cannot keep.
STOCK_LOADER_KEYS = ('sampler', 'batch_sampler', 'drop_last')
OTHER_MODELS = dict(
    PoseLifter='lifters turn 2D poses into 3D ones and see no images',
    DWPoseDistiller="distillers train a student on a teacher's output; switch the student's own config instead",
)


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
    pictures: Optional[dict] = None,
    baseline: bool = False,
) -> dict:
    """Switch a stock config to mutual teaching, a top-down one or one that finds all instances of an image.

    In a config file: ``globals().update(mutual_teaching(_base_, unlabeled=...))``. What the file assigns above that
    line is merged into the stock config first, as mmengine merges it; what it assigns below must be nothing that the
    switch sets. Whatever is not named in the result keeps holding as the stock config says it.

    Args:
        stock (dict | Config): The stock config; ``_base_`` (or ``globals()``) in a config file.
        unlabeled (str | dict): The instances, or images, without labels: a COCO-format annotation file or a folder of
            images, or arguments of :class:`UnlabeledPoseDataset`. ``data_root`` and ``data_prefix`` are those of the
            labelled dataset where they are not given.
        labeled (str | dict, optional): The labelled annotation file, or arguments that differ from the stock
            training dataset's. Defaults to the stock training dataset.
        batch (tuple, optional): Labelled and unlabelled instances in a batch. Defaults to the stock batch size of each.
        epoch (str): The set that an epoch passes over, ``'unlabeled'`` or ``'labeled'``. Defaults to ``'unlabeled'``.
        method (str): One of :mod:`mmpose_dualteach.methods`; the arguments below come on top of what it sets.
            Defaults to ``'mutual-teaching'``.
        views (dict | str, optional): Arguments of :class:`EasyHardViews` that differ, or ``'paper'`` for the views of
            Xie et al.: turns of up to 60 degrees and boxes times 0.75 to 1.25 on either view. By default the easy view
            is moved as the labelled pipeline moves its boxes, and the hard one half of the same again, with as many
            flips.
        rand_augment (dict | bool, optional): Photometric RandAugment on the hard view: ``num`` operations in a row, of
            ``magnitude`` 0 to 30, out of ``operations``: names, or ``'all'`` of the released code's; by default those
            that light or a camera can do, without Invert, Posterize and Solarize. False for none. Defaults to the
            method's, ``dict(num=2, magnitude=20)`` of the default one, the paper's numbers.
        model (dict, optional): Arguments of :class:`MutualTeachingPoseEstimator` that differ from its defaults.
        hook (dict, optional): Arguments of :class:`DualTeacherHook` that differ from its defaults.
        pictures (dict, optional): Arguments of :class:`LessonVisualizationHook` that differ from its defaults.
        baseline (bool): Let one more network, ``baseline``, learn beside the others from the labels alone, so that
            every validation tells what teaching is worth. Costs 3 more passes through a network beside the 14 of a step
            of two networks. Defaults to False.

    Returns:
        dict: The keys of the config that change, for mmengine to merge into the stock config.

    Raises:
        ValueError: If the config cannot be switched; names the reason and the remedy.
    """
    own_frame = inspect.currentframe()
    file = OpenConfigFile.that_calls(stock, own_frame and own_frame.f_back)
    base = _plain(stock[BASE] if isinstance(stock, Mapping) and BASE in stock else stock)
    original = _merged(base, file.assigned) if file else base
    stock = repaired(copy.deepcopy(original))
    if stock.get('custom_imports'):  # Heads and codecs of others; mmengine imports them when it has read all files.
        import_modules_from_strings(**stock['custom_imports'])
    check_switchable(stock)
    chosen = options_of(
        method,
        dict(
            views=PAPER_VIEWS if views == 'paper' else views,
            rand_augment=rand_augment,
            model=_plain(model),
            hook=hook,
            pictures=pictures,
        ),
    )
    model, hook, pictures = chosen['model'], chosen['hook'], chosen['pictures']
    _check_options(stock['model'], model, chosen['views'], hook, pictures)
    loader = stock['train_dataloader']
    labeled_set = _with_source(loader['dataset'], _source(labeled, 'labeled'))
    pipeline = pipeline_of(labeled_set)
    check_codec(stock['model'], pipeline)

    networks = {
        name: with_own_config(name, own, stock, pipeline)
        for name, own in (model or {}).get('networks', NETWORKS).items()
    }
    imports = [module for own in networks.values() for module in own.pop(IMPORTS, [])]
    pipelines = {name: own.pop(PIPELINES) for name, own in networks.items() if PIPELINES in own}
    cuts = {name: own['transforms'][CUT] for name, own in networks.items() if CUT in own.get('transforms', {})}
    labels = {
        name: own['transforms'] for name, own in networks.items() if 'transforms' in own and not own.get('frozen')
    }
    if baseline:
        if not (model or {}).get('lessons', True):
            raise ValueError('baseline=True: without lessons every network is a baseline; leave it out')
        first: dict = next(iter(networks.values()), {})
        networks.setdefault(BASELINE, {key: part for key, part in first.items() if key != 'seed'})
    teachers = _teachers(networks, (model or {}).get('lessons', ()), pipeline)
    alone = not (model or {}).get('lessons', True)
    batch = tuple(batch or (loader['batch_size'], loader['batch_size']))
    _check_batch(batch)

    unlabeled_set = dict(_instances_like(labeled_set), **_source(unlabeled, 'unlabeled'))
    if finds_instances(stock['model']):
        unlabeled_set.setdefault('whole_images', True)
    if 'pipeline' not in unlabeled_set:
        views = dict(chosen['views'] or {})
        easy_views = max([teacher.view for teacher in teachers], default=1)
        if easy_views > 1:
            views.setdefault('easy_views', easy_views)
        unlabeled_set['pipeline'] = unlabeled_pipeline(pipeline, views, chosen['rand_augment'], own=_sizes(cuts))
    options = dict(dual_teacher=hook, lesson_visualization=pictures)

    switched: Dict[str, Any] = dict(
        custom_imports=_with_modules(stock.get('custom_imports'), [*imports, PACKAGE]),
        model=dict(
            merged_parts(stock['model'], {key: value for key, value in (model or {}).items() if key != 'networks'}),
            type=WRAPPER,
            networks=networks,
            **_keypoint_labels(stock['model'], dict(model or {}), networks, pipeline),
            **({} if stock['model']['type'] == TOPDOWN else dict(estimator=stock['model']['type'])),
        ),
        train_dataloader=dict(
            {key: value for key, value in loader.items() if key not in STOCK_LOADER_KEYS},
            batch_size=batch[0] if alone else sum(batch),
            sampler=dict(
                type='LabeledUnlabeledSampler',
                labeled=batch[0],
                unlabeled=batch[1],
                epoch=epoch,
                stock={key: loader[key] for key in STOCK_LOADER_KEYS if key in loader},
            ),
            dataset=dict(
                type='LabeledUnlabeledDataset',
                labeled=with_pipeline(labeled_set, with_labels(pipeline, labels)) if labels else labeled_set,
                unlabeled=unlabeled_set,
                **(dict(labeled_branches=[own_branch(LABELED, name) for name in (None, *labels)]) if labels else {}),
                **(dict(labels_alone=True) if alone else {}),
            ),
        ),
        default_hooks=dict(
            stock.get('default_hooks') or {},
            **{name: dict(type=kind, **(options.get(name) or {})) for name, kind in HOOKS.items()},
        ),
    )
    for key, loop in LOOPS.items():
        if stock.get(key) is not None:
            own = {name: each[key[:-4]] for name, each in pipelines.items() if key[:-4] in each}
            switched[key] = dict(stock[key], type=loop, **(dict(pipelines=own) if own else {}))
    if stock.get('auto_scale_lr') and not alone:
        # mmengine compares the loader's whole batch with this number; only the labelled part is the stock batch.
        switched['auto_scale_lr'] = dict(
            stock['auto_scale_lr'],
            base_batch_size=_scaled(stock['auto_scale_lr']['base_batch_size'], sum(batch), batch[0]),
        )
    if stock.get('custom_hooks'):
        dataset = switched['train_dataloader']['dataset']
        hooks = [_with_switched_labels(each, labels) if labels else each for each in stock['custom_hooks']]
        switched['custom_hooks'] = [_with_switched_data(each, dataset, labeled is None) for each in hooks]
        if switched['custom_hooks'] == stock['custom_hooks']:
            del switched['custom_hooks']
    for key in ('val_dataloader', 'test_dataloader'):
        if stock.get(key) != original.get(key):
            switched[key] = stock[key]
    optim = stock.get('optim_wrapper') or {}
    if 'constructor' in optim:  # It may go by the names of parameters, which have a prefix in the wrapper.
        switched['optim_wrapper'] = dict(
            optim,
            constructor=CONSTRUCTOR,
            paramwise_cfg=dict(optim.get('paramwise_cfg') or {}, stock_constructor=optim['constructor']),
        )
    for key, value in switched.items():
        if isinstance(base.get(key), dict):
            value['_delete_'] = True  # It is complete; mmengine would merge it into the stock one otherwise.
    if file:
        file.refuse_assignments_below(
            switched, 'put it above the switch, or into a config of its own that inherits from this one'
        )
    return switched


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
    config = _plain(config)
    if config.get('model', {}).get('type') != WRAPPER:
        raise ValueError('this config is not switched to mutual teaching; a stock config is its own baseline')
    networks = config['model'].get('networks') or NETWORKS
    name = config['model'].get('predict_on') or next(iter(networks))
    if name not in networks:  # The mean.
        name = next(name for name, own in networks.items() if not own.get('frozen'))
    if networks[name].get('frozen'):
        raise ValueError(f'network {name} answers, but is frozen and learns nothing; set model.predict_on to another')
    loader = config['train_dataloader']
    labeled = loader['sampler']['labeled']
    changed: Dict[str, Any] = dict(
        model=dict(networks=dict({name: networks[name]}, _delete_=True), lessons=[], predict_on=name),
        train_dataloader=dict(batch_size=labeled, dataset=dict(labels_alone=True)),
    )
    if config.get('auto_scale_lr'):
        base = _scaled(config['auto_scale_lr']['base_batch_size'], labeled, loader['batch_size'])
        changed['auto_scale_lr'] = dict(base_batch_size=base)
    if any(NEW_SET in hook for hook in config.get('custom_hooks') or []):
        changed['custom_hooks'] = [
            dict(hook, **{NEW_SET: dict(hook[NEW_SET], labels_alone=True)}) if NEW_SET in hook else hook
            for hook in config['custom_hooks']
        ]
    return changed


def stock_config(config: Any, network: Optional[str] = None) -> Config:
    """Take mutual teaching out of a switched config again: the config of one of its networks.

    Args:
        config (Config | dict): A switched config.
        network (str, optional): The network's name. Defaults to one without anything of its own.

    Returns:
        Config: A config that stock MMPose understands without this package.
    """
    stock = undone(_plain(config))
    own = (stock['model'].get('networks') or {}).get(network) or {}
    shared = {key: value for key, value in stock['model'].items() if key not in OWN_ARGUMENTS}
    kind = shared.pop('estimator', TOPDOWN)
    stock['model'] = dict(merged_parts(shared, own), type=kind)
    loader = stock.get('train_dataloader')
    if loader and loader['dataset']['type'] == 'LabeledUnlabeledDataset':
        whole, part = loader['batch_size'], loader['sampler']['labeled']
        labeled = loader['dataset']['labeled']
        pipeline = pipeline_of(labeled)
        if without_labels(pipeline, network) != pipeline:
            labeled = with_pipeline(labeled, without_labels(pipeline, network))
        loader = dict(loader, batch_size=part, dataset=labeled)
        stock['train_dataloader'] = dict(loader, **_stock_of_sampler(loader.pop('sampler')))
        if stock.get('auto_scale_lr'):
            stock['auto_scale_lr']['base_batch_size'] = _scaled(stock['auto_scale_lr']['base_batch_size'], part, whole)
    optim = stock.get('optim_wrapper') or {}
    if optim.get('constructor') == CONSTRUCTOR:
        optim['constructor'] = optim['paramwise_cfg'].pop('stock_constructor')
    stock['default_hooks'] = {
        name: each
        for name, each in (stock.get('default_hooks') or {}).items()
        if (each or {}).get('type') not in HOOKS.values()
    }
    for hook in stock.get('custom_hooks') or []:
        if 'switch_pipeline' in hook:
            hook['switch_pipeline'] = without_labels(hook['switch_pipeline'], network)
        if hook.get(NEW_SET, {}).get('type') == 'LabeledUnlabeledDataset':
            hook[NEW_SET] = hook[NEW_SET]['labeled']
    for key, loop in LOOPS.items():
        if (stock.get(key) or {}).get('type') == loop:
            del stock[key]['type']
            own = stock[key].pop('pipelines', {}).get(network)
            loader = stock.get(f'{key[:-4]}_dataloader')
            if own and loader:
                loader['dataset'] = with_pipeline(loader['dataset'], own)
    imports = (stock.pop('custom_imports', None) or {}).get('imports', [])
    imports = [name for name in ([imports] if isinstance(imports, str) else imports) if name != PACKAGE]
    if imports:
        stock['custom_imports'] = dict(imports=imports, allow_failed_imports=False)
    return Config(stock)


def _stock_of_sampler(sampler: dict) -> dict:
    """What the stock loader had in the sampler's place."""
    return sampler.get('stock') or dict(sampler=dict(type='DefaultSampler', shuffle=True))


def _merged(base: dict, changes: Dict[str, Any]) -> dict:
    """A config with what a file assigns on top, as mmengine merges it."""
    merged = Config(copy.deepcopy(base))
    merged.merge_from_dict(_plain(changes), allow_list_keys=False)
    return _plain(merged)


def _check_options(stock_model: dict, model: Any, views: Any, hook: Any, pictures: Any) -> None:
    """Check the names of all options that are handed on to a class.

    Raises:
        ValueError: If one is unknown; names it.
    """
    # Here, since hooks import this module.
    from mmpose_dualteach.engine.hooks import DualTeacherHook, LessonVisualizationHook

    if model is not None and not isinstance(model, Mapping):
        raise ValueError(f'model={model!r} must be a dict(...) of what differs in the switched model')
    check_model_keys({**stock_model, **(model or {})}, (model or {}).get('estimator', stock_model['type']))
    check_arguments(views, argument_names(EasyHardViews), 'views')
    for view in ('easy', 'hard'):
        check_arguments((views or {}).get(view), argument_names(ViewLaw), f'views.{view}')
    check_arguments(hook, {'priority', *argument_names(DualTeacherHook)}, 'hook')
    check_arguments(pictures, {'priority', *argument_names(LessonVisualizationHook)}, 'pictures')


def _teachers(networks: Mapping[str, Any], lessons: Any, pipeline: List[dict]) -> List[Teacher]:
    """The teachers that lessons name.

    Raises:
        ValueError: If a lesson is none, or a teacher sees mirrored images where labelled ones are never mirrored.
    """
    teachers = [teacher for lesson in parse_lessons(lessons, list(networks)) for teacher in lesson.teachers]
    mirrored = [str(teacher) for teacher in teachers if teacher.mirrored]
    if mirrored and not ViewLaw.of_pipeline(pipeline).flip_prob:
        raise ValueError(
            f'model.lessons: teacher {mirrored[0]!r} sees mirrored images, but the labelled pipeline has no horizontal '
            f'RandomFlip, so that no network learns them; give {mirrored[0].split(".")[0]!r}, or add RandomFlip'
        )
    return teachers


def check_switchable(stock: dict) -> None:
    """Refuse what mutual teaching cannot use.

    Args:
        stock (dict): A stock config.

    Raises:
        ValueError: Names the reason and what to do.
    """
    kind = stock.get('model', {}).get('type')
    if kind == WRAPPER:
        raise ValueError('this config has been switched to mutual teaching already; switch the stock config instead')
    if not ancestor(stock.get('model', {}), MODELS, [TOPDOWN, BOTTOM_UP]):
        remedy = OTHER_MODELS.get(kind, f'model.type is {kind}, no {TOPDOWN} and no {BOTTOM_UP}')
        raise ValueError(
            f'{remedy}; use a config such as '
            'mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py'
        )
    if not stock['model'].get('head'):
        raise ValueError('the config has no model.head; mutual teaching needs one')
    find_adapter(stock['model']['head'], finds_instances(stock['model']))
    if not stock.get('train_dataloader'):
        raise ValueError('the config has no train_dataloader; switch a config that trains')


def _keypoint_labels(stock: dict, model: dict, networks: Mapping[str, Any], pipeline: List[dict]) -> Dict[str, Any]:
    """What makes labels of keypoints, where the general way is gone."""
    if finds_instances(stock):
        return dict(keypoint_labels=_instance_labels(stock, pipeline))
    heads = [merged_parts(stock, own)['head'] for own in networks.values()]
    name = model.get('adapter')
    kinds = {find_adapter(head) if name is None else ADAPTERS.get(name) for head in heads}
    unlike = len({hashable((head.get('decoder'), class_name(head))) for head in heads}) > 1
    unlike = unlike or any('transforms' in own for own in networks.values())
    if KeypointAdapter not in kinds and not unlike:
        return {}
    labels = [find_transform(pipeline, name) for name in ('GenerateTarget', 'PackPoseInputs')]
    return dict(keypoint_labels=dict(input_size=find_transform(pipeline, 'TopdownAffine')['input_size'], labels=labels))


def _instance_labels(stock: dict, pipeline: List[dict]) -> Dict[str, Any]:
    """What makes labels of instances, see :class:`InstanceAdapter`."""
    preprocessor = stock.get('data_preprocessor') or {}
    cut = find_transform(pipeline, WHOLE_IMAGE_CUT)
    masks = [each for each in pipeline if class_name(each) == 'BottomupGetHeatmapMask']
    resized = bool(preprocessor.get('batch_augments'))
    size, divisor = tuple(cut['input_size']), preprocessor.get('pad_size_divisor', 1)
    if resized and any(side % divisor for side in size):
        raise ValueError(
            f'{WHOLE_IMAGE_CUT}.input_size={size} is padded to a multiple of data_preprocessor.pad_size_divisor='
            f'{divisor} and resized by batch_augments; set an input_size of whole multiples'
        )
    return dict(
        input_size=size,
        labels=[find_transform(pipeline, name) for name in ('GenerateTarget', 'PackPoseInputs')],
        corners=cut.get('bbox_keep_corner', True),
        clip=cut.get('clip_border', False),
        mask=('invalid' if masks[0].get('get_invalid') else 'valid') if masks else None,
        resized=resized,
    )


def check_codec(model: dict, pipeline: List[dict]) -> None:
    """Compare the codec that encodes labels with the one that decodes predictions, and both with the input.

    Raises:
        ValueError: If they differ; names both keys.
    """
    several = finds_instances(model)
    if several and not pipeline:
        raise ValueError("the config has an empty training pipeline; give the labelled dataset one, MMPose's has none")
    adapter = find_adapter(model['head'], several)
    decoder, encoder = adapter.codec_of(model['head']), find_transform(pipeline, 'GenerateTarget')['encoder']
    if isinstance(encoder, (list, tuple)):  # One for each level of labels; predictions are of the last one.
        encoder = encoder[-1]
    for key in adapter.codec_keys:
        if _comparable(decoder.get(key)) != _comparable(encoder.get(key)):
            raise ValueError(
                f"codec mismatch: {key} is {encoder.get(key)} in the training pipeline's "
                f'GenerateTarget.encoder and {decoder.get(key)} in model.head.decoder; make them equal'
            )
    affine = WHOLE_IMAGE_CUT if several else CUT
    size = find_transform(pipeline, affine)['input_size']
    if 'input_size' in decoder and _comparable(size) != _comparable(decoder['input_size']):
        raise ValueError(
            f"codec mismatch: {affine}.input_size is {size}, the codec's input_size "
            f'{decoder["input_size"]}; make them equal'
        )


def _source(source: Union[str, dict, None], name: str) -> dict:
    """Dataset arguments from what the user named."""
    if source is None:
        return {}
    if isinstance(source, dict):
        return _plain(source)
    if source.endswith('.json'):
        return dict(ann_file=source)
    if name == 'labeled':
        raise ValueError(f'labeled={source!r} is no .json annotation file; labelled instances need one')
    return dict(data_root='', ann_file='', data_prefix=dict(img=source))


def _with_source(dataset: dict, source: dict) -> dict:
    """A labelled dataset that reads what the user named, in whatever wrapper it is."""
    if not source:
        return dataset
    if 'dataset' in dataset and 'dataset' not in source:
        return dict(dataset, dataset=_with_source(dataset['dataset'], source))
    if 'datasets' in dataset and 'datasets' not in source and 'indices' not in source:
        names = ', '.join(sorted({innermost(each)['type'] for each in dataset['datasets']}))
        raise ValueError(
            f'the labelled set joins {len(dataset["datasets"])} datasets ({names}), so '
            f'labeled={source} does not say which; give labeled=dict(datasets=[...])'
        )
    return dict(dataset, **source)


def _instances_like(labeled: dict) -> dict:
    """The unlabelled dataset that has a labelled one's keypoints, folders and way to read a box."""
    inner = innermost(labeled)
    instances = dict(type='UnlabeledPoseDataset', dataset_type=inner['type'])
    instances.update({key: inner[key] for key in ('subset', 'metainfo', 'data_root', 'data_prefix') if key in inner})
    if 'datasets' in labeled:
        # Joined datasets are converted to keypoints of their own: a class that reads any COCO box, and that definition.
        instances.update(dataset_type='CocoDataset', metainfo=labeled['metainfo'])
    return instances


def _sizes(cuts: Mapping[str, dict]) -> Dict[str, dict]:
    """How views are cut for networks that see images of their own."""
    return {name: {key: value for key, value in cut.items() if key != 'type'} for name, cut in cuts.items()}


def _with_switched_labels(hook: dict, labels: Mapping[str, Dict[str, dict]]) -> dict:
    """A hook that changes the labelled pipeline in the middle of training goes on making all labels."""
    if 'switch_pipeline' not in hook:
        return hook
    return dict(hook, switch_pipeline=with_labels(hook['switch_pipeline'], labels))


def _with_switched_data(hook: dict, dataset: dict, all_labels: bool) -> dict:
    """A hook that changes the labelled set in the middle of training leaves the unlabelled one where it is; of labels
    that the user has named it changes the pipeline alone."""
    new = hook.get(NEW_SET)
    if not new:
        return hook
    labeled = new if all_labels else with_pipeline(dataset['labeled'], pipeline_of(new))
    return dict(hook, **{NEW_SET: dict(dataset, labeled=labeled)})


def _check_batch(batch: tuple) -> None:
    if len(batch) != 2 or min(batch) < 1:
        raise ValueError(
            f'batch={batch}: a batch must hold at least one labelled and one unlabelled instance; give '
            'batch=(labelled, unlabelled)'
        )


def _with_modules(imports: Optional[dict], modules: List[str]) -> dict:
    imports = dict(imports or dict(imports=[]))
    names = [imports['imports']] if isinstance(imports['imports'], str) else list(imports['imports'])
    return dict(imports, imports=list(dict.fromkeys([*names, *modules])))


def _scaled(number: float, up: int, down: int) -> Union[int, float]:
    exact = number * up / down
    return int(exact) if exact == int(exact) else exact


def _comparable(value: Any) -> Any:
    return tuple(value) if isinstance(value, (list, tuple)) else value


def _plain(value: Any) -> Any:
    """A deep copy in plain dicts, without the scope marks that mmengine leaves in values of a foreign base."""
    if isinstance(value, Config):
        value = value.to_dict()
    if isinstance(value, dict):
        return {key: _plain(value[key]) for key in value if key != '_scope_'}
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(item) for item in value)
    return copy.deepcopy(value)
