"""Effects of parameters, options and kinds of change, all trials taken together."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from nightlab.program.space import BoolParameter, ChoiceParameter, Space
from nightlab.remember.memory import Sources
from nightlab.remember.memory.niche import OTHER, SIMPLIFICATION
from nightlab.remember.memory.ridge import Posterior, regress
from nightlab.remember.memory.steps import NUMERIC, Column, Step, bends, moves, steps_of
from nightlab.types import Effect, History, Lesson, Parameters, Value

LAST = 1000
"""So many lessons are looked at, the last ones."""


@dataclass(frozen=True)
class Learned:
    """What the lessons teach: the steps they were, and one fit of all their gains.

    `columns` are the coefficients of `posterior`, in their order. Gains along a number are a
    parabola, and its effect is how that rises at the incumbent's values, `centre`.
    """

    space: Space
    centre: Parameters
    lessons: Sequence[Lesson] = ()
    steps: Sequence[Step] = ()
    columns: Sequence[Column] = ()
    posterior: Posterior | None = None
    effects: Sequence[Effect] = ()

    def predict(self, before: Parameters, after: Parameters) -> tuple[float, float]:
        """What going from these values to those is expected to gain, and the error of that.

        Of what was never moved, nothing is expected, and nothing is in the error.
        """
        if self.posterior is None:
            return 0.0, 0.0
        moved = moves(self.space, before, after)
        row = {**moved, **bends(self.space, before, after, self.centre, moved)}
        return self.posterior.of([row.get(column, 0.0) for column in self.columns])

    def share(self, step: Step, name: str) -> float:
        """What of a step's gain one parameter has brought: less what the others are known for."""
        others = (way * self.means[at] for at, way in _row(step).items() if at[0] != name)
        return (step.lesson.gain or 0.0) - sum(others)

    @cached_property
    def means(self) -> Mapping[Column, float]:
        """The expected gain of each column; what no measured trial has moved has none."""
        known = self.posterior.mean.tolist() if self.posterior is not None else []
        return defaultdict(float, zip(self.columns, known, strict=False))


def effects(lessons: Sequence[Lesson], history: History, sources: Sources) -> list[Effect]:
    """What moving each thing has brought, the surest first."""
    return list(learn(lessons, history, sources).effects)


def learn(lessons: Sequence[Lesson], history: History, sources: Sources) -> Learned:
    """All that the gains of the last lessons teach. `history` is of the campaign that goes on."""
    last = lessons[-LAST:]
    steps = steps_of(last, history, sources)
    measured = [step for step in steps if has_gain(step.lesson) and step.moved]
    rows = [_row(step) for step in measured]
    columns = sorted({column for row in rows for column in row})
    posterior = regress(
        [[row.get(column, 0.0) for column in columns] for row in rows],
        [step.lesson.gain or 0.0 for step in measured],
        [step.lesson.error for step in measured],
        [step.against for step in measured],
    )
    found = [*of_kinds(last)]
    if posterior is not None:
        found += _of_parameters(sources.space, measured, columns, posterior)
    found.sort(key=lambda e: (-abs(e.gain) / e.error if e.error else 0.0, e.name, str(e.value)))
    centre = history.incumbent.parameters
    return Learned(sources.space, centre, last, steps, columns, posterior, found)


def _of_parameters(
    space: Space, steps: Sequence[Step], columns: Sequence[Column], posterior: Posterior
) -> list[Effect]:
    movers: dict[Column, list[str]] = {}
    for step in steps:
        for column in step.moved:
            movers.setdefault(column, []).append(step.lesson.name)
    found = []
    for column in movers:
        gain, error = posterior.of(_contrast(column, columns))
        name, value = column[0], _value(space, column)
        found.append(Effect(name, gain, error, value, lessons=tuple(movers[column])))
    return found


def _row(step: Step) -> Mapping[Column, float]:
    return {**step.moved, **step.bent}


def _contrast(column: Column, columns: Sequence[Column]) -> list[float]:
    """A numeric parameter by itself; an option against the mean of the others that were seen."""
    others = [each for each in columns if each[0] == column[0] and each[1] >= 0 and each != column]
    return [1.0 if c == column else -1 / len(others) if c in others else 0.0 for c in columns]


def _value(space: Space, column: Column) -> Value | None:
    parameter = space.parameters[column[0]]
    if column[1] == NUMERIC or not isinstance(parameter, (BoolParameter, ChoiceParameter)):
        return None
    return parameter.options[column[1]]


def has_gain(lesson: Lesson) -> bool:
    """Whether what it gained is known, and a number."""
    return lesson.gain is not None and math.isfinite(lesson.gain)


def kinds_of(lesson: Lesson) -> tuple[str, ...]:
    """The kind of its niche; where it made the study shorter, what it is most about besides."""
    if lesson.trial.lines >= 0:
        return (lesson.niche.kind,)
    return next(iter(lesson.trial.about), OTHER), SIMPLIFICATION


def of_kinds(lessons: Sequence[Lesson]) -> list[Effect]:
    """The mean gain of each kind of change, drawn to the mean of all where trials are few."""
    measured = [lesson for lesson in lessons if has_gain(lesson)]
    names = sorted({kind for lesson in measured for kind in kinds_of(lesson)})
    rows = [[1.0, *(float(name in kinds_of(each)) for name in names)] for each in measured]
    posterior = regress(
        rows,
        [each.gain or 0.0 for each in measured],
        [each.error for each in measured],
        [each.campaign for each in measured],
    )
    if posterior is None:
        return []
    found = []
    for name in names:
        mine = [at for at, each in enumerate(measured) if name in kinds_of(each)]
        mean = [sum(rows[at][i] for at in mine) / len(mine) for i in range(len(names) + 1)]
        gain, error = posterior.of(mean)
        members = tuple(measured[at].name for at in mine)
        found.append(Effect(name, gain, error, of_kind=True, lessons=members))
    return found
