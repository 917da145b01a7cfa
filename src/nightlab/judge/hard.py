"""Hard rules of early abort: what ends a run without a look at what others have learned."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nightlab.types import Curve

STEEP = 3.0
"""A run diverges above where it began, by so many times the whole fall of the incumbent's curve."""

LATE = 1.2
"""A projected end is too late when it lies beyond so many time limits."""

_AGREEING = 3


@dataclass(frozen=True)
class Report:
    """What a run said of itself, when (in seconds), and at which fraction of its budget."""

    at: float
    fraction: float
    value: float


def not_a_number(values: Sequence[float]) -> bool:
    """Whether the last value is NaN or infinite, and a number came before, or two more like it.

    Some scripts print NaN until there is something to tell.
    """
    if not values or math.isfinite(values[-1]):
        return False
    last = values[-_AGREEING:]
    never = len(last) == _AGREEING and not any(math.isfinite(value) for value in last)
    return never or any(math.isfinite(value) for value in values)


def diverges(values: Sequence[float], reference: Curve) -> bool:
    """Whether the last three values lie far above the beginning. Smaller values are better.

    Far is several times what the incumbent's curve falls in all.
    """
    if len(values) <= _AGREEING or len(reference) < 2:
        return False
    fall = reference[0][1] - reference[-1][1]
    limit = max(values[0], reference[0][1]) + STEEP * fall
    return fall > 0 and all(value > limit for value in values[-_AGREEING:])


def projected(reports: Sequence[Report]) -> float | None:
    """Seconds that the run will have taken since its first report, None where it is too early.

    By the rate since that report, or since the middle one where that is higher.
    """
    if len(reports) < 3 or reports[-1].fraction < 0.1:
        return None
    last = reports[-1]
    rates = [
        (last.fraction - before.fraction) / (last.at - before.at)
        for before in (reports[0], reports[len(reports) // 2])
        if last.at > before.at
    ]
    if last.fraction - reports[0].fraction < 0.05 or max(rates, default=0.0) <= 0:
        return None
    return last.at - reports[0].at + (1 - last.fraction) / max(rates)


def overruns(reports: Sequence[Report], limit: float) -> float | None:
    """The projected seconds where three reports in a row say that they clearly exceed the limit."""
    ends = [projected(reports[: len(reports) - back]) for back in range(_AGREEING)]
    late = all(end is not None and end > LATE * limit for end in ends)
    return ends[0] if late else None
