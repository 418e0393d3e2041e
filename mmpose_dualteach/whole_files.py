# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Files of which no reader, and no interruption, ever finds a half, and names that they can hold."""
import json
import os
from contextlib import contextmanager
from typing import IO, Any, Iterator

UNFINISHED = '.unfinished-'


@contextmanager
def whole_file(path: str, newline: str = '\n', binary: bool = False) -> Iterator[IO]:
    """Write a file that appears under its name when it is whole, and on the disk.

    Args:
        path (str): The file.
        newline (str): As ``open`` has it, for text. Defaults to a line feed.
        binary (bool): Whether bytes are written. Defaults to False.

    Yields:
        IO: The file to write to.
    """
    unfinished = f'{path}{UNFINISHED}{os.getpid()}'
    try:
        with open(unfinished, 'wb') if binary else open(unfinished, 'w', encoding='utf-8', newline=newline) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    finally:
        if os.path.exists(unfinished):
            os.remove(unfinished)


def write_json(content: Any, path: str, **options: Any) -> None:
    """Write JSON that appears under its name when it is whole; ``options`` are ``json.dump``'s."""
    with whole_file(path) as file:
        json.dump(content, file, **options)


def printable(text: str) -> str:
    """A file name as a terminal and a text file can hold it, whatever its bytes are."""
    return text.encode('utf-8', 'backslashreplace').decode('utf-8')
