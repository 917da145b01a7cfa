"""The size of a diff: lines, hunks, and words that own up to a makeshift."""

from __future__ import annotations

import re
from dataclasses import dataclass

_MAKESHIFT = re.compile(r"(?<![a-z])(?:todo|hack|fixme)(?![a-z])", re.IGNORECASE)
_HUNK = re.compile(r"^@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")


@dataclass(frozen=True)
class Diff:
    """Lines added and deleted, and how many hunks; `marked` where an added line says TODO."""

    added: int = 0
    deleted: int = 0
    hunks: int = 0
    marked: bool = False

    @property
    def net(self) -> int:
        """Lines that there are more than before."""
        return self.added - self.deleted

    def __str__(self) -> str:
        hunks = f"{self.hunks} hunk" if self.hunks == 1 else f"{self.hunks} hunks"
        return f"+{self.added} -{self.deleted} lines in {hunks}"


def read_diff(text: str) -> Diff:
    """What a unified diff holds. A hunk is counted once, by its header.

    The header says how many lines follow, so that a line of code that looks like a header is none.
    """
    added = deleted = hunks = old = new = 0
    marked = False
    for line in text.split("\n"):  # a line of code may hold a form feed
        if old <= 0 and new <= 0:
            if head := _HUNK.match(line):
                hunks += 1
                old, new = (1 if count is None else int(count) for count in head.groups())
        elif line.startswith("+"):
            added, new = added + 1, new - 1
            marked = marked or bool(_MAKESHIFT.search(line))
        elif line.startswith("-"):
            deleted, old = deleted + 1, old - 1
        elif not line.startswith("\\"):
            old, new = old - 1, new - 1
    return Diff(added, deleted, hunks, marked)
