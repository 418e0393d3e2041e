# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""The instances of an unlabelled set, cut as a config's test pipeline cuts them."""

import os.path as osp
from typing import Any, List, Mapping, Optional, Set

import numpy as np
from mmengine.config import Config
from mmpose.registry import DATASETS
from torch.utils.data import Dataset

from mmpose_dualteach.datasets import UnlabeledPoseDataset
from mmpose_dualteach.datasets.labeled_pipeline import first_pipeline, innermost
from mmpose_dualteach.datasets.sources.folders import folder_of
from mmpose_dualteach.datasets.sources.images import UnusableImage, refuse_outside
from mmpose_dualteach.datasets.sources.videos import is_frame, video_of
from mmpose_dualteach.datasets.transforms.whole_image_box import WholeImageBox
from mmpose_dualteach.switch import is_switched, mutual_teaching, stock_config


class EveryInstance(Dataset):
    """Each instance once, in order; of one that cannot be used is said why.

    Args:
        config (Mapping): Config of the unlabelled set.
        pipeline (List[dict]): A test pipeline.

    Attributes:
        unlabeled (UnlabeledPoseDataset): The set.
    """

    def __init__(self, config: Mapping[str, Any], pipeline: List[dict]) -> None:
        self.unlabeled: UnlabeledPoseDataset = DATASETS.build(dict(config, pipeline=pipeline))
        self._reader = self.unlabeled.image_reader()
        self._whole_image = WholeImageBox()

    def __len__(self) -> int:
        return len(self.unlabeled)

    def __getitem__(self, index: int) -> dict:
        """One instance.

        Args:
            index (int): Its place in the set.

        Returns:
            dict: ``number``, its place; ``size``, width and height of its image in pixels; ``box`` (left, top, right,
            bottom) in pixels of the image, the whole image where the set has none; and ``sample``, what the pipeline
            packs. Or else ``number`` and ``problem``, in words.
        """
        info = self.unlabeled.get_data_info(index)
        try:
            info['img'] = self.read(index)
            refuse_outside(info.get('bbox'), info['img'])
        except UnusableImage as problem:
            return dict(number=index, problem=f'{info["img_path"]} {problem}')
        height, width = info['img'].shape[:2]
        info = self._whole_image(dict(info, bbox_score=np.ones(1, dtype=np.float32)))
        box = info['bbox'][0].tolist()
        return dict(number=index, size=[width, height], box=box, sample=self.unlabeled.pipeline(info))

    def read(self, index: int) -> np.ndarray:
        """The image of an instance in shape (height, width, 3), BGR.

        Raises:
            UnusableImage: If it cannot be used.
        """
        path = self.unlabeled.data_list[index]['img_path']
        return self._reader.read(path, self.unlabeled.data_list.listed_size(index))


def files_of(unlabeled: UnlabeledPoseDataset) -> Set[str]:
    """The images and videos that a set is of; of frames that are written, their videos too."""
    index, folder = unlabeled.data_list, folder_of(unlabeled.data_prefix['img'])
    named = [osp.join(folder, name) for name in index.image_ids if isinstance(name, str)]
    return {video_of(path) if is_frame(path) else path for path in (*index.paths, *named)}


def pipeline_of_test(config: Config) -> List[dict]:
    """The test pipeline of a config, or else that of its validation.

    Raises:
        ValueError: If there is none.
    """
    pipeline = first_pipeline(config, ('test_dataloader', 'val_dataloader'))
    if not pipeline:
        raise ValueError('the config has no test_dataloader with a pipeline; give one that can be tested')
    return pipeline


def labeled_file(config: Config) -> str:
    """The labelled set's annotation file."""
    dataset = (config.get('train_dataloader') or {}).get('dataset') or {}
    dataset = innermost(dataset.get('labeled', dataset))
    return osp.join(dataset.get('data_root') or '', dataset.get('ann_file') or '')


def unlabeled_of(config: Config, chosen: Optional[dict] = None) -> dict:
    """The unlabelled set's config.

    Args:
        config (Config): A switched config, or a stock one.
        chosen (dict, optional): Arguments of :class:`UnlabeledPoseDataset`, as the switch takes them. Defaults to the
            switched config's own set.

    Raises:
        ValueError: If a stock config comes without ``chosen``.
    """
    switched = is_switched(config)
    if chosen is None:
        if not switched:
            raise ValueError('the config is a stock one and has no unlabelled set; name one by --unlabeled')
        return config.train_dataloader.dataset.unlabeled
    stock = stock_config(config) if switched else config
    return mutual_teaching(stock, unlabeled=chosen)['train_dataloader']['dataset']['unlabeled']
