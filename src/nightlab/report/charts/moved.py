"""Which parameters were moved, by which trials, and what is known of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nightlab.program.space import FloatParameter, IntParameter, Parameter
from nightlab.types import Effect, History, Lesson, Memory, Value


@dataclass(frozen=True)
class Moves:
    """One parameter: the trials that moved it, its effects, and the value that is held now."""

    name: str
    lessons: Sequence[Lesson]
    effects: Sequence[Effect]
    parameter: Parameter | None
    now: Value | None

    @property
    def numeric(self) -> IntParameter | FloatParameter | None:
        """The parameter, where it has a low end and a high one."""
        found = self.parameter
        return found if isinstance(found, (IntParameter, FloatParameter)) else None


def moves(history: History, memory: Memory, space: Mapping[str, Parameter]) -> list[Moves]:
    """The parameters that were moved: those with the surest effects first, then by name."""
    moved: dict[str, list[Lesson]] = {}
    for lesson in memory.lessons:
        for name in lesson.trial.moved:
            moved.setdefault(name, []).append(lesson)
    known = [each for each in memory.effects if not each.of_kind]
    order = list(dict.fromkeys(each.name for each in known))
    names = [*(name for name in order if name in moved), *sorted(set(moved) - set(order))]
    held = history.incumbent.parameters
    return [
        Moves(name, moved[name], [e for e in known if e.name == name], space.get(name), now)
        for name, now in ((name, held.get(name)) for name in names)
    ]
