"""The bounds of a change: its scope, and what is pinned. They hold for values and code alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from nightlab.change import Edits, Files, Refused
from nightlab.change.about import Part, find_parts
from nightlab.change.settings import ChangeSettings
from nightlab.program.space import Parameter, Scope
from nightlab.types import NightlabError

_SHOWN = 3


@dataclass(frozen=True)
class Bounds:
    """What a change may be about. `pinned` names never move, whatever the scope."""

    scope: Scope = "all"
    space: Mapping[str, Parameter] = field(default_factory=dict)
    pinned: frozenset[str] = frozenset()

    @classmethod
    def of(cls, settings: ChangeSettings) -> Bounds:
        """The bounds that the settings draw."""
        return cls(settings.scope, settings.space, frozenset(settings.pinned))

    def check(self, edits: Edits, files: Files) -> None:
        """Raise Refused for edits of these files that are outside, naming each part that is."""
        if self.scope == "all" and not self.pinned:
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


def _heads(parts: list[Part]) -> list[Part]:
    """Without the members of classes that are named themselves."""
    named = {(part.path, part.name, part.deed) for part in parts if part.name}
    return [p for p in parts if (p.path, p.name.rpartition(".")[0], p.deed) not in named]
