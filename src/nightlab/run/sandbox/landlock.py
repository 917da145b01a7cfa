"""Landlock: the kernel's own rules for a process that gives up rights, where there is no bwrap.

It adds what it can without privileges or with them: namespaces where the system allows them, and a
filter of system calls for the network where it doesn't. Names of files stay visible in places.
Source: https://docs.kernel.org/userspace-api/landlock.html.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nightlab.run.sandbox import Access, View

_SCRIPT = Path(__file__).with_name("confine.py")
_HARMLESS = ("null", "zero", "full", "random", "urandom", "shm")


@dataclass(frozen=True)
class Landlock:
    """Confines by rules that the command is started under, in namespaces where they can be had."""

    name: str = "landlock"
    layers: int = 2
    namespaces: bool = True

    def wrap(self, argv: Sequence[str], view: View) -> list[str]:
        rules = [(str(path), access) for path, access in _rules(view)]
        told = {"rules": rules, "network": view.network, "namespaces": self.namespaces}
        return [sys.executable, "-I", "-S", str(_SCRIPT), json.dumps(told), *argv]


def _rules(view: View) -> Iterator[tuple[Path, str]]:
    """Paths with `read`, `write`, or `list` for folders of which only the names may be read.

    Rules only ever add rights, so a folder with something hidden in it has none of its own: what
    else is in it has one each.
    """
    for path in (*map(Path, _devices()), *view.devices):
        if path.exists():
            yield path, "write"
    yield Path("/proc"), "read"
    yield view.tmp, "write"
    for path, access in view.places.items():
        above = view.access(path.parent) if path != path.parent else Access.HIDDEN
        if access is not Access.HIDDEN and (access is not above or _is_split(view, path.parent)):
            yield from _whole(view, path, access)


def _devices() -> Iterator[str]:
    return (f"/dev/{name}" for name in _HARMLESS)


def _whole(view: View, path: Path, access: Access) -> Iterator[tuple[Path, str]]:
    """Everything below `path` but what a deeper place says otherwise about."""
    if not _is_split(view, path):
        yield path, access.value
        return
    if path != Path("/"):
        yield path, "list"
    for child in sorted(path.iterdir()):
        own = child in view.places
        if str(child) in ("/proc", "/dev") or own or child.is_symlink():
            continue
        yield from _whole(view, child, access)


def _is_split(view: View, path: Path) -> bool:
    """Whether something below a path is hidden."""
    return any(
        access is Access.HIDDEN and path in place.parents for place, access in view.places.items()
    )
