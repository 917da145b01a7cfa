"""Writing a file whole or not at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def replace_file(path: Path, parts: Iterable[str], fresh: Path | None = None) -> None:
    """Write the parts, as UTF-8, into a fresh file beside `path`, then put it in its place.

    Who reads `path` sees the old text or the new, never half. A link is replaced, not followed:
    what it points at may not be ours. Who may read and write a file that was there stays. `fresh`
    is the name used meanwhile. Raises OSError.
    """
    fresh = fresh or path.with_name(f".{path.name}.{os.getpid()}.new")
    fresh.unlink(missing_ok=True)
    try:
        with fresh.open("x", encoding="utf-8", newline="\n") as file:
            file.writelines(parts)
        if path.is_file() and not path.is_symlink():
            fresh.chmod(stat.S_IMODE(path.stat().st_mode))
        fresh.replace(path)
    except BaseException:
        with suppress(OSError):
            fresh.unlink()
        raise
