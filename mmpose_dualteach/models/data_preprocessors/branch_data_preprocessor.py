# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from typing import Any, Dict, Iterator, List, Tuple

import torch
from mmdet.models.data_preprocessors import MultiBranchDataPreprocessor
from mmengine.structures import BaseDataElement
from mmpose.models.data_preprocessors import PoseDataPreprocessor
from mmpose.registry import MODELS
from torch import Tensor


@MODELS.register_module()
class BranchDataPreprocessor(MultiBranchDataPreprocessor):
    """mmdet's preprocessor of several branches, in a few copies and launches for the whole of a branch.

    MMPose's own moves and normalises image by image, copies every sample, and waits for the device each time. It is
    still what normalises; images of one size reach it as one tensor, as mmengine's ``default_collate`` would give it.
    Other preprocessors than MMPose's own, batch augmentations and images of several sizes go mmdet's way.

    Args:
        data_preprocessor (dict): The stock model's.
    """

    def forward(self, data: dict, training: bool = False) -> Dict[str, Dict[str, Any]]:
        """Move and normalise a batch.

        Args:
            data (dict): In training ``inputs`` and ``data_samples`` by branch: for each row of the batch an image in
                shape (C, H, W) and a ``PoseDataSample``, or None where the row has no such branch. Else as the stock
                model's.
            training (bool): Whether there are branches.

        Returns:
            Dict[str, Dict[str, Any]]: ``inputs`` by branch in shape (N, C, H, W) and ``data_samples`` by branch, on the
            device; where each branch is one tensor, the samples are the batch's own.
        """
        if not training:
            return super().forward(data, training)
        present: Dict[str, Dict[str, list]] = {
            key: {branch: [each for each in rows if each is not None] for branch, rows in data[key].items()}
            for key in ('inputs', 'data_samples')
        }
        if not all(self._stackable(images) for images in present['inputs'].values()):
            return super().forward(data, training)
        samples = present['data_samples']
        _move([sample for each in samples.values() for sample in each], self.device)
        inputs = {branch: self._normalized(images, samples[branch]) for branch, images in present['inputs'].items()}
        return dict(inputs=inputs, data_samples=samples)

    def _stackable(self, images: List[Tensor]) -> bool:
        stock = self.data_preprocessor
        return (
            type(stock) is PoseDataPreprocessor
            and getattr(stock, 'batch_augments', None) is None
            and len({(each.shape, each.dtype) for each in images}) == 1
            and images[0].device.type == 'cpu'
        )

    def _normalized(self, images: List[Tensor], samples: List[BaseDataElement]) -> Tensor:
        shape = (len(images), *images[0].shape)
        stacked = torch.empty(shape, dtype=images[0].dtype, pin_memory=_waits(self.device))
        torch.stack(images, out=stacked)
        moved = stacked.to(self.device, non_blocking=True)
        normalized = self.data_preprocessor(dict(inputs=moved, data_samples=[]), True)['inputs']
        size = tuple(normalized.shape[-2:])
        for sample in samples:
            sample.set_field(size, 'batch_input_shape', field_type='metainfo')
            sample.set_field(size, 'pad_shape', field_type='metainfo')
        return normalized


def _move(samples: List[BaseDataElement], device: torch.device) -> None:
    """Move the tensors of samples to the device, those of a type in one copy."""
    tensors = [each for sample in samples for each in _tensors(sample) if each[2].device.type != device.type]
    for dtype in {value.dtype for _, _, value in tensors}:
        alike = [each for each in tensors if each[2].dtype == dtype]
        sizes = [value.numel() for _, _, value in alike]
        together = torch.empty(sum(sizes), dtype=dtype, pin_memory=_waits(device))
        torch.cat([value.reshape(-1) for _, _, value in alike], out=together)
        moved = together.to(device, non_blocking=True).split(sizes)
        for (element, name, value), part in zip(alike, moved):
            element.set_field(part.view(value.shape), name)


def _tensors(element: BaseDataElement) -> Iterator[Tuple[BaseDataElement, str, Tensor]]:
    """The tensors in an element and in elements of it, with their owners and names."""
    for name, value in element.items():
        if isinstance(value, BaseDataElement):
            yield from _tensors(value)
        elif isinstance(value, Tensor):
            yield element, name, value


def _waits(device: torch.device) -> bool:
    """Whether a copy to the device waits for it unless it is from pinned memory."""
    return device.type == 'cuda'
