"""Steps: from which values to which a trial went, on each parameter's own scale."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from nightlab.program.space import BoolParameter, ChoiceParameter, Parameter, Space
from nightlab.remember.memory import Sources
from nightlab.types import History, Lesson, Parameters, Trial, Value

Column: TypeAlias = tuple[str, int]
"""What can move by itself: a numeric parameter, or an option of a choice by its place."""

NUMERIC = -1
"""The place in the column of a numeric parameter."""

BEND = -2
"""The place in the column of how a numeric parameter bends away from a straight line."""


@dataclass(frozen=True)
class Step:
    """A trial of nothing but parameters, from what it was measured against to its own values.

    `moved` says how far each column went: a numeric parameter between -1 and 1 of its range, an
    option 1 where it came in and -1 where it went out. `bent` says by how much the square of its
    distance from the incumbent grew.
    """

    lesson: Lesson
    against: str
    before: Parameters
    after: Parameters
    moved: Mapping[Column, float]
    bent: Mapping[Column, float]

    @cached_property
    def names(self) -> frozenset[str]:
        """The parameters that moved."""
        return frozenset(name for name, _ in self.moved)


def steps_of(lessons: Iterable[Lesson], history: History, sources: Sources) -> list[Step]:
    """Those of the lessons that are about parameters alone, in their order."""
    campaigns = {"": history, **{past.tag: past.history for past in sources.past}}
    commits = {tag: _by_commit(each) for tag, each in campaigns.items()}
    centre = history.incumbent.parameters
    found = []
    for lesson in lessons:
        trial, campaign = lesson.trial, campaigns.get(lesson.campaign)
        if campaign is None or trial.edited or not trial.parameters:
            continue
        from_ = reference(trial, campaign, commits[lesson.campaign])
        moved = moves(sources.space, from_.parameters, trial.parameters)
        against = f"{lesson.campaign}/{from_.number}"
        bent = bends(sources.space, from_.parameters, trial.parameters, centre, moved)
        found.append(Step(lesson, against, from_.parameters, trial.parameters, moved, bent))
    return found


def reference(trial: Trial, history: History, commits: Mapping[str, Trial]) -> Trial:
    """What a trial was measured against, else what it was built from, else the baseline."""
    against = trial.verdict.evidence.get("against") if trial.verdict else None
    if type(against) is int and 0 <= against <= len(history.trials) and against != trial.number:
        return history.trial(against)
    return commits.get(trial.parent, history.baseline)


def moves(space: Space, before: Parameters, after: Parameters) -> dict[Column, float]:
    """How far each column goes between two sets of values; what stays is left out.

    A parameter that has no effect at either of them does not move, whatever its value.
    """
    found: dict[Column, float] = {}
    for name, parameter in space.parameters.items():
        if name not in before or name not in after or _same(before[name], after[name]):
            continue
        if parameter.active(before) or parameter.active(after):
            found.update(_move(name, parameter, before[name], after[name]))
    return found


def bends(
    space: Space,
    before: Parameters,
    after: Parameters,
    centre: Parameters,
    moved: Iterable[Column],
) -> dict[Column, float]:
    """By how much the square of the distance from `centre` grows along each number that moves."""
    found = {}
    for name, at in moved:
        if at == NUMERIC:
            parameter = space.parameters[name]
            middle = unit(parameter, centre[name]) if name in centre else None
            here, there = (unit(parameter, values[name]) or 0.0 for values in (before, after))
            middle = here if middle is None else middle
            found[name, BEND] = (there - middle) ** 2 - (here - middle) ** 2
    return found


def unit(parameter: Parameter, value: Value) -> float | None:
    """Where a value of a numeric parameter lies, 0 to 1; None for one that is no number."""
    if isinstance(parameter, (BoolParameter, ChoiceParameter)):
        return None
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not _is_finite(value):
        return None
    return parameter.to_unit(value)


def place(options: Sequence[Value], value: Value) -> int | None:
    """Which of the options a value is. `1` and `True` are two."""
    return next((at for at, option in enumerate(options) if _same(option, value)), None)


def _same(one: Value, other: Value) -> bool:
    return type(one) is type(other) and one == other


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond all floats
        return False


def _move(name: str, parameter: Parameter, old: Value, new: Value) -> dict[Column, float]:
    if isinstance(parameter, (BoolParameter, ChoiceParameter)):
        left, came = place(parameter.options, old), place(parameter.options, new)
        if left is None or came is None or left == came:
            return {}
        return {(name, left): -1.0, (name, came): 1.0}
    here, there = unit(parameter, old), unit(parameter, new)
    if here is None or there is None or here == there:
        return {}
    return {(name, NUMERIC): there - here}


def _by_commit(history: History) -> dict[str, Trial]:
    """Trials by commit, the first of those that share one."""
    return {t.commit: t for t in (*reversed(history.trials), history.baseline) if t.commit}
