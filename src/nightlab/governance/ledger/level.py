"""What a candidate's metrics come to beside the baseline's, though the two met different seeds."""

from __future__ import annotations

import math
from collections.abc import Iterable

from nightlab.types import COMPARED, History, Outcome, Purpose, Trial


def levels(history: History, trial: Trial, metrics: Iterable[str]) -> dict[str, float | None]:
    """Each metric of a candidate, on the level of the baseline's mean over its panel.

    One that met exactly the panel has its plain mean. One that was dropped early, or met further
    seeds, has its mean difference on the seeds that it shares with the baseline, or with the trial
    that it was compared with, added to the level of that one. None where a run lacks the metric.
    """
    return {name: _level(history, trial, name, frozenset({trial.number})) for name in metrics}


def _level(history: History, trial: Trial, metric: str, seen: frozenset[int]) -> float | None:
    purposes = (Purpose.PANEL,) if trial.number else (Purpose.BASELINE,)
    values = trial.values(metric, purposes)
    if not values or not _complete(trial, metric, purposes):
        return None
    panel = history.baseline.values(metric, (Purpose.BASELINE,))
    if not trial.number or values.keys() == panel.keys():
        return _mean(values.values())
    for other in _compared_with(history, trial):
        known = other.values(metric, COMPARED)
        if other.number in seen or not values.keys() <= known.keys():
            continue
        level = _level(history, other, metric, seen | {other.number})
        if level is not None:
            return level + _mean(value - known[seed] for seed, value in values.items())
    return _mean(values.values())


def _compared_with(history: History, trial: Trial) -> list[Trial]:
    """Whose seeds it may share: the baseline, and whom the judge set it against."""
    against = trial.verdict.evidence.get("against") if trial.verdict else None
    return [history.baseline, history.trial(int(against))] if against else [history.baseline]


def _complete(trial: Trial, metric: str, purposes: Iterable[Purpose]) -> bool:
    wanted = frozenset(purposes)
    return all(
        metric in run.metrics
        for run in trial.runs
        if run.purpose in wanted and run.outcome is Outcome.OK
    )


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return math.fsum(found) / len(found)
