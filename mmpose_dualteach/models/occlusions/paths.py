# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Several ways to make the same hard view harder."""

from typing import Any, List, Optional, Sequence

from mmpose.registry import MODELS
from torch import Tensor

from mmpose_dualteach.models.occlusions.block_shuffle import BlockShuffle
from mmpose_dualteach.models.occlusions.occlusion import Occlusion
from mmpose_dualteach.utils.argument_values import check_values, fits
from mmpose_dualteach.utils.arguments import annotations_of, check_arguments


class Path:
    """One way to make a hard view harder: occlusions, one after the other, and an order of its blocks.

    Args:
        occlusions (Sequence[Occlusion]): The occlusions; none leaves the view as it is.
        shuffle (BlockShuffle, optional): How blocks are shuffled. Defaults to None.
    """

    def __init__(self, occlusions: Sequence[Occlusion], shuffle: Optional[BlockShuffle] = None) -> None:
        self.occlusions = list(occlusions)
        self.shuffle = shuffle

    def __call__(self, images: Tensor, points: Tensor) -> Tensor:
        """Cover images in shape (N, C, H, W), whose joints the teacher sees at ``points`` in shape (N, K, 2)."""
        for occlusion in self.occlusions:
            images = occlusion(images, points)
        return images


def parse_paths(paths: Sequence[Sequence[dict]]) -> List[Path]:
    """Read paths from a config.

    Args:
        paths (Sequence[Sequence[dict]]): For each path the configs of its occlusions, each with a ``type``, and last,
            if wanted, that of a :class:`BlockShuffle`.

    Returns:
        List[Path]: The paths.

    Raises:
        ValueError: If there is no path, one is no list of configs of occlusions, or an option of one is none; names it.
    """
    if not paths:
        raise ValueError('model.paths is empty; give one list of occlusions for each path, [[]] for a bare hard view')
    if not fits(paths, Sequence[Sequence[dict]]):
        raise ValueError(
            f'model.paths={paths!r} must be a list with one list of occlusions for each path, such as '
            "[[dict(type='JointCutout')]]"
        )
    return [_path(path, f'model.paths[{number}]') for number, path in enumerate(paths)]


def _path(configs: Sequence[dict], where: str) -> Path:
    parts = [_part(config, where) for config in configs]
    shuffle = parts.pop() if parts and isinstance(parts[-1], BlockShuffle) else None
    if any(isinstance(part, BlockShuffle) for part in parts):
        raise ValueError(f'{where}: BlockShuffle comes once, and last')
    return Path(parts, shuffle)


def _part(config: Any, where: str) -> Any:
    kind: Any = MODELS.get(config['type']) if 'type' in config else None
    if not _is_part(kind):
        names = ', '.join(name for name, each in MODELS.module_dict.items() if _is_part(each))
        raise ValueError(f'{where} has {config!r}; give dict(type=...) of {names}')
    options = {key: value for key, value in config.items() if key != 'type'}
    name = f'{where}.{kind.__name__}'
    check_values(options, kind, name)
    try:
        return kind(**options)
    except (TypeError, ValueError) as error:
        check_arguments(options, annotations_of(kind), name)
        raise ValueError(f'{where}: {error}') from None


def _is_part(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, (Occlusion, BlockShuffle))
