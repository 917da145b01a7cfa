"""What a change may touch, and how it becomes a commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from nightlab.types import Idea, Value

Files = Mapping[str, bytes]
"""The contents of a study's files, by path relative to the study."""

_SHOWN = 5

Edits = dict[str, "bytes | None"]
"""New contents by path; None deletes the file."""


def some(paths: Sequence[str]) -> str:
    """The first few of some paths, and how many there are besides."""
    shown, left = sorted(paths)[:_SHOWN], len(paths) - _SHOWN
    return ", ".join(shown) + (f" and {left} more" if left > 0 else "")


class Refused(Exception):
    """A change that was refused before it ran. The message is the reason, on one line."""


class Surface(Protocol):
    """A part of the study that may be edited, and the way it is edited."""

    def owns(self, path: str) -> bool:
        """Whether this file may be edited at all."""
        ...

    def read(self, files: Files) -> dict[str, Value]:
        """The values of the parameters that live here. Raises NightlabError if they can't be."""
        ...

    def apply(self, idea: Idea, files: Files) -> Edits:
        """The new contents that the idea means here. Raises Refused for an edit outside."""
        ...


__all__ = ["Edits", "Files", "Refused", "Surface", "some"]
