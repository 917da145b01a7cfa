"""A note of a memory vault: frontmatter, Nightlab's text, and below it what people wrote."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

AGENT = "nightlab"
"""What `source_agent` says of every note that Nightlab wrote."""

MARK = "%% Nightlab writes what stands above. What you write below stays. %%"

_LARGEST = 1_000_000
_NOTE = re.compile(r"---\n(?P<front>.*?\n)---\n(?P<body>.*)", re.DOTALL)
_OURS = re.compile(rf"^source_agent: *[\"']?{AGENT}[\"']? *$", re.MULTILINE)


@dataclass
class Note:
    """`front` keeps the order and the comments of a note that was read, and keys of others."""

    front: dict[str, Any]
    text: str
    below: str = ""

    @property
    def identity(self) -> tuple[str, str]:
        """The trial that it tells of: campaign and number, and the commit that was measured."""
        return str(self.front.get("trial")), str(self.front.get("commit"))

    @property
    def importance(self) -> float:
        """From 0 to 1; 1 where somebody wrote something else there, so that it stays."""
        value = self.front.get("importance")
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            return 1.0
        return float(value) if math.isfinite(value) else 1.0

    def format(self) -> str:
        """The whole file."""
        buffer = io.StringIO()
        _yaml().dump(self.front, buffer)
        return f"---\n{buffer.getvalue()}---\n{self.text}\n{MARK}\n{self.below}"

    def same_as(self, other: Note) -> bool:
        """Whether there is nothing to write, however the frontmatter is laid out."""
        return (dict(self.front), self.text, self.below) == (
            dict(other.front),
            other.text,
            other.below,
        )


@dataclass(frozen=True)
class Fields:
    """What Nightlab says in a note's frontmatter.

    `own` is written anew each time, `first` only where it is missing: from then on it is others'.
    Of lists in `shared`, entries of other people stay.
    """

    own: Mapping[str, Any]
    first: Mapping[str, Any] = field(default_factory=dict)
    shared: Mapping[str, list[str]] = field(default_factory=dict)


def merged(old: Note, fields: Fields, text: str) -> Note:
    """The note as it should be now: Nightlab's part new, that of others as it was."""
    from copy import deepcopy

    front = deepcopy(old.front)
    front.update(fields.own)
    for name, value in fields.first.items():
        front.setdefault(name, value)
    for name, ours in fields.shared.items():
        there = front.get(name)
        theirs = [each for each in there if not _is_ours(each)] if isinstance(there, list) else []
        front[name] = [*ours, *(each for each in theirs if each not in ours)]
    return Note(front, text, old.below)


def read_note(path: Path) -> Note | None:
    """A note of Nightlab's. None for anything else, and for what can't be read."""
    from ruamel.yaml.error import YAMLError

    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > _LARGEST:
            return None
        found = _NOTE.fullmatch(path.read_text(encoding="utf-8"))
        if found is None or not _OURS.search(found["front"]):
            return None
        front = _yaml().load(found["front"])
    except (OSError, ValueError, YAMLError, RecursionError):
        return None
    if not isinstance(front, dict) or front.get("source_agent") != AGENT:
        return None
    text, mark, below = found["body"].partition(f"\n{MARK}\n")
    return Note(front, text, below if mark else "")


def _is_ours(entry: Any) -> bool:
    """Whether an entry of a list is one that Nightlab may take out again."""
    return isinstance(entry, str) and entry.startswith(f"{AGENT}/")


def _yaml() -> Any:
    from ruamel.yaml import YAML

    yaml = YAML(typ="rt", pure=True)
    yaml.width = 1000
    yaml.allow_unicode = True
    return yaml
