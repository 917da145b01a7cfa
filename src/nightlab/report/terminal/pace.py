"""How long things take here, and what that says of what is left."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from nightlab.program.quantity import format_seconds
from nightlab.types import Outcome, Run, Trial

if TYPE_CHECKING:
    from nightlab.remember.record import Record
    from nightlab.stop import Stop

_FEW = 2


@dataclass(frozen=True)
class Limits:
    """What a session ends at: so many `trials` in all, a `deadline` in seconds since 1970, a
    `plateau` of trials without a keep since the session began `at` so many settled ones.
    """

    trials: int | None = None
    deadline: float | None = None
    plateau: int | None = None
    at: int = 0


def limits_of(stop: Stop, record: Record) -> Limits:
    """The limits of a session that begins now."""
    return Limits(stop.limit, stop.deadline, stop.settings.plateau, record.settled)


def seconds_a_run(trials: Iterable[Trial]) -> float | None:
    """What a good run of these trials takes, None where there is none."""
    seconds = [r.seconds for t in trials for r in t.runs if r.outcome is Outcome.OK]
    return median(seconds) if seconds else None


def seconds_left(run: Run, fraction: float | None, typical: float | None, now: float) -> float:
    """What a run in flight still takes, by its own word or by what runs take; 0 if unknown."""
    spent = max(0.0, now - run.started)
    if fraction:
        return spent * (1 - fraction) / fraction
    return max(0.0, typical - spent) if typical else 0.0


def seconds_a_trial(recent: Sequence[Trial], since: float) -> float | None:
    """The pace of the trials that were opened in this session; None for too few of them."""
    ours = [trial for trial in recent if trial.settled and trial.opened >= since]
    if len(ours) < _FEW:
        return None
    return (max(t.settled for t in ours) - min(t.opened for t in ours)) / len(ours)


def clock(seconds: float) -> str:
    """A time that is read while it goes by: `45 s`, `5 min`, `2 h 05 min`."""
    return f"{seconds:.0f} s" if seconds < 90 else format_seconds(seconds)
