# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from typing import Any, Dict, Optional, Union

import numpy as np
from mmengine.dataset import BaseDataset, ConcatDataset
from mmpose.registry import DATASETS

from mmpose_dualteach.random_state import Draw, set_random_state

from .checks import build_labeled, check_labeled, check_same_keypoints


@DATASETS.register_module()
class LabeledUnlabeledDataset(ConcatDataset):
    """A stock labelled dataset and, behind it, an unlabelled one.

    A labelled sample goes to the branch ``labeled``; an unlabelled one comes in the branches ``easy`` and ``hard``.
    Whatever reaches for this dataset's ``pipeline``, ``mmdet.PipelineSwitchHook`` for instance, gets the labelled one.

    Args:
        labeled (BaseDataset | dict): The stock dataset, untouched.
        unlabeled (BaseDataset | dict): An :class:`UnlabeledPoseDataset`.
        check_images (bool): Decode every labelled image once before training begins, in threads. Where it is False
            only their existence is checked. Defaults to True.

    Raises:
        ValueError: If the two have different keypoint definitions, either is empty, or something in a labelled file
            is wrong; names the file.
    """

    def __init__(self, labeled: Union[BaseDataset, dict], unlabeled: Union[BaseDataset, dict],
                 check_images: bool = True) -> None:
        labeled = labeled if isinstance(labeled, BaseDataset) else build_labeled(labeled)
        unlabeled = unlabeled if isinstance(unlabeled, BaseDataset) else DATASETS.build(unlabeled)
        check_same_keypoints(labeled.metainfo, unlabeled.metainfo)
        check_labeled(labeled, decode=check_images)
        # The definitions were compared; what is left, names of datasets and categories, may differ.
        super().__init__([labeled, unlabeled], ignore_keys=list({**labeled.metainfo, **unlabeled.metainfo}))

    @property
    def num_labeled(self) -> int:
        """int: Labelled people."""
        return len(self.datasets[0])

    @property
    def num_unlabeled(self) -> int:
        """int: Unlabelled people."""
        return len(self.datasets[1])

    @property
    def shared_images(self) -> Optional[np.ndarray]:
        """np.ndarray, optional: The image of each unlabelled person, if some share one, in shape (N,)."""
        self.datasets[1].full_init()
        images = self.datasets[1].data_list.image_of_each
        return images if len(np.unique(images)) < len(images) else None

    @property
    def pipeline(self) -> Any:
        """Callable: The labelled dataset's pipeline."""
        return self.datasets[0].pipeline

    @pipeline.setter
    def pipeline(self, value: Any) -> None:
        self.datasets[0].pipeline = value

    def __getitem__(self, index: int) -> Dict[str, dict]:
        if isinstance(index, Draw):
            set_random_state(index.key)
        kind, inside = self._get_ori_dataset_idx(int(index))
        sample = self.datasets[kind][inside]
        if kind == 1:
            return sample
        return {key: dict(labeled=value, easy=None, hard=None) for key, value in sample.items()}
