# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Files of which no reader, and no interruption, ever finds a half, and names that they can hold."""

import json
import os
import re
import uuid
from contextlib import contextmanager
from typing import IO, Any, Collection, Iterable, Iterator, Mapping, Optional

UNFINISHED = '.unfinished-'
# Control characters, whatever else splits lines, and the surrogates that stand for bytes that are no UTF-8.
UNPRINTABLE = re.compile('[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]')


@contextmanager
def atomic_write(path: str, newline: str = '\n', binary: bool = False) -> Iterator[IO]:
    """Write a file that appears under its name when it is whole, and on the disk; its folder is made where it is not
    there.

    Args:
        path (str): The file.
        newline (str): As ``open`` has it, for text. Defaults to a line feed.
        binary (bool): Whether bytes are written. Defaults to False.

    Yields:
        IO: The file to write to.
    """
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    unfinished = f'{path}{UNFINISHED}{uuid.uuid4().hex}'  # Processes of several machines may share a number.
    try:
        with open(unfinished, 'wb') if binary else open(unfinished, 'w', encoding='utf-8', newline=newline) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    finally:
        if os.path.exists(unfinished):
            os.remove(unfinished)


def dump_json(content: Any, path: str, **options: Any) -> None:
    """Write JSON that appears under its name when it is whole; ``options`` are ``json.dump``'s."""
    with atomic_write(path) as file:
        json.dump(content, file, **options)


def refuse_to_overwrite(outputs: Iterable[str], inputs: Iterable[Optional[str]]) -> None:
    """Refuse to write over what is read.

    Args:
        outputs (Iterable[str]): Files that a call writes.
        inputs (Iterable[str, optional]): Files that it reads; those without a name are none.

    Raises:
        ValueError: If one is both; names it.
    """
    read = {os.path.realpath(path) for path in inputs if path}
    for path in outputs:
        if os.path.realpath(path) in read:
            raise ValueError(f'{path} is read and would be written over; name another output')


def holds_other(path: str, text: str) -> bool:
    """Whether a file is there with another text: somebody may have corrected it."""
    if not os.path.isfile(path):
        return False
    with open(path, 'rb') as present:
        return present.read() != text.encode()


def write_new(texts: Mapping[str, str]) -> None:
    """Write texts by their paths, none where one is there with another; with the same it may stay.

    Raises:
        ValueError: If one is there with another text; names it.
    """
    for path, text in texts.items():
        if holds_other(path, text):
            raise ValueError(f'{path} is there with other content; name another output by -o, or remove the file')
    for path, text in texts.items():
        with atomic_write(path) as file:
            file.write(text)


def dump_skipped(skipped: Collection, output: str) -> None:
    """Write what a tool had to leave out of its output into ``OUTPUT.skipped.json``; no such file is left of an earlier
    call that had to."""
    path = f'{output}.skipped.json'
    if skipped:
        dump_json(skipped, path, indent=1)
    elif os.path.exists(path):
        os.remove(path)


def printable(text: str, most: Optional[int] = None) -> str:
    """A file name, or what is said of it, as one line of a terminal or a text file can hold it.

    Args:
        text (str): Whatever characters and undecodable bytes it has.
        most (int, optional): How much of it to keep. Defaults to all.

    Returns:
        str: The same with everything that is no plain text written out.
    """
    if most is not None and len(text) > most:
        text = text[:most] + '...'
    return UNPRINTABLE.sub(lambda found: repr(found.group())[1:-1], text)
