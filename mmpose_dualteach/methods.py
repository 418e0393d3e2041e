# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Methods by name: arguments of :func:`mmpose_dualteach.switch.mutual_teaching`, on top of which come the user's."""

from typing import Any, Dict

from mmpose_dualteach.datasets.unlabeled_pipeline import PAPER_VIEWS

DEFAULT = 'mutual-teaching'
METHODS: Dict[str, Dict[str, Any]] = {
    # Labels count as in a stock run, each joint of a lesson as much as its teacher is sure of it; views are those of
    # the labelled pipeline, and colours change on the hard one.
    DEFAULT: dict(rand_augment=dict(num=2, magnitude=20)),
    # Xie et al., ICCV 2021, as their released code has it (xierc/Semi_Human_Pose, lib/core/loss.py, lib/models/
    # pose_dual.py, lib/dataset/mix_coco_coco.py), for networks from ImageNet; others want a burn-in.
    'posedual': dict(views=PAPER_VIEWS, rand_augment=False, model=dict(sup_weight=0.5, confidence=False)),
}


def options_of(method: str, given: Dict[str, Any]) -> Dict[str, Any]:
    """A method's arguments with what the user gives.

    Args:
        method (str): The method's name.
        given (Dict[str, Any]): The user's arguments by name; None where the method's holds.

    Returns:
        Dict[str, Any]: The arguments; keys of dicts are merged.

    Raises:
        ValueError: If there is no such method; names those there are.
    """
    if method not in METHODS:
        raise ValueError(f'method={method!r} does not exist; choose one of {", ".join(METHODS)}')
    return {key: _on_top(value, METHODS[method].get(key)) for key, value in given.items()}


def _on_top(given: Any, own: Any) -> Any:
    if isinstance(given, dict) and isinstance(own, dict):
        return {**own, **{key: _on_top(value, own.get(key)) for key, value in given.items()}}
    return own if given is None else given
