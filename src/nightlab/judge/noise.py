"""How noisy an experiment is: how far runs lie apart, and how much of that a seed explains."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from nightlab.judge.rules import SEED_IGNORED
from nightlab.types import History, Trial, mean_difference, measured_here

_POOLED = 200
"""Of so many of the last trials at least the spread is learned: enough, and quick after more."""

_BLOCK = 50
"""So many are dropped at a time, for the sum of the rest begins anew then."""

_CAREFUL = 0.674
"""What seeds leave unexplained is put at the upper quartile of what the pairs allow."""

_OWN = 8.0
"""So many degrees of freedom the pooled spread counts for, beside a trial's own."""

_CLOSEST = 1 - 1e-9
"""A seed never explains more than this: beyond it, floating point decides."""


@dataclass(frozen=True)
class Noise:
    """The standard deviation of one run over seeds, and the degrees of freedom behind it.

    `rest` is the share of the variance that two runs of one seed do not have in common, as `pairs`
    degrees of freedom have it: 1 where only the baseline's seeds are known. With a single run
    nothing is known: the deviation is infinite.
    """

    sigma: float
    freedom: float
    deterministic: bool
    rest: float = 1.0
    pairs: int = 0

    @property
    def pairing(self) -> float:
        """The share that a seed brings to all trials alike, carefully put: what decides."""
        return self._pairing(_CAREFUL)

    @property
    def likely_pairing(self) -> float:
        """The best guess of it: a half until pairs tell. What estimates are made with."""
        if self.deterministic:
            return 1.0
        return self._pairing(0.0) if self.pairs else 0.5

    @property
    def seen_pairing(self) -> float:
        """The pairing as the pairs alone have it, however few: what is worth another run."""
        return min(_CLOSEST, max(0.0, 1 - self.rest))

    def _pairing(self, quantile: float) -> float:
        """With `rest` at this normal quantile of what so few pairs allow it to be."""
        if not self.pairs:
            return 0.0
        small = 2 / (9 * self.pairs)  # Wilson & Hilferty, The distribution of chi-square, 1931
        allowed = max(1e-3, (1 - small - quantile * math.sqrt(small)) ** 3)
        return min(_CLOSEST, max(0.0, 1 - self.rest / allowed))

    def difference_of(
        self, ours: Mapping[int, float], theirs: Mapping[int, float], pairing: float | None = None
    ) -> tuple[float, float] | None:
        """How far our mean lies above theirs, by seed, and the standard error of that."""
        if self.deterministic:
            found = mean_difference(ours, theirs, 1.0)
            return found and (found[0], 0.0)
        found = mean_difference(ours, theirs, self.pairing if pairing is None else pairing)
        return found and (found[0], self.sigma * math.sqrt(found[1]))

    def with_own(self, values: Iterable[float]) -> Noise:
        """Moderated by the spread of the trial in question, which may be noisier than others.

        The weighted mean of both variances, as in Smyth, Linear models and empirical Bayes methods
        for assessing differential expression, 2004; never below the pooled one.
        """
        own, freedom = spread(values)
        if not freedom or self.deterministic or not math.isfinite(self.sigma):
            return self
        weight = min(self.freedom, _OWN)
        variance = (weight * self.sigma**2 + own) / (weight + freedom)
        if variance <= self.sigma**2:
            return self
        return replace(self, sigma=math.sqrt(variance))


