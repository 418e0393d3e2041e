# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""The pipeline of instances without labels, made from the labelled one."""

from dataclasses import asdict
from logging import WARNING
from typing import Any, Dict, List, Optional, Tuple, Union

from mmengine.logging import print_log
from mmpose.registry import TRANSFORMS

from mmpose_dualteach.datasets.labeled_pipeline import CUT, LABELS, PACK, WHOLE_IMAGE_CUT
from mmpose_dualteach.datasets.transforms.view_law import FLIPS, VIEW_TRANSFORMS, ViewLaw
from mmpose_dualteach.utils.ancestors import ancestor, class_of
from mmpose_dualteach.utils.arguments import check_arguments
from mmpose_dualteach.utils.branches import HARD, JOINT_WEIGHTS, LABELED, easy_view, own_branch
from mmpose_dualteach.utils.config_dicts import class_name

# How much of what happens to labelled boxes happens to the hard view once more.
HARD_SHARE = 0.5
# What light and a camera can do to an image as well. The released code has Invert, Posterize, Solarize and SolarizeAdd
# besides, after which a grey animal in a grey box is hardly one.
CAMERA_LIKE = ('AutoContrast', 'Equalize', 'Color', 'Contrast', 'Brightness', 'Sharpness')
# What is made anew here, or belongs to labels.
OF_EVERY_PIPELINE = (
    'LoadImage',
    'GetBBoxCenterScale',
    'KeypointConverter',
    'SingleHandConverter',
    'FilterAnnotations',
    CUT,
    WHOLE_IMAGE_CUT,
    'BottomupResize',
    LABELS,
)
STOCK = ('mmpose.', 'mmdet.', 'mmcv.')  # What theirs do at random is no view's, but by :class:`ViewLaw`.
USES_JOINT_WEIGHTS = 'use_dataset_keypoint_weights'  # Of GenerateTarget.
UNLABELED_META_KEYS = (
    'id',
    'img_id',
    'img_path',
    'ori_shape',
    'img_shape',
    'input_size',
    'flip',
    'flip_direction',
    'flip_indices',
    'view_matrix',
)


def unlabeled_pipeline(
    labeled: List[dict],
    validation: List[dict],
    views: Optional[dict] = None,
    rand_augment: Union[dict, bool, None] = None,
    own: Optional[Dict[str, dict]] = None,
) -> List[dict]:
    """The pipeline of the instances without labels, or of images with several: the labelled one's loading, box, input
    size and codec, and what is done to every image, in training and validation alike.

    Args:
        labeled (List[dict]): The labelled training pipeline.
        validation (List[dict]): The pipeline of validation.
        views (dict, optional): See :func:`views_of`.
        rand_augment (dict, optional): See :func:`mutual_teaching`.
        own (Dict[str, dict], optional): See :class:`EasyHardViews`.

    Returns:
        List[dict]: The pipeline.
    """
    affine, box = cut_of(labeled)
    cut = dict(affine, **views_of(labeled, views))
    whole = is_of_whole_images(labeled)
    weighted = not whole and any(class_name(each) == LABELS and each.get(USES_JOINT_WEIGHTS) for each in labeled)
    pack = dict(type=PACK, meta_keys=UNLABELED_META_KEYS + ((JOINT_WEIGHTS,) if weighted else ()))
    others = [each for each in labeled if class_name(each) not in OF_EVERY_PIPELINE and not packs(each)]
    always = [each for each in others if each in validation]
    if not validation:
        _warn_of_left_out(others)
    place = labeled.index(find_transform(labeled, WHOLE_IMAGE_CUT if whole else CUT))
    places = [place if whole else labeled.index(box), place]
    before, between, after = (
        [each for each in always if sum(labeled.index(each) > place for place in places) == passed]
        for passed in range(3)
    )
    if own:
        cut['own'] = own
    branches: Dict[str, List[dict]] = {}
    for network in (None, *(own or {})):
        easy = [own_branch(easy_view(number + 1), network) for number in range(cut.get('easy_views', 1))]
        branches.update({name: [dict(type='TakeView', view=name), *after, pack] for name in easy})
        hard = own_branch(HARD, network)
        branches[hard] = [dict(type='TakeView', view=hard), *after, *photometric(rand_augment), pack]
    return [
        find_transform(labeled, 'LoadImage'),
        *before,
        dict(type='WholeImageBox'),
        box,
        *between,
        dict(type='EasyHardViews', **cut),
        dict(type='mmdet.MultiBranch', branch_field=[LABELED, *branches], **branches),
    ]


