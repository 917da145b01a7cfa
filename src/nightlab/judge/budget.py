"""A budget in seconds that a trial did not keep, by Nightlab's own clock."""

from __future__ import annotations

from statistics import median

from nightlab.judge.rules import WALL_TIME, Finding
from nightlab.types import History, Trial

BUDGET = "budget"
"""The rule's name."""

_PART = 0.25
_SLACK = 5.0
"""A trial may take longer than the baseline by this part of the budget and so many seconds."""


def overspent(history: History, trial: Trial, budget: float | None) -> Finding | None:
    """The finding that training took longer than a budget in seconds allows, None where it didn't.

    The baseline's median is what a run takes besides its budget and with it: start, compilation,
    saving. None too where there is no such budget, or an older version measured no time.
    """
    ours, theirs = trained(trial), trained(history.baseline)
    if budget is None or ours is None or theirs is None:
        return None
    if ours <= theirs + _PART * budget + _SLACK:
        return None
    said = f"train took {ours:.0f} s where the baseline took {theirs:.0f} s"
    return Finding(BUDGET, False, f"{said}: the budget of {budget:g} s was not kept")


def trained(trial: Trial) -> float | None:
    """The median seconds of `train` in runs of the usual budget, None where none was measured."""
    seconds = trial.values(WALL_TIME).values()
    return median(seconds) if seconds else None
