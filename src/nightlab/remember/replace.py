"""Writing a file whole or not at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO


def replace_file(path: Path, parts: Iterable[str], fresh: Path | None = None) -> None:
    """Write the parts, as UTF-8, into a fresh file beside `path`, then put it in its place.

    Who reads `path` sees the old text or the new, never half. A link is replaced, not followed:
    what it points at may not be ours. Who may read and write a file that was there stays. `fresh`
    is the name used meanwhile. Raises OSError.
    """
    fresh = fresh or path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with _created(fresh) as file:
            file.writelines(part.encode() for part in parts)
        with suppress(FileNotFoundError):
            before = path.lstat().st_mode
            if stat.S_ISREG(before):
                fresh.chmod(stat.S_IMODE(before))
        fresh.replace(path)
    except BaseException:
        with suppress(OSError):
            fresh.unlink()
        raise


def _created(fresh: Path) -> BinaryIO:
    """A file that was not there; what was, a killed process left."""
    try:
        return fresh.open("xb")
    except FileExistsError:
        fresh.unlink()
        return fresh.open("xb")
