# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What the switch refuses, and in which words."""

from contextlib import suppress
from typing import Any, Collection, List, Mapping, Optional

from mmpose.registry import MODELS

from mmpose_dualteach.datasets import EasyHardViews
from mmpose_dualteach.datasets.labeled_pipeline import CUT, LABELS, WHOLE_IMAGE_CUT
from mmpose_dualteach.datasets.transforms.view_law import ViewLaw
from mmpose_dualteach.datasets.unlabeled_pipeline import find_transform
from mmpose_dualteach.models.adapters import BOTTOM_UP, TOPDOWN, find_adapter, finds_instances
from mmpose_dualteach.models.estimators.model_checks import check_model_keys, check_own_values
from mmpose_dualteach.models.estimators.mutual_teaching import OWN_ARGUMENTS, MutualTeachingPoseEstimator
from mmpose_dualteach.models.pseudo_labels.lessons import Teacher
from mmpose_dualteach.switch.names import is_switched
from mmpose_dualteach.utils.ancestors import ancestor
from mmpose_dualteach.utils.argument_values import check_values, fits, in_words
from mmpose_dualteach.utils.arguments import argument_names, check_arguments

OTHER_MODELS = dict(
    PoseLifter='lifters turn 2D poses into 3D ones and see no images',
    DWPoseDistiller="distillers train a student on a teacher's output; switch the student's own config instead",
)


def check_switchable(stock: dict, adapter: Optional[str] = None) -> None:
    """Refuse what mutual teaching cannot use.

    Args:
        stock (dict): A stock config.
        adapter (str, optional): The name of the adapter that is asked for. Defaults to None: one is looked for.

    Raises:
        ValueError: Names the reason and what to do.
    """
    if is_switched(stock):
        raise ValueError('this config has been switched to mutual teaching already; switch the stock config instead')
    if not ancestor(stock.get('model', {}), MODELS, [TOPDOWN, BOTTOM_UP]):
        kind = stock.get('model', {}).get('type')
        remedy = OTHER_MODELS.get(kind, f'model.type is {kind}, no {TOPDOWN} and no {BOTTOM_UP}')
        raise ValueError(
            f'{remedy}; use a config such as '
            'mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py'
        )
    if not stock['model'].get('head'):
        raise ValueError('the config has no model.head; mutual teaching needs one')
    find_adapter(stock['model']['head'], finds_instances(stock['model']), adapter)
    if not stock.get('train_dataloader'):
        raise ValueError('the config has no train_dataloader; switch a config that trains')
    if stock['train_dataloader'].get('num_batch_per_epoch'):
        raise ValueError(
            'train_dataloader.num_batch_per_epoch cuts the first instances out of a set, and of both sets that would '
            'be labelled ones alone; leave it out, and shorten the run by train_cfg or the set by indices'
        )


def check_codec(model: dict, pipeline: List[dict], adapter: Optional[str] = None) -> None:
    """Compare the codec that encodes labels with the one that decodes predictions, and both with the input.

    Args:
        model (dict): The stock model.
        pipeline (List[dict]): The labelled training pipeline.
        adapter (str, optional): See :func:`check_switchable`.

    Raises:
        ValueError: If they differ; names both keys.
    """
    several = finds_instances(model)
    if several and not pipeline:
        raise ValueError("the config has an empty training pipeline; give the labelled dataset one, MMPose's has none")
    kinds = [find_adapter(model['head'], several, adapter)]
    if adapter:
        with suppress(ValueError):  # The kind that fits the head has more to say of the codec than the one asked for.
            kinds.append(find_adapter(model['head'], several))
    encoder = find_transform(pipeline, LABELS)['encoder']
    if isinstance(encoder, (list, tuple)):  # One for each level of labels; predictions are of the last one.
        encoder = encoder[-1]
    affine = WHOLE_IMAGE_CUT if several else CUT
    size = find_transform(pipeline, affine)['input_size']
    for kind in kinds:
        decoder = kind.codec_of(model['head'])
        for key in kind.codec_keys if decoder else ():  # Else the head has its codec elsewhere.
            if _comparable(decoder.get(key)) != _comparable(encoder.get(key)):
                raise ValueError(
                    f"codec mismatch: {key} is {encoder.get(key)} in the training pipeline's "
                    f'GenerateTarget.encoder and {decoder.get(key)} in model.head.decoder; make them equal'
                )
        if 'input_size' in decoder and _comparable(size) != _comparable(decoder['input_size']):
            raise ValueError(
                f"codec mismatch: {affine}.input_size is {size}, the codec's input_size "
                f'{decoder["input_size"]}; make them equal'
            )


