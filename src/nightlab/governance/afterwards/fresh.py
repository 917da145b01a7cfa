"""Two configurations on seeds that no decision has used: what a report may quote."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from nightlab.governance.afterwards.sample import Configuration, Sample, breaches
from nightlab.governance.objective import ILLUSION
from nightlab.judge.confirm import reach_of, shrunk
from nightlab.judge.noise import spread
from nightlab.judge.rules import matching
from nightlab.judge.seeds import reserved_seeds
from nightlab.program.policy import Policy
from nightlab.types import Direction, NightlabError, Purpose, Trial

FEWEST = 2
"""One seed shows no spread, so it has no interval."""

_TOLD = (
    "toxicity_rate", "quality_gap", "total_welfare", "avg_payoff", "accepted_interactions",
    "total_interactions", ILLUSION,
)  # fmt: skip
_POOLED = "pooled."


@dataclass(frozen=True)
class Difference:
    """One metric of two configurations, paired by seed; `ours` and `theirs` are its means.

    `mean` is how far ours lies above theirs, with its standard error, and `low` to `high` the 95 %
    interval of that by Student's distribution. `error` is infinite with a single pair.
    """

    metric: str
    ours: float
    theirs: float
    mean: float
    error: float
    low: float
    high: float
    seeds: int

    @property
    def exact(self) -> bool:
        """Whether every pair says the same."""
        return self.error == 0.0


@dataclass(frozen=True)
class Fresh:
    """What fresh seeds say of a configuration beside another.

    `gain` is how much better the primary metric is, shrunk towards none, and `low` to `high` the
    95 % interval of what was measured, in which it lies; None where fewer than two seeds could be
    measured with both. `differences` has every metric by name, the primary first. `broken` are
    sentences on rules of the policy that don't hold on these seeds, and on runs that failed;
    `absent` metrics that nobody measured.
    """

    metric: str
    direction: Direction
    seeds: tuple[int, ...]
    differences: Mapping[str, Difference]
    gain: float | None = None
    low: float | None = None
    high: float | None = None
    broken: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()

    @property
    def improved(self) -> bool:
        """Whether the fresh seeds speak for an improvement at all."""
        return self.low is not None and self.low > 0

    @property
    def primary(self) -> Difference | None:
        """The primary metric, as it was measured."""
        return self.differences.get(self.metric)


def further_seeds(panel: Sequence[int], used: int, number: int) -> list[int]:
    """So many seeds of the pool that no trial is decided on, after the first `used` of them."""
    return reserved_seeds(panel, used + number, Purpose.CONFIRM)[used:]


def measure_fresh(
    sample: Sample,
    ours: Configuration,
    theirs: Configuration,
    seeds: Sequence[int],
    policy: Policy,
    also: Iterable[str] = (),
) -> Fresh:
    """Measure two configurations on these seeds, and compare them pair by pair.

    The metrics are those of the policy, those that every report tells, and `also`. Raises
    NightlabError for fewer than two seeds.
    """
    if len(set(seeds)) < FEWEST:
        raise NightlabError("fresh seeds: give two or more, one has no interval")
    sample.measure([ours, theirs], seeds)
    return compared(sample.trial(ours, seeds), sample.trial(theirs, seeds, 0), policy, also)


def compared(ours: Trial, theirs: Trial, policy: Policy, also: Iterable[str] = ()) -> Fresh:
    """The same for what has been measured."""
    measured = {name for trial in (ours, theirs) for run in trial.runs for name in run.metrics}
    names = dict.fromkeys([*_named(policy, measured), *also])
    found = {name: difference(ours.values(name), theirs.values(name), name) for name in names}
    there = {name: each for name, each in found.items() if each is not None}
    fails = [f"the baseline failed on seed {run.seed}" for run in [theirs.failed] if run]
    fresh = Fresh(
        policy.metric,
        policy.direction,
        tuple(run.seed for run in ours.runs),
        there,
        broken=(*fails, *(each.reason for each in breaches(policy, ours, theirs))),
        absent=tuple(name for name in names if name not in there),
    )
    return _with_gain(fresh)


def _with_gain(fresh: Fresh) -> Fresh:
    primary = fresh.primary
    if primary is None or not math.isfinite(primary.error):
        return fresh
    measured = fresh.direction.sign * primary.mean
    gain, low, high = shrunk(measured, primary.error, primary.seeds - 1)
    return Fresh(**{**vars(fresh), "gain": gain, "low": low, "high": high})


def difference(
    ours: Mapping[int, float], theirs: Mapping[int, float], metric: str
) -> Difference | None:
    """Paired by seed; None where no seed has both."""
    common = [seed for seed in ours if seed in theirs]
    if not common:
        return None
    here, there = ([values[seed] for seed in common] for values in (ours, theirs))
    pairs = [a - b for a, b in zip(here, there, strict=True)]
    mean, (squares, freedom) = fmean(pairs), spread(pairs)
    error = math.sqrt(squares / freedom / len(pairs)) if freedom else math.inf
    reach = reach_of(error, freedom) if freedom else math.inf
    return Difference(
        metric, fmean(here), fmean(there), mean, error, mean - reach, mean + reach, len(pairs)
    )


def _named(policy: Policy, measured: set[str]) -> list[str]:
    """The metrics to tell of: the primary, those of rules, and what every report has."""
    patterns = [each.pattern for each in policy.guardrails]
    patterns += [each.pattern for each in policy.bounds]
    ruled = [name for each in patterns for name in matching(policy, each, measured)]
    prefix = _POOLED if policy.metric.startswith(_POOLED) else ""
    told = (name if name == ILLUSION else prefix + name for name in _TOLD)
    return [policy.metric, *ruled, *told]
