"""What a trial must beat: the incumbent on seeds that had no part in its being kept."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from nightlab.judge.seeds import search_seeds
from nightlab.types import COMPARED, History, Outcome, Purpose, Trial, Wanted

_FIRST = 2
"""So many fresh runs a new incumbent has before another trial meets it."""

_CHOSEN_BY = frozenset({Purpose.PANEL, Purpose.IMPORTED})
"""Runs that a keep was decided on: their values were picked because they were good."""


class Opponent:
    """The incumbent as later trials meet it. `fresh` leaves out what it was kept by."""

    def __init__(self, history: History, fresh: bool) -> None:
        self.history = history
        self.trial = history.incumbent
        self.fresh = fresh and self.trial.number > 0

    @property
    def values(self) -> Mapping[int, float]:
        """The primary metric by seed."""
        counted = COMPARED - _CHOSEN_BY if self.fresh else COMPARED
        return self.trial.values(self.history.metric, counted)

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds it was measured on, or is being measured on, in that order."""
        return tuple(dict.fromkeys([*self.values, *self.busy]))

    @property
    def busy(self) -> list[int]:
        """The seeds it is being measured on."""
        return [run.seed for run in self.trial.in_flight if run.purpose in COMPARED]

    def first_of_all(self) -> list[Wanted]:
        """The baseline on one seed beyond the panel, before any other trial has to run there.

        Where it fails the experiment knows no seeds but the panel's, and no trial is to blame.
        """
        if not self.fresh:
            return []
        seed = next(islice(search_seeds(self.history.seeds), len(self.history.seeds), None))
        return missing_runs(self.history.baseline, [seed], Purpose.REPLICATE, COMPARED)

    def wanted(self, most: int) -> list[Wanted]:
        """The runs that it lacks, up to so many in all.

        Its error is in every comparison, so it is measured again as trials come. For k of them the
        square root of k is best for a control (Dunnett, A multiple comparison procedure, 1955);
        most leave after one run, so half of that.
        """
        met = len(self.history.trials) - self.trial.number
        missing = min(most, _FIRST + math.isqrt(met // 4)) - len(self.seeds)
        return [self._run(seed) for seed in self._unused(missing)]

    def next_run(self, trial: Trial) -> list[Wanted]:
        """The next run of a trial in doubt, and one of the incumbent where the seed needs it."""
        met = trial.values(self.history.metric)
        known, start = self.seeds, trial.number % max(1, len(self.seeds))
        for seed in (*known[start:], *known[:start]):
            if seed not in met:
                return [Wanted(trial.number, seed, Purpose.PANEL)]
        own = [seed for seed in met if seed >= 0 and seed not in self._ever]
        seed = own[0] if own else next(self._unused(1))
        pair = [] if own else [Wanted(trial.number, seed, Purpose.PANEL)]
        return [self._run(seed), *pair]

    def anchors(self, count: int) -> list[Wanted]:
        """Runs of the baseline on the first of those seeds, so that values compare with it."""
        if not self.fresh:
            return []
        seeds = tuple(self.values)[:count]
        return missing_runs(self.history.baseline, seeds, Purpose.REPLICATE, COMPARED)

    def _run(self, seed: int) -> Wanted:
        return Wanted(self.trial.number, seed, Purpose.REPLICATE)

    @property
    def _ever(self) -> set[int]:
        runs = (run for run in self.trial.runs if run.outcome is not Outcome.INTERRUPTED)
        return {run.seed for run in runs if run.purpose in COMPARED}

    def _unused(self, count: int) -> Iterator[int]:
        """Seeds it has never been run on, those of the panel first."""
        ever = self._ever
        for seed in search_seeds(self.history.seeds):
            if count <= 0:
                return
            if seed not in ever:
                count -= 1
                yield seed


_NOT_MEASURED = tuple(outcome for outcome in Outcome if outcome is not Outcome.OK)


def missing_runs(
    trial: Trial, seeds: Sequence[int], purpose: Purpose, within: frozenset[Purpose]
) -> list[Wanted]:
    """The runs that a trial lacks on these seeds; what is in flight or failed is not made again.

    A run of the baseline that failed has ended its session; the next one makes it again.
    """
    again = (Outcome.INTERRUPTED,) if purpose is not Purpose.BASELINE else _NOT_MEASURED
    made = {run.seed for run in trial.runs if run.purpose in within and run.outcome not in again}
    return [Wanted(trial.number, seed, purpose) for seed in seeds if seed not in made]