def check_options(stock_model: dict, model: Any, views: Any, hook: Any, pictures: Any, baseline: Any) -> None:
    """Check all options that are handed on to a class.

    Args:
        stock_model (dict): The stock model.
        model, views, hook, pictures (dict, optional): The options of :func:`mutual_teaching` of these names.
        baseline (bool): Likewise.

    Raises:
        ValueError: If one is unknown, or not what the class takes; names it.
    """
    # Here, since hooks import this module.
    from mmpose_dualteach.engine.hooks import DualTeacherHook, LessonVisualizationHook

    if not fits(baseline, bool):
        raise ValueError(f'baseline={baseline!r} must be {in_words(bool)}')
    if model is not None and not isinstance(model, Mapping):
        raise ValueError(f'model={model!r} must be a dict(...) of what differs in the switched model')
    if model and not model.get('head', True):
        raise ValueError(f'model.head={model["head"]!r}: mutual teaching needs a head; leave it out, or give one')
    estimator = (model or {}).get('estimator', stock_model['type'])
    check_model_keys({**stock_model, **(model or {})}, estimator, OWN_ARGUMENTS)
    own = {key: value for key, value in (model or {}).items() if key in OWN_ARGUMENTS - {'networks'}}
    check_own_values(own, MutualTeachingPoseEstimator)
    check_arguments(views, argument_names(EasyHardViews), 'views')
    check_values(views or {}, EasyHardViews, 'views')
    for view in ('easy', 'hard'):
        _check_built((views or {}).get(view), ViewLaw, f'views.{view}')
    _check_built(hook, DualTeacherHook, 'hook', {'priority'})
    if pictures is not False:
        _check_built(pictures, LessonVisualizationHook, 'pictures', {'priority'})


def _check_built(options: Any, kind: type, where: str, beside: Collection[str] = ()) -> None:
    """Check options as the class that takes them will, when training begins.

    Args:
        options (dict, optional): The options.
        kind (type): The class.
        where (str): The key that holds them.
        beside (Collection[str]): Keys that are not the class's own. Defaults to none.

    Raises:
        ValueError: If one is unknown, or the class refuses it.
    """
    check_arguments(options, {*beside, *argument_names(kind)}, where)
    check_values(options or {}, kind, where)
    kind(**{key: value for key, value in (options or {}).items() if key in argument_names(kind)})


def check_teachers(teachers: List[Teacher], pipeline: List[dict]) -> None:
    """Check that no teacher sees what labelled images never are.

    Args:
        teachers (List[Teacher]): The teachers that lessons name.
        pipeline (List[dict]): The labelled training pipeline.

    Raises:
        ValueError: If one sees mirrored images where labelled ones are never mirrored.
    """
    mirrored = [str(teacher) for teacher in teachers if teacher.mirrored]
    if mirrored and not ViewLaw.of_pipeline(pipeline).flip_prob:
        raise ValueError(
            f'model.lessons: teacher {mirrored[0]!r} sees mirrored images, but the labelled pipeline has no horizontal '
            f'RandomFlip, so that no network learns them; give {mirrored[0].split(".")[0]!r}, or add RandomFlip'
        )


def check_batch(batch: Any, epoch: str) -> None:
    """Check that a batch holds both kinds, and which set an epoch passes over.

    Raises:
        ValueError: If it does not.
    """
    if not isinstance(batch, (list, tuple)) or len(batch) != 2 or min(batch) < 1:
        raise ValueError(
            f'batch={batch}: a batch must hold at least one labelled and one unlabelled instance; give '
            'batch=(labelled, unlabelled)'
        )
    if epoch not in ('labeled', 'unlabeled'):
        raise ValueError(f"epoch={epoch!r}; choose 'unlabeled' or 'labeled'")


def check_views(unlabeled: Any, **options: Any) -> None:
    """Check that no option of the views is given beside a pipeline that makes them.

    Raises:
        ValueError: If one is; names it.
    """
    given = [name for name, value in options.items() if value is not None]
    if given and isinstance(unlabeled, Mapping) and 'pipeline' in unlabeled:
        raise ValueError(
            f'unlabeled.pipeline makes the views, so {" and ".join(given)} would change nothing; say it there, or '
            'leave the pipeline out'
        )


def _comparable(value: Any) -> Any:
    return tuple(value) if isinstance(value, (list, tuple)) else value
