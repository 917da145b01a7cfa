"""What a process of a run may see and do on this machine, and what holds it to that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Protocol


class Access(str, Enum):
    """What may be done below a path. Of a path and those above it, the deepest one decides."""

    HIDDEN = "hidden"
    READ = "read"
    WRITE = "write"


@dataclass(frozen=True)
class View:
    """The machine as one process sees it.

    `places` are absolute paths that exist. `tmp` is a private folder, also what it finds as /tmp
    where a sandbox can do that. Without `network` there is none, not even this machine's own.
    """

    places: Mapping[Path, Access]
    tmp: Path
    network: bool = False
    devices: tuple[Path, ...] = ()

    def access(self, path: Path) -> Access:
        """What may be done at a path."""
        for place in (path, *path.parents):
            if place in self.places:
                return self.places[place]
        return Access.HIDDEN


class Sandbox(Protocol):
    """Turns a command into one that is confined to a view.

    `name` is what the campaign records. `layers` is how many processes of its own stand above the
    command: signals that ask politely are for what is below them.
    """

    @property
    def name(self) -> str: ...

    @property
    def layers(self) -> int: ...

    def wrap(self, argv: Sequence[str], view: View) -> list[str]:
        """The argument list that starts `argv` confined, in the current folder."""
        ...


@dataclass(frozen=True)
class NoSandbox:
    """Commands as they are. What a run does elsewhere is then its own affair."""

    name: str = "none"
    layers: int = 0

    def wrap(self, argv: Sequence[str], view: View) -> list[str]:
        return list(argv)


@dataclass(frozen=True)
class Tested:
    """A sandbox that was tried here, and what came of it.

    `held` are the things that a probe inside it tried and could not do, `open` those it could;
    `passed_over` says of each better kind why it was not taken.
    """

    sandbox: Sandbox = field(default_factory=NoSandbox)
    held: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    passed_over: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """`bubblewrap`, `landlock` or `none`."""
        return self.sandbox.name


__all__ = ["Access", "NoSandbox", "Sandbox", "Tested", "View"]
