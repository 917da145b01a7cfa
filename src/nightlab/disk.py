"""Where folders of runs lie, and how one goes that a stranger has filled: rights taken away, links,
folders without end.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def workplace() -> Path:
    """Where runs have their folders, out of any repository: NIGHTLAB_WORK, or the user's cache."""
    given = os.environ.get("NIGHTLAB_WORK")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return (Path(given) if given else cache / "nightlab" / "work").absolute()


def clear(folder: Path) -> None:
    """Remove a folder of ours and all that is in it; of a link, the link.

    What can't be removed stays, and no error is raised.
    """
    if folder.is_symlink():
        folder.unlink()
        return
    with suppress(RecursionError):
        _give_rights(folder)
        shutil.rmtree(folder, ignore_errors=True)
    if folder.is_dir():
        _flatten(folder)
        shutil.rmtree(folder, ignore_errors=True)


def _give_rights(folder: Path) -> None:
    for top, names, _ in os.walk(folder):
        for place in (Path(top, name) for name in names):
            with suppress(OSError):
                if not place.is_symlink():
                    place.chmod(0o700)


def _flatten(folder: Path) -> None:
    """Move folders in folders up, again and again, until none is deeper than one."""
    number, waiting = 0, list(_folders(folder))
    while waiting:
        outer = waiting.pop()
        with suppress(OSError):
            outer.chmod(0o700)
        for inner in list(_folders(outer)):
            number += 1
            up = folder / f"nightlab-{os.getpid()}-{number}"
            with suppress(OSError):
                inner.chmod(0o700)
                inner.rename(up)
                waiting.append(up)


def _folders(folder: Path) -> Iterator[Path]:
    with suppress(OSError), os.scandir(folder) as found:
        yield from (Path(each.path) for each in found if each.is_dir(follow_symlinks=False))
