"""The best so far: which trials were a new best."""

from __future__ import annotations

from collections.abc import Sequence

from nightlab.types import Decision, History, Trial


def frontier(history: History, trials: Sequence[Trial]) -> list[tuple[int, float]]:
    """The baseline and each new best among what was kept, as (trial, value).

    By values and not by status: a keep that only made the study simpler is no new best.
    """
    best = history.estimate(history.baseline)
    points = [] if best is None else [(0, best)]
    for trial in trials:
        kept = trial.verdict is not None and trial.verdict.decision is Decision.KEEP
        value = history.estimate(trial) if kept else None
        better = value is not None and (best is None or history.direction.sign * (value - best) > 0)
        if value is not None and better:
            best = value
            points.append((trial.number, value))
    return points
