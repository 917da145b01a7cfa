"""What the runs of a campaign were for, and whether the same one gives the same again."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from nightlab.report.summary.facts import Facts
from nightlab.types import COMPARED, Outcome, Purpose, Run

_WORDS = {
    Purpose.BASELINE: "the baseline",
    Purpose.PANEL: "deciding about trials",
    Purpose.REPLICATE: "measuring again",
    Purpose.CONFIRM: "confirming",
    Purpose.VALIDATE: "validating",
}


def runs_for(facts: Facts) -> str:
    """` (3 the baseline, 8 deciding about trials, …)`, "" before there are any."""
    counts = Counter(run.purpose for run in _runs(facts))
    told = [f"{counts[purpose]} {words}" for purpose, words in _WORDS.items() if counts[purpose]]
    return f" ({', '.join(told)})" if told else ""


def replicated(facts: Facts) -> tuple[int, int]:
    """How many runs measured again what had its verdict, or a trial in doubt; and all runs."""
    panel = len(facts.history.seeds)
    again = sum(run.purpose in (Purpose.REPLICATE, Purpose.VALIDATE) for run in _runs(facts))
    for trial in facts.history.trials:
        deciding = sum(run.purpose is Purpose.PANEL for run in trial.runs)
        again += max(0, deciding - panel)
    return again, sum(1 for _ in _runs(facts))


@dataclass(frozen=True)
class Repeat:
    """One seed of one trial that was run more than once; `away` is the last minus the first."""

    trial: int
    seed: int
    away: float
    seconds: float


def repeats(facts: Facts) -> list[Repeat]:
    """Every seed that was run again on the same files and with the same budget."""
    metric, found = facts.history.metric, []
    for trial in (facts.history.baseline, *facts.history.trials):
        by_seed: dict[int, list[Run]] = {}
        for run in trial.runs:
            good = run.outcome is Outcome.OK and metric in run.metrics
            if good and run.purpose in COMPARED - {Purpose.IMPORTED}:
                by_seed.setdefault(run.seed, []).append(run)
        for seed, runs in by_seed.items():
            if len(runs) > 1:
                first, last = runs[0], runs[-1]
                away = last.metrics[metric] - first.metrics[metric]
                found.append(Repeat(trial.number, seed, away, last.started - first.started))
    return found


def _runs(facts: Facts) -> list[Run]:
    trials = (facts.history.baseline, *facts.history.trials)
    return [run for trial in trials for run in trial.runs if run.purpose is not Purpose.IMPORTED]
