"""Repeats: ideas that were tried before, or all but so."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from nightlab.program.space import BoolParameter, ChoiceParameter, Space
from nightlab.remember.memory.effects import kinds_of
from nightlab.remember.memory.steps import NUMERIC, Step, place, unit
from nightlab.types import History, Lesson, Parameters, Trial

NEAR = 0.05
"""Nearer than this to an earlier trial, for each parameter that moved, is a repeat of it."""

ALIKE = 0.6
"""Edits that share so much of the words that they change are alike."""

OFTEN = 2
"""An edit that is like so many before it is a repeat."""

EDITS = 200
"""So many of the last edits are compared."""

AS_TRIED = ("already tried", "the same change crashed")


@dataclass(frozen=True)
class Repeats:
    """Of so many ideas, those refused as tried, those next to an earlier trial, and like edits."""

    ideas: int
    refused: int = 0
    near: int = 0
    alike: int = 0

    @property
    def count(self) -> int:
        """How many of the ideas are repeats."""
        return self.refused + self.near + self.alike

    def __str__(self) -> str:
        kinds = {
            f"{self.refused} refused as tried": self.refused,
            f"{self.near} next to an earlier trial": self.near,
            f"{self.alike} edited the same again": self.alike,
        }
        told = ", ".join(text for text, count in kinds.items() if count)
        said = f"{self.count} of the last {self.ideas} ideas repeat what was tried"
        return f"{said} ({told})" if told else said


def repeats(
    history: History,
    late: Sequence[Trial],
    lessons: Sequence[Lesson],
    steps: Sequence[Step],
    space: Space,
) -> Repeats:
    """Among the trials `late` and what was refused since; `lessons` and `steps` are of all."""
    numbers = frozenset(trial.number for trial in late)
    first = max(max(history.kept, default=0), min(numbers, default=1) - 1)
    refused = [r for r in history.refusals if r.after >= first and r.reason.startswith(AS_TRIED)]
    alike = _alike([x for x in lessons if x.trial.edited][-EDITS:], numbers)
    near = _near(steps, numbers, space)
    return Repeats(len(late) + len(refused), len(refused), near, alike)


def _near(steps: Sequence[Step], numbers: frozenset[int], space: Space) -> int:
    """How many of those steps of this campaign ended next to where an earlier one did.

    A step that went next to nowhere is not one for that: it must end nearer to the earlier trial
    than half its own way.
    """
    import numpy as np

    after = np.array([_coordinates(space, step.after) for step in steps], float)
    ends = np.array([f"{s.lesson.campaign}/{s.lesson.trial.number}" for s in steps])
    found = 0
    for at, step in enumerate(steps):
        if not at or not step.names or not _is_of(step.lesson, numbers):
            continue
        others = ends[:at] != step.against
        away = np.abs(after[:at] - after[at]).sum(axis=1)[others] / len(step.names)
        found += bool((away < min(NEAR, _own_way(step) / 2)).any())
    return found


def _own_way(step: Step) -> float:
    """How far it went for each parameter that moved; another option is a distance of 1."""
    ways = (abs(way) if at == NUMERIC else abs(way) / 2 for (_, at), way in step.moved.items())
    return sum(ways) / len(step.names)


def _is_of(lesson: Lesson, numbers: frozenset[int]) -> bool:
    return not lesson.campaign and lesson.trial.number in numbers


def _coordinates(space: Space, values: Parameters) -> list[float]:
    """Values as a point: between two options lies a distance of 1. What has no effect stays put."""
    point: list[float] = []
    for name, parameter in space.parameters.items():
        value, counts = values.get(name), parameter.active(values)
        if isinstance(parameter, (BoolParameter, ChoiceParameter)):
            at = place(parameter.options, value) if value is not None and counts else None
            point += [0.5 * (option == at) for option in range(len(parameter.options))]
        else:
            here = unit(parameter, value) if value is not None and counts else 0.0
            point.append(float("nan") if here is None else here)
    return point


def _alike(edits: Sequence[Lesson], numbers: frozenset[int]) -> int:
    """How many of those edits are of one kind with, and change the words of, several before."""
    seen: list[tuple[str, frozenset[str]]] = []
    found = 0
    for lesson in edits:
        kind, words = kinds_of(lesson)[0], _words(lesson.trial.diff)
        before = sum(kind == other and _overlap(words, known) >= ALIKE for other, known in seen)
        found += _is_of(lesson, numbers) and before >= OFTEN
        seen.append((kind, words))
    return found


def _words(diff: str) -> frozenset[str]:
    """The words of the lines that a diff changes."""
    lines = re.findall(r"^[+-](?!\+\+ |-- )(.*)$", diff, re.MULTILINE)
    return frozenset(word for line in lines for word in re.findall(r"[A-Za-z_]\w*", line))


def _overlap(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other) if one and other else 0.0