def _warn_of_left_out(transforms: List[dict]) -> None:
    own = [
        each
        for each in transforms
        if not ancestor(each, TRANSFORMS, VIEW_TRANSFORMS)
        and not (getattr(class_of(each, TRANSFORMS), '__module__', '') or '').startswith(STOCK)
    ]
    if own:
        print_log(
            f'no pipeline of validation or test says what is done to every image: {", ".join(map(class_name, own))} of '
            'the training pipeline is not done to unlabelled ones; name a val_dataloader, or give unlabeled.pipeline',
            logger='current',
            level=WARNING,
        )


def cut_of(labeled: List[dict]) -> Tuple[Dict[str, Any], dict]:
    """How a labelled pipeline cuts its boxes, or its whole images.

    Args:
        labeled (List[dict]): The labelled training pipeline.

    Returns:
        Tuple[Dict[str, Any], dict]: Arguments of :class:`EasyHardViews`, and the transform before it, which gives a box
        its centre and scale.

    Raises:
        ValueError: If it cuts neither.
    """
    if not is_of_whole_images(labeled):
        affine = find_transform(labeled, CUT)
        unknown = set(affine) - {'type', 'input_size', 'use_udp'}
        if unknown:
            raise ValueError(
                f"the training pipeline's {CUT} has {', '.join(sorted(unknown))}, which MMPose's own has not; mutual "
                'teaching cuts views as that does'
            )
        return {key: value for key, value in affine.items() if key != 'type'}, find_transform(
            labeled, 'GetBBoxCenterScale'
        )
    affine = find_transform(labeled, WHOLE_IMAGE_CUT)
    stock = TRANSFORMS.build(affine)
    cut = dict(
        input_size=tuple(stock.input_size),
        use_udp=stock.transform_mode == 'affine_udp',
        # In the other mode it takes the middle of the image at its own size, or of a mosaic of four, in place of all.
        fit='long' if stock.transform_mode == 'perspective' else stock.scale_type,
        pad_val=affine.get('pad_val', 0),
    )
    return cut, dict(type='GetBBoxCenterScale', padding=1.0)


def is_of_whole_images(pipeline: List[dict]) -> bool:
    """Whether a pipeline cuts whole images, with all instances in them."""
    return any(class_name(transform) == WHOLE_IMAGE_CUT for transform in pipeline)


def views_of(labeled: List[dict], views: Optional[dict] = None) -> dict:
    """The views that follow from what a labelled pipeline does to its boxes: the easy one is what labels are learned
    on, the hard one has a further :data:`HARD_SHARE` of that on top, and is mirrored against the easy one as often as
    labelled images are, or as often as they are not where that is less: where both views share their mirror, a teacher
    that sees joints too far to one side teaches its student the same, and no label of theirs ever says so. What never
    happens to a labelled image happens to no easy view: its teacher has never seen it.

    Args:
        labeled (List[dict]): The labelled training pipeline.
        views (dict, optional): Arguments of :class:`EasyHardViews` that differ.

    Returns:
        dict: Arguments of :class:`EasyHardViews`.

    Raises:
        ValueError: If what differs does not go with what the pipeline does.
    """
    views = dict(views or {})
    law = ViewLaw.of_pipeline(labeled)
    easy = _changed(asdict(law), views.get('easy') or {})
    ViewLaw(**easy)
    hard = views.get('hard') or {}
    if not views.get('independent'):
        hard = _changed(asdict(law.on_top(HARD_SHARE)), hard)
        ViewLaw(**hard)
    return dict(views, easy=easy, hard=hard)


