"""A campaign at one instant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from nightlab.types.trial import IMPORTED_SEED, Trial, measured_here
from nightlab.types.words import Direction, Outcome, Parameters, Purpose


@dataclass(frozen=True)
class Refusal:
    """An idea that was refused before it ran; `after` is the number of the last trial before it."""

    after: int
    summary: str
    emitter: str
    reason: str
    parameters: Parameters = field(default_factory=dict)


@dataclass(frozen=True)
class History:
    """A campaign at one instant, as proposers and the judge see it.

    `pairing` is the share of the noise that a seed brings to all trials alike, 0 to 1: what two
    runs of one seed have in common. `kept` are the numbers of the incumbents so far, but for those
    that were demoted, and `validated` the last of them that stood a validation. `closing` says
    that no trial will be opened any more, and the report is next. `holdout` says that confirming
    runs are scored on data of their own. `refusals` are the last ideas that were refused, and
    `claims` what models and agents hold to be so: a sentence, and who said it.
    """

    metric: str
    direction: Direction
    seeds: tuple[int, ...]
    baseline: Trial
    incumbent: Trial
    trials: Sequence[Trial]
    open: tuple[Trial, ...] = ()
    pairing: float = 1.0
    kept: tuple[int, ...] = ()
    validated: int = 0
    closing: bool = False
    holdout: bool = False
    refusals: Sequence[Refusal] = ()
    claims: Sequence[tuple[str, str]] = ()

    def trial(self, number: int) -> Trial:
        """A trial by number, 0 for the baseline."""
        return self.trials[number - 1] if number else self.baseline

    @property
    def only_panel(self) -> bool:
        """Whether the experiment knows no seeds but the panel's: the baseline fails on others."""
        failed, runs = self.baseline.failed, self.baseline.runs
        beyond = any(r.purpose is Purpose.REPLICATE and r.outcome is Outcome.OK for r in runs)
        return failed is not None and not (beyond and failed.purpose is Purpose.REPLICATE)

    def lineage(self) -> tuple[Trial, ...]:
        """The trials whose changes are in the incumbent, the oldest first.

        With parallel runs a kept trial may have been built beside another one, and not on it; the
        one that was beaten is then not among the incumbent's ancestors. One that was demoted is,
        where the incumbent had been built on it before.
        """
        made: dict[str, Trial] = {}
        below: dict[int, Trial] = {}
        for trial in self.trials:  # a commit may be there twice, in an imported table
            below[trial.number] = made.get(trial.parent, self.baseline)
            if trial.was_kept:
                made[trial.commit] = trial
        line, trial = [], self.incumbent
        while trial.number:
            line.append(trial)
            trial = below[trial.number]
        return tuple(reversed(line))

    def cost(self, trial: Trial) -> float:
        """What a trial cost, in runs: those it made, and the time of asking in usual runs' time."""
        runs = len(trial.runs) + sum(len(attempt.runs) for attempt in trial.attempts)
        timed = (
            [run.seconds for run in self.baseline.runs if run.seconds > 0] if trial.asking else []
        )
        asking = round(trial.asking * len(timed) / sum(timed), 1) if timed else 0.0
        return max(1.0, runs + asking)

    def differences(self, trial: Trial, reference: Trial, metric: str = "") -> dict[int, float]:
        """`trial` minus `reference` by common seed, in the metric's own unit."""
        metric = metric or self.metric
        ours, theirs = trial.values(metric), reference.values(metric)
        return measured_here({s: ours[s] - theirs[s] for s in ours if s in theirs})

    def estimate(self, trial: Trial, metric: str = "") -> float | None:
        """The metric on the baseline's seeds: its mean there plus the difference to the baseline.

        Values of trials that were dropped after one seed stay comparable with full panels.
        """
        metric = metric or self.metric
        anchor = self.anchor(metric)
        found = self._difference(trial, self.baseline, metric)
        return trial.mean(metric) if anchor is None or found is None else anchor + found

    def anchor(self, metric: str = "") -> float | None:
        """The baseline's mean over the panel, which stays when further seeds are measured."""
        metric = metric or self.metric
        panel = self.baseline.values(metric, (Purpose.BASELINE,)).values()
        return sum(panel) / len(panel) if panel else self.baseline.mean(metric)

    def gain(self, trial: Trial, reference: Trial) -> float | None:
        """How much better `trial` is estimated to be than `reference` (positive: better)."""
        found = self._difference(trial, reference, self.metric)
        return None if found is None else self.direction.sign * found

    def _difference(self, trial: Trial, reference: Trial, metric: str) -> float | None:
        ours, theirs = trial.values(metric), reference.values(metric)
        here, there = measured_here(ours), measured_here(theirs)
        if IMPORTED_SEED in {*here, *there}:  # of one of them only another tool's value is known
            found = mean_difference(ours, theirs, 1.0)
        else:
            found = mean_difference(here, there, self.pairing)
        return found[0] if found else None


def mean_difference(
    ours: Mapping[int, float], theirs: Mapping[int, float], pairing: float
) -> tuple[float, float] | None:
    """The estimate of a difference of means from values by seed, and its variance.

    Generalised least squares for `value = mean + seed's effect + rest`, where `pairing` is the
    share of the seeds' effect in the variance of one value; the variance is in units of that. With
    a pairing of 1 only common seeds count, with 0 it is the plain difference of the means. None
    where nothing can be said. Source: Searle, Casella & McCulloch, Variance Components, 1992.
    """
    both = ours.keys() & theirs.keys()
    if pairing >= 1.0:
        if not both:
            return None
        pairs = [ours[seed] - theirs[seed] for seed in ours if seed in both]
        return sum(pairs) / len(pairs), 0.0
    if not ours or not theirs:
        return None
    own, cross = 1 / (1 - pairing**2), -pairing / (1 - pairing**2)
    a = own * len(both) + len(ours) - len(both)
    b = own * len(both) + len(theirs) - len(both)
    c = cross * len(both)
    u = sum(own * v + cross * theirs[s] if s in both else v for s, v in ours.items())
    w = sum(own * v + cross * ours[s] if s in both else v for s, v in theirs.items())
    scale = a * b - c * c
    return ((b * u - c * w) - (a * w - c * u)) / scale, (a + b + 2 * c) / scale
