"""Before the report: what the incumbent is worth on seeds that no decision has used."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from nightlab.judge.incumbent import missing_runs
from nightlab.judge.noise import Noise, of_values
from nightlab.judge.seeds import reserved_seeds
from nightlab.types import History, Purpose, Trial, Wanted

_ONLY = frozenset({Purpose.CONFIRM})
_LOOKED_AT = 200
TAIL = 0.025
"""The interval leaves out so much on either side."""


@dataclass(frozen=True)
class Confirmation:
    """An improvement over the baseline on fresh seeds; positive is better, in the metric's unit.

    `measured` is the plain estimate, with its 95 % interval from `low` to `high`; `gain` is the
    shrunk one, which lies inside. `baseline` is the baseline's mean on those seeds.
    """

    trial: int
    measured: float
    gain: float
    low: float
    high: float
    error: float
    baseline: float
    seeds: tuple[int, ...]

    @property
    def improved(self) -> bool:
        """Whether the fresh seeds speak for an improvement at all."""
        return self.low > 0


def confirming_runs(history: History, noise: Noise, seeds: int) -> list[Wanted]:
    """The runs still wanted to confirm the incumbent, those of one seed together.

    With it a runner-up, if there is one.
    """
    if not history.incumbent.number:
        return []
    return [
        wanted
        for seed in reserved_seeds(history.seeds, seeds, Purpose.CONFIRM)
        for trial in (history.incumbent, history.baseline, *runners_up(history, noise))
        for wanted in missing_runs(trial, [seed], Purpose.CONFIRM, _ONLY)
    ]


def runners_up(history: History, noise: Noise) -> list[Trial]:
    """The trial that looks better than the incumbent by all its runs, and was not proven to be.

    A list of one or none: of the near misses the one with the largest gain in standard errors.
    """
    best = history.incumbent.values(history.metric)
    close: list[tuple[float, int, Trial]] = []
    for trial in history.trials[-_LOOKED_AT:]:
        if trial.verdict is None or trial.verdict.rule != "evidence" or trial.failed:
            continue
        found = noise.difference_of(trial.values(history.metric), best)
        gain = history.direction.sign * found[0] if found else 0.0
        if found and gain > 0 and found[1] > 0:
            close.append((gain / found[1], trial.number, trial))
    return [max(close)[2]] if close else []


def confirming_left(trial: Trial, history: History, seeds: int) -> int:
    """How many of those runs one trial still lacks."""
    pool = reserved_seeds(history.seeds, seeds, Purpose.CONFIRM)
    return len(missing_runs(trial, pool, Purpose.CONFIRM, _ONLY))


def confirmation(history: History, noise: Noise, trial: Trial | None = None) -> Confirmation | None:
    """What fresh seeds say of a trial (the incumbent, if none is given); None before they do.

    The estimate is shrunk towards no improvement by how far it stands out of its error: the mean
    of the posterior under a normal prior whose spread is estimated by the gain itself.
    """
    trial = trial or history.incumbent
    ours = trial.values(history.metric, _ONLY)
    theirs = history.baseline.values(history.metric, _ONLY)
    common = tuple(sorted(ours.keys() & theirs.keys()))
    if math.isinf(noise.sigma):
        noise = of_values(ours.values(), theirs.values())
    if not trial.number or not common or math.isinf(noise.sigma):
        return None
    noise = noise.with_own(ours.values()).with_own(theirs.values())
    found = noise.difference_of(ours, theirs)
    assert found is not None
    measured, error = history.direction.sign * found[0], found[1]
    gain, low, high = shrunk(measured, error, noise.freedom)
    return Confirmation(
        trial=trial.number,
        measured=measured,
        gain=gain,
        low=low,
        high=high,
        error=error,
        baseline=_mean(theirs),
        seeds=common,
    )


def shrunk(measured: float, error: float, freedom: float) -> tuple[float, float, float]:
    """An estimate drawn towards no improvement, and the plain interval of 95 % that it lies in.

    An interval that was drawn with it would leave out the truth far more often than it says.
    """
    reach = reach_of(error, freedom)
    return _weight(measured, error) * measured, measured - reach, measured + reach


def reach_of(error: float, freedom: float) -> float:
    """How far a plain interval of 95 % extends from an estimate, by Student's distribution."""
    return _quantile(freedom) * error if error else 0.0


def _weight(measured: float, error: float) -> float:
    """How much of an estimate remains: near 1 where it stands out, near 0 where it doesn't."""
    total = math.hypot(measured, error)
    return (measured / total) ** 2 if total else 1.0


def _quantile(freedom: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(max(1.0, freedom), 1 - TAIL))


def _mean(values: Mapping[int, float]) -> float:
    return math.fsum(values.values()) / len(values)
