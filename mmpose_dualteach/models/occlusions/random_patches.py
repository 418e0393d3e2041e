# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Patches anywhere on an image, wherever its joints are."""

import torch
from mmpose.registry import MODELS
from torch import Tensor

from mmpose_dualteach.models.occlusions.occlusion import Occlusion
from mmpose_dualteach.models.occlusions.patches import others, within


class RandomPatches(Occlusion):
    """Patches whose centres are drawn uniformly over the image.

    The released code (hnuzhy/MultiAugs, ``lib/utils/augments.py``) takes an image's height for its width: of 5 patches
    on 192x256 pixels 4 are on it, and none in its lowest quarter.
    """

    uses_joints = False

    def covered(self, images: Tensor) -> Tensor:
        """Draw the pixels to cover in shape (N, 1, H, W), bool."""
        height, width = images.shape[-2:]
        x, y = torch.rand(2, len(images), self.count, device=images.device)
        centre = torch.stack((x * (width - 1), y * (height - 1)), dim=-1)
        return within(self.boxes_around(centre, (width, height)), (width, height)).any(dim=1, keepdim=True)


@MODELS.register_module()
class RandomCutout(RandomPatches):
    """Cover places of each image with the mean colour, which is 0 in a normalised image.

    Source: DeVries and Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout", 2017, in the
    sizes of hnuzhy/MultiAugs (``lib/utils/augments.py``, ``random_cutout``; CO).

    Args:
        patches (int): How many. Defaults to 5.
        **options: Of :class:`Occlusion`.
    """

    def __init__(self, patches: int = 5, **options) -> None:
        super().__init__(patches, **options)

    def __call__(self, images: Tensor, points: Tensor) -> Tensor:
        return images.masked_fill(self.covered(images), 0.0)


@MODELS.register_module()
class RandomCutMix(RandomPatches):
    """Cover places of each image with the same places of another image of the batch.

    Source: Yun et al., "CutMix", ICCV 2019, in the sizes of hnuzhy/MultiAugs (``lib/utils/augments.py``,
    ``random_cutmix``; CM), without mixing labels: what is pasted is an occlusion.

    Args:
        patches (int): How many. Defaults to 2.
        **options: Of :class:`Occlusion`.
    """

    def __init__(self, patches: int = 2, **options) -> None:
        super().__init__(patches, **options)

    def __call__(self, images: Tensor, points: Tensor) -> Tensor:
        return torch.where(self.covered(images), images[others(len(images), images.device)], images)
