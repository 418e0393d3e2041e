# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from logging import WARNING
from typing import Any, Dict, List, Optional, Sequence, Union

import numpy as np
from mmdet.datasets.transforms import MultiBranch
from mmengine.dataset import BaseDataset, ConcatDataset
from mmengine.logging import print_log
from mmpose.registry import DATASETS

from mmpose_dualteach import compat
from mmpose_dualteach.datasets.checks import (
    build_labeled,
    check_labeled,
    check_same_keypoints,
    image_paths,
    image_problem,
    shared_images,
)
from mmpose_dualteach.datasets.labeled_pipeline import with_pipeline
from mmpose_dualteach.datasets.sources.instance_index import PackedStrings
from mmpose_dualteach.utils.branches import LABELED
from mmpose_dualteach.utils.file_io import printable
from mmpose_dualteach.utils.random_state import SeededIndex, set_random_state


@DATASETS.register_module()
class LabeledUnlabeledDataset(ConcatDataset):
    """A stock labelled dataset and, behind it, an unlabelled one.

    A labelled sample goes to the branch ``labeled``; an unlabelled one comes in the branches ``easy`` and ``hard``,
    and ``easy2`` and so on if its pipeline makes them.
    Whatever reaches for this dataset's ``pipeline``, ``mmdet.PipelineSwitchHook`` for instance, gets the labelled one.

    Labels are checked before training, and that labelled images are there. Whether they decode is left to
    ``tools/check_data.py``; training ends at one that does not, and names it. How many images are labelled and
    unlabelled as well is told in the log.

    Args:
        labeled (BaseDataset | dict): The stock dataset, untouched.
        unlabeled (BaseDataset | dict): An :class:`UnlabeledPoseDataset`.
        pipeline (Sequence[dict], optional): The labelled dataset's pipeline, in place of its own; MMPose's
            ``YOLOXPoseModeSwitchHook`` sets it when it builds the loader anew. Defaults to None.
        labeled_branches (Sequence[str]): The branches that the labelled pipeline makes, where there are several kinds
            of labels. Defaults to ``labeled`` alone, and a stock pipeline.
        labels_alone (bool): Whether batches have labelled instances alone, for a baseline that has no lessons; the
            sampler goes by it. Defaults to False.

    Raises:
        ValueError: If the two have different keypoint definitions, either is empty, something in a labelled file is
            wrong, or a labelled image is missing; names the file.
    """

    def __init__(
        self,
        labeled: Union[BaseDataset, dict],
        unlabeled: Union[BaseDataset, dict],
        pipeline: Optional[Sequence[dict]] = None,
        labeled_branches: Sequence[str] = (LABELED,),
        labels_alone: bool = False,
    ) -> None:
        if isinstance(labeled, dict):
            labeled = build_labeled(labeled if pipeline is None else with_pipeline(labeled, list(pipeline)))
        unlabeled = unlabeled if isinstance(unlabeled, BaseDataset) else DATASETS.build(unlabeled)
        check_same_keypoints(labeled.metainfo, unlabeled.metainfo)
        paths = check_labeled(labeled)
        self._labeled_branches = list(labeled_branches)
        self.labels_alone = labels_alone
        self._labeled_paths = None if paths is None else PackedStrings(paths)
        # mmengine joins no wrappers of datasets, its own RepeatDataset for one; before 0.10 it cannot compare arrays.
        super().__init__([unlabeled], lazy_init=True, ignore_keys=list(unlabeled.metainfo))
        self.datasets.insert(0, labeled)
        self.full_init()
        if paths is not None:
            for line in shared_images(self.image_paths):
                print_log(line, logger='current', level=WARNING)

    @property
    def metainfo(self) -> dict:
        """dict: The labelled dataset's; the unlabelled one has the same definition of keypoints."""
        return self.datasets[0].metainfo

    @property
    def num_labeled(self) -> int:
        """int: Labelled instances."""
        return len(self.datasets[0])

    @property
    def num_unlabeled(self) -> int:
        """int: Unlabelled instances."""
        return len(self.datasets[1])

    @property
    def image_of_each(self) -> Optional[np.ndarray]:
        """np.ndarray, optional: The image of each unlabelled instance, if some share one, in shape (N,)."""
        self.datasets[1].full_init()
        images = self.datasets[1].data_list.image_of_each
        return images if len(np.unique(images)) < len(images) else None

    @property
    def image_paths(self) -> Dict[str, List[str]]:
        """Dict[str, List[str]]: Paths of the ``labelled`` and the ``unlabelled`` images, each once, as
        :func:`shared_images` takes them."""
        labeled = image_paths(self.datasets[0]) if self._labeled_paths is None else list(self._labeled_paths)
        return dict(labelled=labeled, unlabelled=image_paths(self.datasets[1]))

    @property
    def pipeline(self) -> Any:
        """Callable: The labelled dataset's pipeline."""
        return self.datasets[0].pipeline

    @pipeline.setter
    def pipeline(self, value: Any) -> None:
        self.datasets[0].pipeline = value

    def __getitem__(self, index: int) -> Dict[str, dict]:
        if isinstance(index, SeededIndex):
            set_random_state(index.key)
        kind, inside = compat.place_in_parts(self, int(index))
        if kind == 1:
            sample = self.datasets[kind][inside]
            # Collating goes by the first sample's branches.
            return {key: {**dict.fromkeys(self._labeled_branches), **value} for key, value in sample.items()}
        try:
            sample = self.datasets[kind][inside]
        except Exception as error:
            problem = self._labeled_image_problem(index, inside)
            if problem is None:
                raise  # The pipeline's own fault.
            raise ValueError(problem) from error
        absent = {} if self.labels_alone else dict.fromkeys(self._unlabeled_branches)
        several = len(self._labeled_branches) > 1
        return {key: {**absent, **(value if several else {LABELED: value})} for key, value in sample.items()}

    @property
    def _unlabeled_branches(self) -> List[str]:
        transforms = getattr(self.datasets[1].pipeline, 'transforms', [])
        return [name for each in transforms if isinstance(each, MultiBranch) for name in each.branch_pipelines]

    def _labeled_image_problem(self, index: int, inside: int) -> Optional[str]:
        """Say if it was the image that a labelled instance could not be loaded for."""
        if isinstance(index, SeededIndex):  # Some wrappers draw an instance of their own.
            set_random_state(index.key)
        try:
            path = self.datasets[0].get_data_info(inside)['img_path']
        except Exception:  # What a wrapper does here is its own.
            return None
        problem = image_problem(path)
        return problem and (
            f'labelled image {printable(path)}: {problem}; mend it or take it out of the annotation '
            'file; tools/check_data.py finds all of them'
        )
