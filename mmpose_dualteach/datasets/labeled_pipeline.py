# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""The pipeline of labelled instances, where networks learn labels of several codecs."""

from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence

from mmpose_dualteach.utils.branches import LABELED, own_branch
from mmpose_dualteach.utils.config_dicts import class_name

CUT, LABELS, PACK = 'TopdownAffine', 'GenerateTarget', 'PackPoseInputs'
WHOLE_IMAGE_CUT = 'BottomupRandomAffine'


def with_labels(pipeline: List[dict], own: Mapping[str, Dict[str, dict]]) -> List[dict]:
    """A labelled pipeline whose images are cut and labelled for several networks, each in a branch of its own.

    What is drawn at random of a box is drawn once for all.

    Args:
        pipeline (List[dict]): The stock pipeline.
        own (Mapping[str, Dict[str, dict]]): For each such network the transforms of its own by type.

    Returns:
        List[dict]: The pipeline itself where there is no such network.
    """
    if not own:
        return pipeline
    start = next(index for index, transform in enumerate(pipeline) if class_name(transform) == CUT)
    branches: Dict[str, List[dict]] = {LABELED: pipeline[start:]}
    for name, transforms in own.items():
        branches[own_branch(LABELED, name)] = [transforms.get(class_name(each), each) for each in pipeline[start:]]
    return [*pipeline[:start], dict(type='mmdet.MultiBranch', branch_field=list(branches), **branches)]


def without_labels(pipeline: List[dict], network: Optional[str] = None) -> List[dict]:
    """The stock pipeline again, with the labels that a network learns; see :func:`with_labels`."""
    last = pipeline[-1] if pipeline else {}
    if class_name(last) != 'MultiBranch' or LABELED not in last:
        return pipeline
    return [*pipeline[:-1], *(last.get(own_branch(LABELED, network)) or last[LABELED])]


def pipeline_of(dataset: dict) -> List[dict]:
    """The training pipeline of a dataset's config, wherever its wrappers keep it; of datasets that are joined with
    pipelines of their own, the first one's."""
    inside = parts_of(dataset)
    return dataset.get('pipeline') or (pipeline_of(inside[0]) if inside else [])


def first_pipeline(config: Any, loaders: Sequence[str]) -> List[dict]:
    """The pipeline of the first of some dataloaders that a config has with one, or else an empty one."""
    pipelines = (pipeline_of((config.get(loader) or {}).get('dataset') or {}) for loader in loaders)
    return next(filter(None, pipelines), [])


def with_pipelines(dataset: dict, change: Callable[[List[dict]], List[dict]]) -> dict:
    """A dataset's config with its training pipelines changed, each in its place."""
    if not dataset.get('pipeline'):
        if 'dataset' in dataset:
            return dict(dataset, dataset=with_pipelines(dataset['dataset'], change))
        if dataset.get('datasets'):
            return dict(dataset, datasets=[with_pipelines(each, change) for each in dataset['datasets']])
    return dict(dataset, pipeline=change(dataset.get('pipeline') or []))


def with_pipeline(dataset: dict, pipeline: List[dict]) -> dict:
    """A dataset's config with another training pipeline, in the same place."""
    return with_pipelines(dataset, lambda _: pipeline)


def parts_of(dataset: dict) -> List[dict]:
    """The configs of the datasets in a wrapper's, or none."""
    return list(dataset.get('datasets') or ([dataset['dataset']] if 'dataset' in dataset else []))


def innermost(dataset: dict) -> dict:
    """The config of the dataset inside wrappers; the first of several."""
    inside = parts_of(dataset)
    return innermost(inside[0]) if inside else dataset
