"""What configurations gave on seeds outside a campaign, measured once each."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from nightlab.governance.simulation.pool import Task
from nightlab.judge.limits import broken_rules
from nightlab.judge.rules import Finding
from nightlab.program.policy import Policy
from nightlab.types import History, Measurement, Outcome, Purpose, Run, Trial

Configuration: TypeAlias = "Mapping[str, Any]"
"""A whole scenario file as a mapping."""


class Measures(Protocol):
    """What evaluates tasks: a Pool."""

    def measure(self, tasks: Sequence[Task]) -> list[Measurement]:
        """What came of each task, in their order."""
        ...


class Sample:
    """Measurements by configuration and seed; the same one twice is measured once.

    `times` is the horizon of them all. `runs` counts what was really measured, and `seconds` is the
    wall time that took.
    """

    def __init__(self, pool: Measures, times: float = 1.0) -> None:
        self.pool = pool
        self.times = times
        self.runs = 0
        self.seconds = 0.0
        self._found: dict[tuple[str, int], Measurement] = {}

    def missing(self, configurations: Iterable[Configuration], seeds: Sequence[int]) -> int:
        """How many runs it would take to have them all."""
        return len(self._wanted(configurations, seeds))

    def measure(self, configurations: Iterable[Configuration], seeds: Sequence[int]) -> None:
        """Measure what is missing, side by side."""
        wanted, began = self._wanted(configurations, seeds), time.monotonic()
        found = self.pool.measure(list(wanted.values()))
        self._found |= dict(zip(wanted, found, strict=True))
        self.runs += len(wanted)
        self.seconds += time.monotonic() - began

    def takes(self, configurations: Iterable[Configuration], seeds: Sequence[int]) -> float:
        """How many seconds that will take, by what it took so far."""
        return self.missing(configurations, seeds) * self.seconds / max(1, self.runs)

    def trial(self, configuration: Configuration, seeds: Sequence[int], number: int = 1) -> Trial:
        """The runs on these seeds as a trial's, 0 for the baseline, so that the judge can read it.

        They must have been measured.
        """
        key = _key(configuration)
        purpose = Purpose.PANEL if number else Purpose.BASELINE
        runs = [_run(self._found[key, seed], number, seed, purpose) for seed in seeds]
        return Trial(number, commit=key, runs=tuple(runs))

    def _wanted(
        self, configurations: Iterable[Configuration], seeds: Sequence[int]
    ) -> dict[tuple[str, int], Task]:
        by_key = {_key(each): each for each in configurations}
        return {
            (key, seed): Task(each, seed, self.times)
            for key, each in by_key.items()
            for seed in seeds
            if (key, seed) not in self._found
        }


def breaches(policy: Policy, trial: Trial, baseline: Trial) -> list[Finding]:
    """What speaks against a configuration: a run that failed, else the rules that it breaks."""
    if failed := trial.failed:
        return [Finding("crash", False, f"seed {failed.seed} failed: {failed.detail}")]
    seeds = tuple(run.seed for run in baseline.runs)
    history = History(policy.metric, policy.direction, seeds, baseline, baseline, [trial])
    return broken_rules(policy, history, trial)


def _key(configuration: Configuration) -> str:
    return json.dumps(configuration, sort_keys=True, default=str)


def _run(found: Measurement, trial: int, seed: int, purpose: Purpose) -> Run:
    metrics = found.metrics if found.outcome is Outcome.OK else {}
    detail = found.detail or ("" if metrics else found.outcome.value)
    return Run(
        found.run, trial, seed, purpose, "", 0.0, found.outcome, metrics, {}, found.seconds, detail
    )
