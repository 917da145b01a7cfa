"""Regions that crash: from which value of a parameter on, up or down."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from nightlab.program.claim import Claim, Form
from nightlab.remember.memory.effects import Learned
from nightlab.remember.memory.evidence import Evidence
from nightlab.types import Decision, Lesson

FEWEST = 2
"""So many crashes at least make a region."""


@dataclass(frozen=True)
class Toll:
    """The trials of a region: those that crashed, and those that ran."""

    crashed: tuple[str, ...] = ()
    ran: tuple[str, ...] = ()

    @classmethod
    def of(cls, lessons: Sequence[Lesson]) -> Toll:
        """Of these trials."""
        crashes = {lesson.name: has_crashed(lesson) for lesson in lessons}
        bad = tuple(name for name, crashed in crashes.items() if crashed)
        return cls(bad, tuple(name for name, crashed in crashes.items() if not crashed))

    @property
    def size(self) -> int:
        """How many they are."""
        return len(self.crashed) + len(self.ran)

    def __str__(self) -> str:
        return f"{len(self.crashed)} of {self.size}"


def in_region(claim: Claim, learned: Learned) -> Evidence:
    """Whether trials in the region crash more often than the others do."""
    bound = claim.value if isinstance(claim.value, (int, float)) else math.nan
    above = claim.form is Form.CRASHES_ABOVE
    seen = _values(claim.name, learned)
    inside = [(value >= bound if above else value <= bound) for value, _ in seen]
    there = Toll.of([x for (_, x), is_in in zip(seen, inside, strict=True) if is_in])
    elsewhere = Toll.of([x for (_, x), is_in in zip(seen, inside, strict=True) if not is_in])
    if not there.size:
        return Evidence(None, why="no trial was there")
    why = f"{there} crashed there, {elsewhere} elsewhere"
    return Evidence(_more_often(there, elsewhere), there.crashed, there.ran, why)


def regions(learned: Learned) -> Iterator[Claim]:
    """Of each parameter the regions above and below that mostly crash, two crashes at least."""
    for name in learned.space.parameters:
        seen = sorted(_values(name, learned), key=lambda each: each[0])
        below = _bound(seen)
        above = _bound(seen[::-1])
        if below is not None:
            yield Claim(Form.CRASHES_BELOW, name, below)
        if above is not None:
            yield Claim(Form.CRASHES_ABOVE, name, above)


def has_crashed(lesson: Lesson) -> bool:
    """Whether the trial crashed."""
    return lesson.trial.verdict is not None and lesson.trial.verdict.decision is Decision.CRASH


def _bound(seen: Sequence[tuple[float, Lesson]]) -> float | None:
    """How far in from the edge the region goes, of values from the edge inwards.

    Of all splits in two the likeliest, where in the outer part crashes are the most.
    """
    crashes = list(accumulate(has_crashed(lesson) for _, lesson in seen))
    best, found = math.inf, None
    for size in range(FEWEST, len(seen)):
        there, rest = crashes[size - 1], crashes[-1] - crashes[size - 1]
        if seen[size][0] == seen[size - 1][0] or there < FEWEST or 2 * there <= size:
            continue
        surprise = _surprise(there, size) + _surprise(rest, len(seen) - size)
        if surprise < best:
            best, found = surprise, seen[size - 1][0]
    return found


def _surprise(crashes: int, size: int) -> float:
    """Minus the logarithm of their likelihood, by the region's own rate of crashes."""
    return -sum(n * math.log(n / size) for n in (crashes, size - crashes) if n)


def _values(name: str, learned: Learned) -> list[tuple[float, Lesson]]:
    """The numbers that trials had there, and which trials."""
    found = ((step.after.get(name), step.lesson) for step in learned.steps)
    return [
        (value, lesson)
        for value, lesson in found
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    ]


def _more_often(one: Toll, other: Toll) -> float:
    """How likely trials of the one crash more often than those of the other, by flat priors.

    Source: Cook, Exact calculation of beta inequalities, 2005.
    """
    a, b, c, d = (len(x) + 1 for x in (one.crashed, one.ran, other.crashed, other.ran))

    def log_beta(x: float, y: float) -> float:
        return math.lgamma(x) + math.lgamma(y) - math.lgamma(x + y)

    terms = (
        log_beta(c + i, b + d) - math.log(b + i) - log_beta(1 + i, b) - log_beta(c, d)
        for i in range(a)
    )
    return min(1.0, sum(math.exp(term) for term in terms))
