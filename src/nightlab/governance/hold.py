"""One tuning at a time below an export root, from before it is laid to the end of its look back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nightlab.governance.place import LOCK, Place
from nightlab.remember.lock import Busy, Lock
from nightlab.types import NightlabError


@contextmanager
def held(place: Place) -> Iterator[None]:
    """Nobody else tunes here meanwhile. Leaves no trace where nothing was begun.

    Raises NightlabError while a tuning is at work here, and where nothing can be written.
    """
    check_folder(place.root)
    missing = [path for path in (place.root, *place.root.parents) if not path.exists()]
    lock = Lock(place.root / LOCK)
    _acquire(lock, place)
    try:
        yield
    finally:
        if not place.is_begun:
            lock.path.unlink(missing_ok=True)
            with suppress(OSError):
                for path in missing:
                    path.rmdir()
        lock.release()


def check_folder(root: Path) -> None:
    """Raise NightlabError where nothing can be written."""
    above = next(path for path in (root, *root.absolute().parents) if path.exists())
    if not above.is_dir():
        raise NightlabError(f"{above} is a file; name a folder with --export-root")
    if not os.access(above, os.W_OK):
        raise NightlabError(f"{above} can't be written to; name another --export-root")


def _acquire(lock: Lock, place: Place) -> None:
    """Take the lock; anew where who had it took its file away."""
    while True:
        try:
            lock.acquire("tuning")
            if os.path.samestat(os.fstat(lock.fd), lock.path.stat()):
                return
            lock.release()
        except Busy:
            raise NightlabError(
                f"a tuning is at work in {place.root}; wait for it, or end it first"
            ) from None
        except FileNotFoundError:
            lock.release()
