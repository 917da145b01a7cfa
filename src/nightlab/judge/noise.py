"""How noisy the experiment is, learned from the baseline's seeds and from every settled pair."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from nightlab.types import History

_POOLED = 200
"""How many of the last trials the spread is learned from: enough, and quick after thousands."""


@dataclass(frozen=True)
class Noise:
    """The standard deviation of a paired difference, and the degrees of freedom behind it.

    With a single seed nothing is known: the deviation is infinite.
    """

    sigma: float
    freedom: int
    deterministic: bool

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


def measure_noise(history: History) -> Noise:
    """Pool the baseline's spread over seeds (a pair's variance is twice it) with that of pairs.

    Deterministic means that all of at least two baseline runs agree exactly.
    """
    values = list(history.baseline.values(history.metric).values())
    if len(values) < 2:
        return Noise(math.inf, 0, False)
    if len(set(values)) == 1:
        return Noise(0.0, len(values) - 1, True)
    squares, freedom = 2 * _squares(values), len(values) - 1
    for trial in history.trials[-_POOLED:]:
        if trial.verdict is None or trial.failed:
            continue
        pairs = list(history.differences(trial, history.baseline).values())
        if len(pairs) >= 2:
            squares += _squares(pairs)
            freedom += len(pairs) - 1
    return Noise(math.sqrt(squares / freedom), freedom, False)


def _squares(values: Iterable[float]) -> float:
    """Sum of squared deviations from the mean."""
    numbers = list(values)
    mean = sum(numbers) / len(numbers)
    return sum((number - mean) ** 2 for number in numbers)
