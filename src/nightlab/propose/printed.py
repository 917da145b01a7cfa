"""What a program has left in a file, read as what it is: text of anybody's, of any size."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

_END = 65536
_LINE = 8_000_000
_WHOLE = 32_000_000
_FAILURES = 20
_BEGINS = re.compile(r"^[{\[]", re.MULTILINE)


def end_of(path: Path) -> str:
    """The last part of a text, whatever its size; "" where there is no plain file."""
    with suppress(OSError), _opened(path) as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - _END))
        return file.read(_END).decode("utf-8", "replace")
    return ""


def documents(path: Path, by_line: bool) -> Iterator[dict[str, Any]]:
    """The JSON objects in a text, one a line, or wherever one begins a line.

    Whatever else stands there is passed over, and so are lines beyond 8 MB. An array counts as what
    is in it.
    """
    with suppress(OSError), _opened(path) as file:
        found = _lines(file) if by_line else _anywhere(file.read(_WHOLE).decode("utf-8", "replace"))
        for each in found:
            for inner in each if isinstance(each, list) else [each]:
                if isinstance(inner, dict):
                    yield inner


def _opened(path: Path) -> IO[bytes]:
    """A plain file, and no other: links may lead anywhere, and a pipe would never end."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    file = os.fdopen(os.open(path, flags), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(f"{path} is no plain file")
    return file


def _lines(file: IO[bytes]) -> Iterator[Any]:
    while line := file.readline(_LINE):
        if line.lstrip()[:1] in (b"{", b"["):
            with suppress(ValueError, RecursionError):
                yield json.loads(line)


def _anywhere(text: str) -> Iterator[Any]:
    decoder, at, failures = json.JSONDecoder(), 0, 0
    while failures < _FAILURES and (begin := _BEGINS.search(text, at)):
        try:
            value, at = decoder.raw_decode(text, begin.start())
            yield value
        except (ValueError, RecursionError):
            at, failures = begin.start() + 1, failures + 1