class NoiseMeter:
    """Measures noise from a history. It remembers what the settled trials told, no more."""

    def __init__(self) -> None:
        self._sums: list[tuple[Trial, Trial, _Spread]] = []
        self._base = (0, _Spread())
        self._seen: History | None = None
        self._found: list[tuple[Trial | None, Noise]] = []

    def measure(self, history: History, trial: Trial | None = None) -> Noise:
        """The noise, from the baseline, the last settled trials, and from `trial` itself.

        Two spreads are pooled: of each trial over its seeds, and of the paired differences between
        each trial and the incumbent of its day. What the second is smaller than the first by, the
        seeds explain. Deterministic means that all of at least two baseline runs agree exactly,
        and that no other trial says otherwise.
        """
        if self._seen is not history:
            self._seen, self._found = history, []
        known = next((noise for asked, noise in self._found if asked is trial), None)
        if known is None:
            known = self._measured(history, trial)
            self._found.append((trial, known))
        return known

    def _measured(self, history: History, trial: Trial | None) -> Noise:
        values = measured_here(history.baseline.values(history.metric)).values()
        total = self._settled(history, _Spread().plus_runs(values))
        for each in history.open if trial is None else (trial,):
            if each.verdict is None:
                total = total.plus(_told(history, each, history.incumbent))
        return total.noise()

    def _settled(self, history: History, base: _Spread) -> _Spread:
        """`base` and what the last settled trials tell, summed anew from the first that changed."""
        first = max(0, (len(history.trials) - _POOLED) // _BLOCK * _BLOCK)
        pooled = history.trials[first:]
        same = 0
        if (first, base) == self._base:
            trials, baseline = history.trials, history.baseline
            for (trial, rival, _), each in zip(self._sums, pooled, strict=False):
                against = rival.number  # of the same trial it is the same, but it may have met more
                if trial is not each or rival is not (trials[against - 1] if against else baseline):
                    break
                same += 1
        del self._sums[same:]
        self._base = (first, base)
        for each in pooled[same:]:
            total, rival = self._sums[-1][2] if self._sums else base, _rival(history, each)
            if each.verdict is not None and not each.failed and each.verdict.rule != SEED_IGNORED:
                total = total.plus(_told(history, each, rival))
            self._sums.append((each, rival, total))
        return self._sums[-1][2] if self._sums else base


def _rival(history: History, trial: Trial) -> Trial:
    """What a trial was compared with when it was settled; the baseline of one that is not."""
    against = trial.verdict.evidence.get("against", 0) if trial.verdict else 0
    return history.trial(int(against))


def measure_noise(history: History, trial: Trial | None = None) -> Noise:
    """The noise of a history, by a meter that remembers nothing."""
    return NoiseMeter().measure(history, trial)


def of_values(*samples: Iterable[float]) -> Noise:
    """The noise that repeats of several trials show, where nothing else is known."""
    total = _Spread()
    for sample in samples:
        total = total.plus_runs(sample)
    return total.noise()


def spread(values: Iterable[float]) -> tuple[float, int]:
    """The sum of squared deviations from the mean, and its degrees of freedom.

    Infinite where values are so wild that floating point has no number for it.
    """
    numbers = list(values)
    if len(numbers) < 2:
        return 0.0, 0
    try:
        mean = math.fsum(numbers) / len(numbers)
        return math.fsum((number - mean) ** 2 for number in numbers), len(numbers) - 1
    except OverflowError:
        return math.inf, len(numbers) - 1


@dataclass(frozen=True)
class _Spread:
    """Sums of squares with their degrees of freedom: of runs over seeds, and of pairs."""

    runs: float = 0.0
    run_freedom: int = 0
    pairs: float = 0.0
    pair_freedom: int = 0

    def plus(self, other: _Spread) -> _Spread:
        return _Spread(
            self.runs + other.runs,
            self.run_freedom + other.run_freedom,
            self.pairs + other.pairs,
            self.pair_freedom + other.pair_freedom,
        )

    def plus_runs(self, values: Iterable[float]) -> _Spread:
        squares, freedom = spread(values)
        return self.plus(_Spread(squares, freedom))

    def noise(self) -> Noise:
        """Pooled. What seeds explain is believed by degrees, as pairs speak for it."""
        if not self.run_freedom or math.isinf(self.runs):
            return Noise(math.inf, 0, False)
        if self.runs == 0.0:
            return Noise(0.0, self.run_freedom, True)
        variance = self.runs / self.run_freedom
        if not self.pair_freedom:
            return Noise(math.sqrt(variance), self.run_freedom, False)
        rest = self.pairs / self.pair_freedom / (2 * variance)
        noise = Noise(math.sqrt(variance), 0, False, rest, self.pair_freedom)
        share = noise.pairing
        return replace(noise, freedom=(1 - share) * self.run_freedom + share * self.pair_freedom)


def _told(history: History, trial: Trial, rival: Trial) -> _Spread:
    """What one trial tells, beside the one that it was compared with: nothing of a wild one."""
    own = spread(measured_here(trial.values(history.metric)).values())
    pairs = spread(history.differences(trial, rival).values())
    return _Spread() if math.isinf(own[0] + pairs[0]) else _Spread(*own, *pairs)