def _changed(law: dict, own: dict) -> dict:
    """A law with what differs; who says how often views are mirrored says of flips all there is to say."""
    return dict({key: value for key, value in law.items() if 'flip_prob' not in own or key not in FLIPS}, **own)


def photometric(rand_augment: Union[dict, bool, None]) -> List[dict]:
    """RandAugment of colours alone, by mmdet's operations.

    Operations and ranges are those of the authors' released code (xierc/Semi_Human_Pose,
    ``lib/utils/rand_augment.py``) but for its grey box: Joint Cutout is there for that.

    Args:
        rand_augment (dict | bool, optional): ``num`` operations in a row, of ``magnitude`` 0 to 30, out of
            ``operations``, by default :data:`CAMERA_LIKE`; ``operations='all'`` takes all of the released code's.

    Returns:
        List[dict]: One transform, or none.

    Raises:
        ValueError: If a number is missing or out of range, or an operation does not exist.
    """
    if not rand_augment:
        return []
    if not isinstance(rand_augment, dict):
        meant = 20 if rand_augment is True else rand_augment
        raise ValueError(f'rand_augment={rand_augment!r}: give rand_augment=dict(num=2, magnitude={meant!r})')
    check_arguments(rand_augment, ('num', 'magnitude', 'operations'), 'rand_augment')
    num, magnitude = rand_augment.get('num'), rand_augment.get('magnitude')
    if not isinstance(num, int) or num < 1 or magnitude is None or not 0 <= magnitude <= 30:
        raise ValueError(f'rand_augment={rand_augment}: give num, at least 1, and magnitude, 0 to 30')
    space = _operations(magnitude / 30)
    chosen = rand_augment.get('operations', CAMERA_LIKE)
    chosen = list(space) if chosen == 'all' else list(chosen)
    unknown = [name for name in chosen if name not in space]
    if unknown or len(chosen) < num:
        raise ValueError(
            f"rand_augment={rand_augment}: operations must be 'all' or at least {num} of {', '.join(space)}"
        )
    return [dict(type='ColorRandAugment', aug_space=[space[name] for name in chosen], aug_num=num)]


def _operations(share: float) -> Dict[str, List[dict]]:
    """Every photometric operation of the released code, at a share of its full strength."""

    def fixed(name: str, value: float) -> dict:
        return dict(type=f'mmdet.{name}', level=0, min_mag=float(value), max_mag=float(value))

    def either_way(name: str) -> List[dict]:
        """As often weaker as stronger."""
        return [dict(type='RandomChoice', transforms=[[fixed(name, 1 - 0.9 * share)], [fixed(name, 1 + 0.9 * share)]])]

    return dict(
        AutoContrast=[dict(type='mmdet.AutoContrast')],
        Equalize=[dict(type='mmdet.Equalize')],
        Invert=[dict(type='mmdet.Invert')],
        Posterize=[fixed('Posterize', max(2, 6 - int(4 * share)))],
        Solarize=[fixed('Solarize', 256 - 256 * share)],
        SolarizeAdd=[fixed('SolarizeAdd', 110 * share)],
        Color=either_way('Color'),
        Contrast=either_way('Contrast'),
        Brightness=either_way('Brightness'),
        Sharpness=either_way('Sharpness'),
    )


def find_transform(pipeline: List[dict], name: str) -> dict:
    """The config of a pipeline's transform.

    Raises:
        ValueError: If there is none of this name.
    """
    for transform in pipeline:
        if class_name(transform) == name or (name == PACK and packs(transform)):
            return transform
    own = next((class_name(each) for each in pipeline if ancestor(each, TRANSFORMS, [name])), None)
    raise ValueError(
        f'the training pipeline has {f"{own} in place of" if own else "no"} {name}; mutual teaching needs a stock '
        'pipeline with LoadImage, GetBBoxCenterScale, TopdownAffine and GenerateTarget, or of whole images with '
        'LoadImage, BottomupRandomAffine and GenerateTarget, and PackPoseInputs or a descendant of that'
    )


def packs(transform: dict) -> bool:
    """Whether a transform ends a pipeline: MMPose's, or a descendant that packs more."""
    return ancestor(transform, TRANSFORMS, [PACK]) is not None
