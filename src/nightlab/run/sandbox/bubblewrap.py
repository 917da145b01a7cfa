"""Bubblewrap: namespaces of its own for a command, by a small program that distributions ship.

https://github.com/containers/bubblewrap. Mounts are made in the order of their depth, so the
deepest place decides, as a View says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nightlab.run.sandbox import Access, View


@dataclass(frozen=True)
class Bubblewrap:
    """Confines by `bwrap`: other processes, the network and hidden files are not there at all."""

    program: str = "bwrap"
    name: str = "bubblewrap"
    layers: int = 2

    def wrap(self, argv: Sequence[str], view: View) -> list[str]:
        own = ["--unshare-all", *(["--share-net"] if view.network else [])]
        return [
            *(self.program, *own, "--die-with-parent", "--cap-drop", "ALL"),
            *_mounts(view),
            *("--", *argv),
        ]


def _mounts(view: View) -> Iterator[str]:
    """The whole file system, from the top down; what is hidden is empty and can't be written."""
    yield from ("--ro-bind", "/", "/", "--proc", "/proc", "--remount-ro", "/proc", "--dev", "/dev")
    for device in view.devices:
        yield from ("--dev-bind-try", str(device), str(device))
    for folder in ("/tmp", "/var/tmp"):
        yield from ("--bind", str(view.tmp), folder)
    emptied = []
    for path in sorted(view.places, key=lambda place: len(place.parts)):
        access, place = view.places[path], str(path)
        own = place in ("/", "/tmp", "/var/tmp") or path.is_relative_to("/dev")
        if own or view.access(path.parent) is access:
            continue
        if access is Access.WRITE:
            yield from ("--bind", place, place)
        elif access is Access.READ:
            yield from ("--ro-bind", place, place)
        elif path.is_dir():
            yield from ("--tmpfs", place)
            emptied.append(place)
        else:
            yield from ("--ro-bind", "/dev/null", place)
    for place in reversed(emptied):
        yield from ("--remount-ro", place)
