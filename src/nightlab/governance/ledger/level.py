"""What a candidate's metrics come to beside the baseline's, though the two met different seeds."""

from __future__ import annotations

import math
from collections.abc import Iterable

from nightlab.types import COMPARED, History, Outcome, Purpose, Trial


def levels(history: History, trial: Trial, metrics: Iterable[str]) -> dict[str, float | None]:
    """Each metric of a candidate, on the level of the baseline's mean over its panel.

    Of the primary metric that is the gain which the judge found, on the level of the trial that it
    was judged against. Of others it is the mean difference from that trial on the same seeds, or
    from the baseline, where it met other seeds than that trial. Who met exactly the panel, as those
    have, has the plain mean. A rate that nobody saw below zero is not put there by such a sum. None
    where a run lacks the metric.
    """
    return {name: _level(history, trial, name, frozenset({trial.number})) for name in metrics}


def _level(history: History, trial: Trial, metric: str, seen: frozenset[int]) -> float | None:
    purposes = (Purpose.PANEL,) if trial.number else (Purpose.BASELINE,)
    values = trial.values(metric, purposes)
    if not values or not _complete(trial, metric, purposes):
        return None
    others = _compared_with(history, trial)
    if not trial.number or _all_met_the_panel(history, metric, trial, *others):
        return _mean(values.values())
    gain = _gain(trial) if metric == history.metric else None
    for other in others:
        known = other.values(metric, COMPARED)
        if other.number in seen or (gain is None and not values.keys() <= known.keys()):
            continue
        level = _level(history, other, metric, seen | {other.number})
        if level is not None:
            if gain is None:
                placed = level + _mean(value - known[seed] for seed, value in values.items())
            else:
                placed = level + history.direction.sign * gain
            return max(0.0, placed) if min((*values.values(), *known.values())) >= 0 else placed
    return _mean(values.values())


def _gain(trial: Trial) -> float | None:
    """By how much the judge found it better than the one that it was set against."""
    found = trial.verdict.evidence.get("gain") if trial.verdict else None
    return found if isinstance(found, float) and math.isfinite(found) else None


def _compared_with(history: History, trial: Trial) -> list[Trial]:
    """Whose seeds it may share: whom the judge set it against, and the baseline."""
    against = trial.verdict.evidence.get("against") if trial.verdict else None
    return [history.trial(int(against)), history.baseline] if against else [history.baseline]


def _all_met_the_panel(history: History, metric: str, *trials: Trial) -> bool:
    """Whether plain means are their paired differences: nobody was decided on other seeds."""
    panel = history.baseline.values(metric, (Purpose.BASELINE,)).keys()
    others = [each for each in trials if each.number]
    return all(each.values(metric, (Purpose.PANEL,)).keys() == panel for each in others)


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
