# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Transforms inside transforms."""

from typing import Any, Iterator


def every_transform(transform: Any) -> Iterator[Any]:
    """A transform, or those of a list, and all that they wrap: in branches, compositions and choices."""
    if isinstance(transform, (list, tuple)):
        for each in transform:
            yield from every_transform(each)
    elif transform is not None:
        yield transform
        yield from every_transform(getattr(transform, 'transforms', None))
        yield from every_transform(list(getattr(transform, 'branch_pipelines', {}).values()))
