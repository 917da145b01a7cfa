"""The bounds of a change: its scope, and what is pinned. They hold for values and code alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from nightlab.change import Edits, Files, Refused
from nightlab.change.about import Part, find_parts
from nightlab.change.about.pieces import Kind
from nightlab.change.settings import ChangeSettings
from nightlab.change.within import check_counts, check_within
from nightlab.program.mechanism import are_one, grouped, told
from nightlab.program.space import Parameter, Scope
from nightlab.types import NightlabError

_SHOWN = 3


@dataclass(frozen=True)
class Bounds:
    """What a change may be about. `pinned` names never move, whatever the scope.

    Of the file `keys`, an edit may move what lies `within` some paths, or everything where there
    are none. With `one_mechanism` the values that it moves have something in common.
    """

    scope: Scope = "all"
    space: Mapping[str, Parameter] = field(default_factory=dict)
    pinned: frozenset[str] = frozenset()
    keys: str | None = None
    within: tuple[str, ...] = ()
    one_mechanism: bool = False

    @classmethod
    def of(cls, settings: ChangeSettings) -> Bounds:
        """The bounds that the settings draw."""
        return cls(
            settings.scope,
            settings.space,
            frozenset(settings.pinned),
            settings.keys,
            settings.within,
            settings.one_mechanism,
        )

    def bound(self, edits: Edits) -> bool:
        """Whether these are edits of a text that is held to some of its sections."""
        return bool(self.within) and self.keys in edits

    def check(self, edits: Edits, files: Files) -> None:
        """Raise Refused for edits of these files that are outside, naming each part that is."""
        if self.keys and self.bound(edits):
            old, new = files.get(self.keys, b"{}"), edits[self.keys]
            check_within(self.keys, old, new, self.within)
            if new is not None and len(edits) == 1:
                check_counts(self.keys, old, new, self.space)
        if self.scope == "all" and not self.pinned and not self.one_mechanism:
            return
        try:
            parts = [
                part
                for path, new in edits.items()
                for part in find_parts(path, files.get(path), new, self.space)
            ]
        except NightlabError as error:
            raise Refused(str(error)) from error
        moved = sorted({name for part in parts for name in part.names & self.pinned})
        if moved:
            raise Refused(f"{', '.join(moved)} is pinned in program.md, and this changes it")
        outside = [part for part in parts if not self.allows(part)]
        if outside:
            raise Refused(self._told(outside, len({part.path for part in parts}) > 1))
        if self.one_mechanism:
            self._check_mechanism(parts)

    def _check_mechanism(self, parts: list[Part]) -> None:
        """Values count; what code does is not asked."""
        values = (part for part in parts if part.kind is Kind.VALUE)
        names = sorted({name for part in values for name in part.names})
        if not are_one(names, self.space):
            raise Refused(f"one mechanism a change, and this mixes {told(names, self.space)}")

    def allows(self, part: Part) -> bool:
        """Whether a part of a change is within the scope."""
        if self.scope == "all":
            return True
        if self.scope == "hyperparameters":
            return part.is_value
        return any(category.value == self.scope for category in part.categories)

    def _told(self, outside: list[Part], by_file: bool) -> str:
        told = [f"{part}{f' of {part.path}' if by_file else ''}" for part in _heads(outside)]
        more = f", and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
        return (
            f"the scope is {self.scope}, and this {', '.join(told[:_SHOWN])}{more};"
            " only `scope: all` in program.md allows that"
        )


def rules_of(settings: ChangeSettings) -> tuple[str, ...]:
    """What bounds an edit besides files, scope and pins: sentences for whoever proposes."""
    rules = []
    if settings.within:
        sections = " and ".join(settings.within)
        rules.append(
            f"of {settings.keys}, only what is below {sections}: values of the type that they have,"
            " within their range; keys may come and go there"
        )
    if settings.one_mechanism:
        free = settings.free().parameters
        rules.append("one mechanism a change: parameters that move together have a tag in common")
        rules += [f"{name}: {', '.join(each)}" for name, each in grouped(free, free).items()]
    return tuple(rules)


def _heads(parts: list[Part]) -> list[Part]:
    """Without the members of classes that are named themselves."""
    named = {(part.path, part.name, part.deed) for part in parts if part.name}
    return [p for p in parts if (p.path, p.name.rpartition(".")[0], p.deed) not in named]
