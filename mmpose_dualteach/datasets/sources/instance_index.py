# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import copy
import hashlib
from typing import Any, Dict, Iterator, Optional, Sequence, Tuple, Union

import numpy as np


class PackedStrings:
    """Strings in one block of bytes: a million Python strings would take several times the memory, and a copy in each
    worker as soon as it counts references to them."""

    def __init__(self, strings: Sequence[str]) -> None:
        encoded = [string.encode('utf-8', 'surrogatepass') for string in strings]
        self._ends = np.cumsum([0] + [len(part) for part in encoded])
        self._bytes = np.frombuffer(b''.join(encoded), dtype=np.uint8)

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, index: int) -> str:
        return self._bytes[self._ends[index] : self._ends[index + 1]].tobytes().decode('utf-8', 'surrogatepass')

    def __iter__(self) -> Iterator[str]:
        everything, ends = self._bytes.tobytes(), self._ends.tolist()
        return (everything[start:end].decode('utf-8', 'surrogatepass') for start, end in zip(ends, ends[1:]))


class InstanceIndex:
    """The instances of an unlabelled set, in columns; an instance is a dict as stock datasets have it.

    Args:
        paths (Sequence[str]): Path of each image.
        image_ids (Sequence): Id of each image.
        images (np.ndarray, optional): Which image each instance is on, in shape (N,). Defaults to one instance an
            image.
        ids (Sequence, optional): Id of each instance. Defaults to 0, 1, 2, ...
        boxes (Dict[str, np.ndarray], optional): What is known of each instance's box: ``bbox`` in shape (N, 4) (left,
            top, right, bottom), ``bbox_center`` and ``bbox_scale`` in shape (N, 2), in pixels of the original image,
            float32. Defaults to nothing.
        sizes (Sequence, optional): Width and height of each image in pixels, as they are listed; infinite where they
            are not known. Defaults to nothing.
    """

    def __init__(
        self,
        paths: Sequence[str],
        image_ids: Sequence,
        images: Optional[np.ndarray] = None,
        ids: Optional[Sequence] = None,
        boxes: Optional[Dict[str, np.ndarray]] = None,
        sizes: Optional[Sequence] = None,
    ) -> None:
        self.paths = PackedStrings(paths)
        self.image_ids = packed(image_ids)
        self.images = np.arange(len(paths), dtype=np.int32) if images is None else np.asarray(images, np.int32)
        self.ids = packed(range(len(self.images)) if ids is None else ids)
        self.boxes = boxes or {}
        self.sizes = None if sizes is None else np.array(sizes, dtype=np.float32).reshape(-1, 2)
        self.rows = np.arange(len(self.images), dtype=np.int32)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Union[int, slice, Sequence[int]]) -> Union[Dict[str, Any], 'InstanceIndex']:
        if not isinstance(index, (int, np.integer)):
            part = copy.copy(self)
            part.rows = self.rows[index if isinstance(index, slice) else np.asarray(index, dtype=np.int64)]
            return part
        row = self.rows[index]
        image = self.images[row]
        instance = dict(id=_plain(self.ids[row]), img_id=_plain(self.image_ids[image]), img_path=self.paths[image])
        instance.update({key: values[row][None].copy() for key, values in self.boxes.items()})
        return instance

    def checksum(self) -> str:
        """Tells what is listed from anything else, however many it is."""
        columns = [self.images, *(self.boxes[key] for key in sorted(self.boxes))]
        content = hashlib.sha256(
            repr([list(self.paths), list(self.ids), sorted(self.boxes)]).encode('utf-8', 'replace')
        )
        for column in columns:
            content.update(np.ascontiguousarray(column[self.rows]).tobytes())
        return content.hexdigest()

    @property
    def image_of_each(self) -> np.ndarray:
        """np.ndarray: Which image each instance is on, in shape (N,), int32."""
        return self.images[self.rows]

    def listed_size(self, index: int) -> Optional[Tuple[float, float]]:
        """Width and height of an instance's image in pixels, as they are listed, or None."""
        if self.sizes is None:
            return None
        width, height = self.sizes[self.images[self.rows[index]]].tolist()
        return width, height


def packed(ids: Sequence) -> Union[np.ndarray, PackedStrings, list]:
    """Ids as they are, in little memory where they are numbers or strings."""
    ids = list(ids)
    if all(type(each) is int and abs(each) < 2**63 for each in ids):
        return np.array(ids, dtype=np.int64)
    return PackedStrings(ids) if all(type(each) is str for each in ids) else ids


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
