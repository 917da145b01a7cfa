"""What a kept change is worth: how much worse it becomes without it, on the same seeds."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from nightlab.governance.afterwards.fresh import Difference, difference
from nightlab.governance.afterwards.sample import Configuration, Sample, breaches
from nightlab.governance.afterwards.units import Unit, taken_back
from nightlab.program.policy import Policy
from nightlab.types import NightlabError, Trial


class OutOfBounds(NightlabError):
    """What is asked for would take more runs, or more time, than there may be."""


@dataclass(frozen=True)
class Bounds:
    """How much an ablation may take; the last seeds come on top of it.

    `runs` are those of its sample, and `until` is on the monotonic clock, in seconds.
    """

    runs: int
    until: float

    def check(self, sample: Sample, wanted: Sequence[Configuration], seeds: Sequence[int]) -> None:
        """Raise OutOfBounds where these are too many."""
        if sample.runs + sample.missing(wanted, seeds) > self.runs:
            raise OutOfBounds(f"that would take more than {self.runs:,} runs")
        if time.monotonic() + sample.takes(wanted, seeds) > self.until:
            raise OutOfBounds("the time is up")


@dataclass(frozen=True)
class Effect:
    """How much worse the primary metric is without a unit, and what then speaks against the rest.

    `size` is positive where the unit helps, `low` to `high` its 95 % interval; `error` is its
    standard error, of so many `seeds`. `broken` are sentences on rules of the policy that the rest
    breaks, and `failed` says that a run of it failed.
    """

    unit: Unit
    size: float
    low: float
    high: float
    error: float
    broken: tuple[str, ...] = ()
    failed: bool = False
    seeds: int = 0

    @property
    def stands_out(self) -> bool:
        """Whether the unit certainly helps."""
        return self.low > 0

    @property
    def luck(self) -> float:
        """The chance that a unit without any effect looks as helpful, by Student's distribution."""
        from scipy.special import stdtr

        if not self.error or math.isinf(self.error):
            return 0.0 if self.error == 0 < self.size else 1.0
        return float(stdtr(self.seeds - 1, -self.size / self.error))

    @property
    def is_nothing(self) -> bool:
        """Whether it is zero on every seed, and nothing breaks."""
        return self.size == self.error == 0 and not self.broken

    @property
    def rank(self) -> tuple[float, float]:
        """In standard errors, the weakest first; an exact one counts as beyond any number."""
        side = (self.size > 0) - (self.size < 0)
        return (self.size / self.error if self.error else side * math.inf, self.size)


class Effects:
    """Measures the best of a search without some of the levers that it moved, on given seeds.

    Raises OutOfBounds instead, where that would be too much.
    """

    def __init__(
        self,
        sample: Sample,
        baseline: Configuration,
        best: Configuration,
        moved: Sequence[str],
        policy: Policy,
        seeds: Sequence[int],
        bounds: Bounds,
    ) -> None:
        self.sample = sample
        self.baseline = baseline
        self.best = best
        self.moved = tuple(moved)
        self.policy = policy
        self.seeds = tuple(seeds)
        self.bounds = bounds

    def left(self, kept: Collection[str]) -> Configuration:
        """The best with these of its levers alone."""
        gone = [lever for lever in self.moved if lever not in kept]
        return taken_back(self.best, self.baseline, gone)

    def of(self, units: Sequence[Unit], kept: Collection[str]) -> list[Effect]:
        """Of each unit, among the levers that are kept."""
        rests = [self.left([k for k in kept if k not in unit.levers]) for unit in units]
        now = self.left(kept)
        self._measure([self.baseline, now, *rests])
        return [self._effect(unit, now, rest) for unit, rest in zip(units, rests, strict=True)]

    def lost(self, whole: Collection[str], kept: Collection[str]) -> Effect:
        """Of all that `whole` has and that is not kept, together."""
        gone = tuple(lever for lever in self.moved if lever in whole and lever not in kept)
        now, rest = self.left(whole), self.left(kept)
        self._measure([self.baseline, now, rest])
        return self._effect(Unit("all", gone), now, rest)

    def broken(self, kept: Collection[str]) -> tuple[str, ...]:
        """What speaks against the best with these levers alone: that is always measured."""
        self.sample.measure([self.baseline, self.left(kept)], self.seeds)
        return self._breaches(self._trial(self.left(kept)))

    def _measure(self, configurations: Sequence[Configuration]) -> None:
        self.bounds.check(self.sample, configurations, self.seeds)
        self.sample.measure(configurations, self.seeds)

    def _effect(self, unit: Unit, whole: Configuration, rest: Configuration) -> Effect:
        metric, sign = self.policy.metric, self.policy.direction.sign
        here, there = self._trial(whole), self._trial(rest)
        broken, failed = self._breaches(there), there.failed is not None
        found = difference(here.values(metric), there.values(metric), metric)
        if found is None:
            found = Difference(metric, 0.0, 0.0, 0.0, *_UNKNOWN, seeds=0)
        low, high = sorted((sign * found.low + 0.0, sign * found.high + 0.0))  # never -0
        return Effect(
            unit, sign * found.mean + 0.0, low, high, found.error, broken, failed, found.seeds
        )

    def _breaches(self, trial: Trial) -> tuple[str, ...]:
        baseline = self.sample.trial(self.baseline, self.seeds, 0)
        return tuple(each.reason for each in breaches(self.policy, trial, baseline))

    def _trial(self, configuration: Configuration) -> Trial:
        return self.sample.trial(configuration, self.seeds)


_UNKNOWN = (math.inf, -math.inf, math.inf)
