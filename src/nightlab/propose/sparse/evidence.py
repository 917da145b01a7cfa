"""What the trials have measured, as numbers: where each was, what it gained, what it broke."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from nightlab.program.policy import Bound, Guardrail, Policy
from nightlab.program.space import Space
from nightlab.propose.sparse.columns import Columns
from nightlab.types import Decision, History, Parameters, Run, Trial

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.float64]]

REMEMBERED = 600
"""So many of the last trials count."""

_RULES = 6
"""So many rules of the policy are looked after."""
_LEAST_NOISE = 0.05
"""The noise is not taken for less than this share of what the gains differ by."""
_LARGEST = 1e300
_ENOUGH = 5
_SPREAD = 1.4826


@dataclass(frozen=True)
class Limit:
    """How far a metric may move from the baseline: `sign` times the move is at most `most`."""

    metric: str
    sign: int
    most: float


@dataclass(frozen=True)
class Evidence:
    """The trials that say something, a row each, in units of the noise of one run.

    `measured` has the gain over the baseline in its first column, and in the others by how much
    each limit's metric has moved its wrong way; `most` is how far each of those may go.
    """

    trials: Sequence[Trial]
    rows: Array
    measured: Array
    runs: Array
    most: Array


@dataclass(frozen=True)
class _Told:
    """What one trial has measured in so many runs, and by metric how far those lie apart.

    `spreads` are the roots of the sums of squared deviations.
    """

    values: tuple[float, ...]
    spreads: tuple[float, ...]
    runs: int = 1


class Records:
    """Reads a history, and remembers of each trial what it has read: most of it never changes.

    The pairing, which each trial moves a little, counts in tenths, so that this stays true.
    """

    def __init__(self, space: Space, policy: Policy) -> None:
        self.space = space
        self.policy = policy
        self.columns = Columns(space, {})
        self._rows: dict[int, tuple[Parameters, Array]] = {}
        self._told: dict[int, tuple[Sequence[Run], Sequence[Run], float, _Told | None]] = {}

    def read(self, history: History) -> Evidence:
        """What the trials of a campaign say."""
        import numpy as np

        if self.columns.origin is not history.baseline.parameters:
            self.columns = Columns(self.space, history.baseline.parameters)
            self._rows.clear()
        history = replace(history, pairing=round(history.pairing, 1))
        limits = limits_of(self.policy, history)
        known = [
            (trial, told)
            for trial in history.trials[-REMEMBERED:]
            if not trial.edited and (told := self._read(history, limits, trial)) is not None
        ]
        rows = [self.row(trial) for trial, _ in known]
        values = np.array([told.values for _, told in known]).reshape(len(known), 1 + len(limits))
        noise = _noise(values, [told for _, told in known])
        return Evidence(
            [trial for trial, _ in known],
            np.array(rows).reshape(len(known), self.columns.count),
            values / noise,
            np.array([told.runs for _, told in known], float),
            np.array([limit.most for limit in limits]) / noise[1:],
        )

    def row(self, trial: Trial) -> Array:
        """Where a trial is."""
        known = self._rows.get(trial.number)
        if known is None or known[0] is not trial.parameters:
            known = trial.parameters, self.columns.row(trial.parameters)
            self._rows[trial.number] = known
        return known[1]

    def _read(self, history: History, limits: Sequence[Limit], trial: Trial) -> _Told | None:
        base, pairing = history.baseline.runs, history.pairing
        known = self._told.get(trial.number)
        if known and known[0] is trial.runs and known[1] is base and known[2] == pairing:
            return known[3]
        told = _told(history, limits, trial)
        self._told[trial.number] = trial.runs, base, pairing, told
        return told


def limits_of(policy: Policy, history: History) -> list[Limit]:
    """The guardrails and bounds of a policy, as moves from the baseline."""
    there = {name for run in history.baseline.runs for name in run.metrics}
    rules: tuple[Guardrail | Bound, ...] = (*policy.guardrails, *policy.bounds)
    found = []
    for rule in rules:
        for name in policy.matching(rule.pattern, there):
            anchor = history.anchor(name)
            if anchor is not None:
                found.append(_limit(rule, name, anchor))
    return found[:_RULES]


def _limit(rule: Guardrail | Bound, name: str, anchor: float) -> Limit:
    if isinstance(rule, Guardrail):
        return Limit(name, 1 if rule.direction == "increase" else -1, rule.amount.of(anchor))
    sign = 1 if rule.side == "<=" else -1
    return Limit(name, sign, sign * (rule.value - anchor))


def _told(history: History, limits: Sequence[Limit], trial: Trial) -> _Told | None:
    """What a trial has measured; None where that is nothing. A crash is a loss without a size."""
    if trial.verdict is not None and trial.verdict.decision is Decision.CRASH:
        return _Told((-math.inf, *(0.0 for _ in limits)), (0.0,) * (1 + len(limits)))
    gain = history.gain(trial, history.baseline)
    if gain is None or not math.isfinite(gain):
        return None
    values, spreads = [gain], []
    for metric, sign in ((history.metric, 1), *((each.metric, each.sign) for each in limits)):
        found = history.differences(trial, history.baseline, metric).values()
        pairs = [_bounded(each) for each in found]
        mean = sum(pairs) / len(pairs) if pairs else 0.0
        spreads.append(math.hypot(*(each - mean for each in pairs)))
        values.append(sign * mean)
    values[:2] = [_bounded(gain)]  # the gain knows more than the mean of the pairs
    runs = max(1, len(history.differences(trial, history.baseline)))
    return _Told(tuple(values), tuple(spreads), runs)


def _bounded(number: float) -> float:
    """Not so large that a sum of such has no number."""
    return min(max(number, -_LARGEST), _LARGEST)


def _noise(values: Array, told: Sequence[_Told]) -> Array:
    """The standard deviation of one run, by column; crashes become the worst that was seen.

    By the spread within trials where there are enough runs, else by that of the gains: most moves
    do next to nothing.
    """
    import numpy as np

    fine = np.isfinite(values[:, 0])
    worst = min(float(values[fine, 0].min(initial=0.0)), 0.0)
    values[~fine, 0] = worst
    free = sum(each.runs - 1 for each in told)
    if free >= _ENOUGH:
        found = _root_mean_square(np.array([each.spreads for each in told]), free)
    else:
        found = _SPREAD * np.median(np.abs(values), axis=0) if len(told) else np.zeros(0)
    usual = _root_mean_square(values, len(told)) if len(told) else np.ones(values.shape[1])
    found = found if len(found) else usual
    noise: Array = np.maximum(found, _LEAST_NOISE * usual)
    return np.where(noise > 0, noise, 1.0)


def _root_mean_square(rows: Array, count: int) -> Array:
    """Of each column, over so many. It is scaled first: the square of a large number is none."""
    import numpy as np

    largest = np.abs(rows).max(axis=0, initial=0.0)
    scale = np.where(largest > 0, largest, 1.0)
    found: Array = scale * np.sqrt(((rows / scale) ** 2).sum(axis=0) / count)
    return found
