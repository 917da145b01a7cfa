"""How noisy a paired difference is, learned from pairs, and until then from the baseline."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from nightlab.types import History, Trial, measured_here

_POOLED = 200
"""How many of the last trials the spread is learned from: enough, and quick after thousands."""


@dataclass(frozen=True)
class Noise:
    """The standard deviation of a paired difference, and the degrees of freedom behind it.

    `pairs` of those degrees come from paired differences; 0 where only the baseline's seeds are
    known. With a single seed nothing is known: the deviation is infinite.
    """

    sigma: float
    freedom: int
    deterministic: bool
    pairs: int = 0

    def error(self, pairs: int) -> float:
        """Standard error of the mean of this many paired differences."""
        return self.sigma / math.sqrt(pairs)

    def boundary(self, alpha: float) -> float:
        """How many standard errors a gain must reach: Student's t quantile at 1 - alpha."""
        if self.deterministic:
            return 0.0
        if self.freedom < 1:
            return math.inf
        from scipy.special import stdtrit

        return float(stdtrit(self.freedom, 1 - alpha))


class NoiseMeter:
    """Measures noise from a history. It remembers what each settled trial told, no more."""

    def __init__(self) -> None:
        self._told: dict[int, tuple[Trial, Trial, float, int]] = {}

    def measure(self, history: History, trial: Trial | None = None) -> Noise:
        """The spread of paired differences, from the last settled trials and from `trial` itself.

        Until there are two degrees of freedom of those, the spread of the baseline over its seeds
        stands in: two independent runs differ by the square root of two times as much. That is too
        careful where a seed moves all trials alike, so pairs replace it as soon as there are any.
        Deterministic means that all of at least two baseline runs agree exactly.
        """
        values = list(measured_here(history.baseline.values(history.metric)).values())
        if len(values) < 2:
            return Noise(math.inf, 0, False, 0)
        if len(set(values)) == 1:
            return Noise(0.0, len(values) - 1, True, 0)
        squares, pairs = self._pooled(history, trial)
        if pairs >= 2:
            return Noise(math.sqrt(squares / pairs), pairs, False, pairs)
        freedom = len(values) - 1
        return Noise(math.sqrt(2 * _squares(values) / freedom), freedom, False, 0)

    def _pooled(self, history: History, trial: Trial | None) -> tuple[float, int]:
        """Squared deviations of paired differences within trials, and their degrees of freedom."""
        squares, freedom = _spread(history, trial) if trial else (0.0, 0)
        for each in history.trials[-_POOLED:]:
            if each.verdict is not None:
                more, degrees = self._of(history, each)
                squares, freedom = squares + more, freedom + degrees
        return squares, freedom

    def _of(self, history: History, trial: Trial) -> tuple[float, int]:
        """What a settled trial tells, looked up where neither it nor the baseline has changed."""
        known = self._told.get(trial.number)
        if known and known[0] is trial and known[1] is history.baseline:
            return known[2], known[3]
        told = (0.0, 0) if trial.failed else _spread(history, trial)
        self._told.pop(trial.number - 2 * _POOLED, None)
        self._told[trial.number] = (trial, history.baseline, *told)
        return told


def measure_noise(history: History, trial: Trial | None = None) -> Noise:
    """The noise of a history, by a meter that remembers nothing."""
    return NoiseMeter().measure(history, trial)


def _spread(history: History, trial: Trial) -> tuple[float, int]:
    """Squared deviations of a trial's paired differences, and their degrees of freedom."""
    pairs = list(history.differences(trial, history.baseline).values())
    return (_squares(pairs), len(pairs) - 1) if len(pairs) >= 2 else (0.0, 0)


def _squares(values: Iterable[float]) -> float:
    """Sum of squared deviations from the mean."""
    numbers = list(values)
    mean = sum(numbers) / len(numbers)
    return sum((number - mean) ** 2 for number in numbers)
