"""A budget in seconds that a trial did not keep, by Nightlab's own clock."""

from __future__ import annotations

from statistics import median

from nightlab.judge.rules import SERVING, TRAINING, Finding
from nightlab.types import History, Trial

BUDGET = "budget"
"""The rule's name."""

_PART = 0.15
_MOST, _START = 5.0, 0.5
"""A trial may train longer than the baseline by this part of the budget, and a tenth of it, these
seconds at most, and a start."""

_SERVING = 2.0
"""It may answer for so many times as long, and a second: a larger model needs it."""


def overspent(history: History, trial: Trial, budget: float | None) -> Finding | None:
    """The finding that training took longer than a budget in seconds allows, None where it didn't.

    The baseline's median is what a run takes besides its budget and with it: start, compilation,
    saving. None too where there is no such budget, or an older version measured no time.
    """
    if budget is None:
        return None
    part, start = _PART * budget, min(_MOST, 0.1 * budget) + _START
    for metric, times, more in ((TRAINING, 1.0, part + start), (SERVING, _SERVING, part + 1.0)):
        ours, theirs = _seconds(trial, metric), _seconds(history.baseline, metric)
        if ours is not None and theirs is not None and ours > times * theirs + more:
            name = metric.removesuffix("_seconds")
            said = f"{name} took {ours:.3g} s where the baseline took {theirs:.3g} s"
            return Finding(BUDGET, False, f"{said}: the budget of {budget:g} s was not kept")
    return None


def trained(trial: Trial) -> float | None:
    """The median seconds of `train` in runs of the usual budget, None where none was measured."""
    return _seconds(trial, TRAINING)


def _seconds(trial: Trial, metric: str) -> float | None:
    seconds = trial.values(metric).values()
    return median(seconds) if seconds else None
