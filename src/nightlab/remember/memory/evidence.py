"""Evidence for a claim: its probability, and the trials that speak for it and against it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nightlab.types import Lesson


@dataclass(frozen=True)
class Evidence:
    """What the trials say of a claim. `probability` is None where none of them bears on it."""

    probability: float | None
    for_it: tuple[str, ...] = ()
    against: tuple[str, ...] = ()
    why: str = ""

    @property
    def holds(self) -> bool:
        """Whether it is more likely than not, and not outvoted."""
        likely = self.probability is not None and self.probability >= 0.5
        return likely and not self.is_outvoted

    @property
    def is_outvoted(self) -> bool:
        """Whether more trials speak against it than for it, by more than luck would have it."""
        votes = len(self.for_it) + len(self.against)
        return len(self.against) - len(self.for_it) > math.sqrt(votes)

    @property
    def strength(self) -> float | None:
        """The probability, but no more than the trials for it allow where most are against it.

        What is so at the incumbent may have been otherwise on the way there, and the reverse.
        """
        if self.probability is None or not self.is_outvoted:
            return self.probability
        votes = (len(self.for_it) + 1) / (len(self.for_it) + len(self.against) + 2)
        return min(self.probability, votes)


@dataclass(frozen=True)
class Share:
    """A trial's gain as far as a claim accounts for it: positive speaks for the claim."""

    lesson: Lesson
    gain: float
    compared: str = ""

    @property
    def error(self) -> float:
        """How far from zero luck alone may bring it; 0 where that is not known."""
        return self.lesson.error or 0.0


def judged(said: str, gain: float, error: float, shares: Sequence[Share]) -> Evidence:
    """By a gain in the claim's favour and its error, and by each trial's share of it."""
    for_it = tuple(share.lesson.name for share in shares if share.gain > share.error)
    against = tuple(share.lesson.name for share in shares if share.gain < -share.error)
    return Evidence(below(gain / some(error)), for_it, against, counts(said, for_it, against))


def counts(said: str, for_it: Sequence[str], against: Sequence[str]) -> str:
    """What is said of a claim, and how many trials are for it and against it."""
    return f"{said}, {len(for_it)} for, {len(against)} against"


def some(error: float) -> float:
    """An error to divide by: where there is none, next to nothing."""
    return error or math.ulp(1.0)


def below(z: float) -> float:
    """The normal distribution at z."""
    return math.erfc(-z / math.sqrt(2)) / 2
