"""A part of a change: the smallest that differs, and what it is about."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from nightlab.change.about.pieces import Kind
from nightlab.change.about.words import Categories
from nightlab.types import one_line


class Deed(str, Enum):
    """What was done to a part. `reaches` is what a changed piece newly does to others."""

    CHANGES = "changes"
    ADDS = "adds"
    REMOVES = "removes"
    MOVES = "moves"
    REACHES = "reaches"


@dataclass(frozen=True)
class Part:
    """The smallest part of a file that differs: a constant, a method, the head of a class.

    `categories` has more than one where tags say so; any of them may stand for it. `names` are
    those that it sets at the top level of its file. `line` is that of the new text, or of the old
    one for what is gone; 0 for a file as a whole.
    """

    path: str
    name: str
    kind: Kind | None
    deed: Deed
    categories: Categories
    line: int = 0
    names: frozenset[str] = frozenset()

    @property
    def is_value(self) -> bool:
        """Whether a constant that was there is given another value, and no more."""
        return self.kind is Kind.VALUE and self.deed is Deed.CHANGES

    def __str__(self) -> str:
        about = " and ".join(sorted(category.value for category in self.categories))
        kind = self.kind.value if self.kind in (Kind.CLASS, Kind.FUNCTION, Kind.IMPORT) else ""
        kind = "" if kind == "function" and "." in self.name else kind
        what = f"{kind} {self.name}".strip() or "a statement"
        deed = "" if self.deed is Deed.REACHES else f"{self.deed.value} "
        where = f", line {self.line}" if self.line else ""
        return one_line(f"{deed}{what} ({about}){where}", 160)
