"""Two versions of a Python file compared, definition by definition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

from nightlab.change.about.outline import Outline
from nightlab.change.about.part import Deed, Part
from nightlab.change.about.pieces import Kind, Piece, Source
from nightlab.change.about.reach import Reach, reaches
from nightlab.change.about.words import OTHER


@dataclass(frozen=True)
class Comparison:
    """The old and the new text of the file at `path`."""

    path: str
    before: Outline
    after: Outline

    def parts(self) -> Iterator[Part]:
        """What differs, and what of it reaches beyond itself."""
        pairs = list(self._pairs())
        for old, new in pairs:
            yield from self._changed(old, new)
            if new is not None:
                yield from self._reached(old, new)
        yield from self._moved()
        yield from self._names({new for _, new in pairs if new is not None})

    def _pairs(self) -> Iterator[tuple[Piece | None, Piece | None]]:
        """Pieces that differ: those of one name in order, and statements by their text."""
        old, new = self.before.source, self.after.source
        for name in dict.fromkeys(p.name for p in (*new.pieces, *old.pieces) if _is_named(p)):
            for a, b in zip_longest(old.named(name), new.named(name)):
                if a is None or b is None or (a.text, a.kind) != (b.text, b.kind):
                    yield a, b
        gone, come = _only_in(old, new), _only_in(new, old)
        for inside in dict.fromkeys(p.inside for p in (*come, *gone)):
            yield from zip_longest(*([p for p in ps if p.inside == inside] for ps in (gone, come)))

    def _changed(self, old: Piece | None, new: Piece | None) -> Iterator[Part]:
        """A part by what it was about and, where that is another, one by what it is about now."""
        deed = Deed.ADDS if old is None else Deed.REMOVES if new is None else Deed.CHANGES
        kinds = {piece.kind for piece in (old, new) if piece is not None}
        about = [self.before.of(old)] if old else []
        about += [self.after.of(new)] if new else []
        shown = new or old
        assert shown is not None
        kind = kinds.pop() if len(kinds) == 1 else Kind.COMPUTED
        names = frozenset(name for piece in (old, new) if piece for name in piece.binds)
        for each in dict.fromkeys(about):
            yield Part(self.path, shown.name, kind, deed, each, shown.line, names)

    def _reached(self, old: Piece | None, new: Piece) -> Iterator[Part]:
        """What it newly reaches for; what it is about itself aside."""
        before = Counter(reaches(old, self.before)) if old is not None else Counter[Reach]()
        own = self.after.of(new)
        for reach in reaches(new, self.after):
            before[reach] -= 1
            if before[reach] < 0 and reach.categories != own:
                what = f"{reach.what} in {new.name}" if new.name else reach.what
                about, line = reach.categories, reach.line
                yield Part(self.path, what, None, Deed.REACHES, about, line, new.binds)

    def _moved(self) -> Iterator[Part]:
        """What has an effect where it stands, and stands elsewhere among its like."""
        old, new = (_in_order(outline.source) for outline in (self.before, self.after))
        both = Counter(map(_mark, old)) & Counter(map(_mark, new))
        for inside in dict.fromkeys(piece.inside for piece in new):
            was, now = (
                [p for p in pieces if both[_mark(p)] and p.inside == inside]
                for pieces in (old, new)
            )
            for a, b in zip(was, now, strict=False):
                if _mark(a) != _mark(b):
                    about = self.after.of(b)
                    yield Part(self.path, b.name, b.kind, Deed.MOVES, about, b.line, b.binds)

    def _names(self, changed: set[Piece]) -> Iterator[Part]:
        """Names set once more than before, and new ones that what was there would now find."""
        old, new = self.before.source, self.after.source
        for name, count in new.bound.items():
            at = [piece for piece in new.pieces if name in piece.binds][-1].line
            if count > max(1, old.bound[name]):
                what = f"sets {name} twice"
                yield Part(self.path, what, None, Deed.REACHES, OTHER, at, frozenset((name,)))
            users = [p for p in new.pieces if name in p.uses and p not in changed]
            for about in {self.after.of(p) for p in users} if not old.bound[name] else ():
                what = f"sets {name}, which others use"
                yield Part(self.path, what, None, Deed.REACHES, about, at, frozenset((name,)))


def _is_named(piece: Piece) -> bool:
    return bool(piece.name) and not piece.name.endswith(".")


def _only_in(source: Source, other: Source) -> list[Piece]:
    """Statements that stand in one file, and not or less often in another."""
    left = Counter(_mark(piece) for piece in other.pieces)
    found = []
    for piece in (piece for piece in source.pieces if not _is_named(piece)):
        left[_mark(piece)] -= 1
        if left[_mark(piece)] < 0:
            found.append(piece)
    return found


def _mark(piece: Piece) -> tuple[str, str]:
    return piece.name, piece.text


def _in_order(source: Source) -> list[Piece]:
    """Pieces whose place among the others may matter."""
    placed = (Kind.STATEMENT, Kind.COMPUTED)
    return [
        piece
        for piece in source.pieces
        if piece.kind in placed
        or (piece.kind is Kind.VALUE and piece.inside)
        or any(source.bound[name] > 1 for name in piece.binds)
    ]
