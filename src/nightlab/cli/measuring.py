"""Runs of the baseline for `nightlab check`, beside any campaign: the ledger stays as it is."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from nightlab.judge.seeds import search_seeds
from nightlab.run import Runner
from nightlab.study import Study
from nightlab.types import History, Job, Outcome, Run, Trial

_REMARKS = 20
"""How many lines that begin with `# `, by which a script says what it chose, are shown."""


@dataclass(frozen=True)
class Measured:
    """Runs in the order of their start, and what the first of them remarked in its log."""

    runs: tuple[Run, ...]
    remarks: tuple[str, ...] = ()

    @property
    def trouble(self) -> str:
        """Why the baseline does not run, "" where it does."""
        bad = next((run for run in self.runs if run.outcome is not Outcome.OK), None)
        if bad is None or bad.outcome is None:
            return ""
        return f"the baseline does not run ({bad.outcome.value}: {bad.detail})"

    def history(self, study: Study) -> History:
        """The runs as a campaign that has tried nothing yet."""
        policy = study.program.policy
        baseline = Trial(0, study.repository.head(), runs=self.runs)
        seeds = tuple(study.settings.run.seeds)
        return History(policy.metric, policy.direction, seeds, baseline, baseline, ())


def measure_once(study: Study) -> Measured:
    """One run on the first seed."""
    return _measure(study, [study.settings.run.seeds[:1]])


def measure_panel(study: Study, repeats: int) -> Measured:
    """A run on every seed of the panel, and the first one so many times.

    It is the first of all and the last of all, alone: what is between them has drifted. One seed
    shows no noise, so a second one is drawn then.
    """
    panel = tuple(islice(search_seeds(study.settings.run.seeds), max(2, _seeds(study))))
    first, again = panel[:1], panel[:1] * (repeats - 1)
    return _measure(study, [first, (*panel[1:], *again[1:]), again[:1]])


def _seeds(study: Study) -> int:
    return len(study.settings.run.seeds)


def _measure(study: Study, batches: Sequence[Sequence[int]]) -> Measured:
    """Batch after batch; within one as many at a time as a campaign would run."""
    metric, count = study.program.policy.metric, sum(map(len, batches))
    done: list[Run] = []
    with tempfile.TemporaryDirectory(prefix="nightlab-check-") as place:
        job = study.trial_run(Path(place))
        with study.rooms.runner(lambda _: None) as runner:
            for batch in batches:
                for run in _batch(runner, job, batch, len(done)):
                    done.append(run)
                    _say(run, metric, len(done), count)
                if any(run.outcome is not Outcome.OK for run in done):
                    break
        runs = tuple(sorted(done, key=lambda run: run.number))
        log = Path(runs[0].log)
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    remarks = [line[2:].strip() for line in lines if line.startswith("# ")]
    return Measured(runs, tuple(remarks[:_REMARKS]))


def _batch(runner: Runner, job: Job, seeds: Sequence[int], before: int) -> Iterator[Run]:
    """The runs as they end; after a failure no further one is started."""
    waiting, begun, good = list(enumerate(seeds, before + 1)), dict[int, Run](), True
    while begun or (waiting and good):
        while waiting and good and runner.free > 0:
            number, seed = waiting.pop(0)
            log, artifacts = job.log.with_name(f"check-{number}.log"), job.artifacts / str(number)
            begun[number] = Run(number, 0, seed, job.purpose, str(log), time.time())
            runner.start(replace(job, run=number, seed=seed, log=log, artifacts=artifacts))
        for found in runner.finished():
            good = good and found.outcome is Outcome.OK
            yield replace(
                begun.pop(found.run),
                outcome=found.outcome,
                metrics=found.metrics,
                seconds=found.seconds,
                detail=found.detail,
            )


def _say(run: Run, metric: str, count: int, of: int) -> None:
    """A line for each run of many, for whoever waits at a terminal."""
    if of > 1 and sys.stderr.isatty():
        value = run.metrics.get(metric)
        told = run.detail if value is None else f"{metric} {value:.6g}"
        line = f"run {count} of {of}: seed {run.seed}: {told} ({run.seconds:.1f} s)"
        print(line, file=sys.stderr, flush=True)
