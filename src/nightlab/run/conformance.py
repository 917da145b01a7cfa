"""What every runner must do: run `check_runner` on your own, in a test."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from nightlab.run import Runner
from nightlab.types import Job, Measurement, Outcome, Purpose

SCRIPT = """\
import os, sys, time
time.sleep(float(os.environ.get("NIGHTLAB_SEED", "0")) / 1000)
print("loss:", 1.5)
"""
"""A script for `train: python script.py` that sleeps for as many milliseconds as its seed says."""


def sample_job(run: int, seed: int, place: Path, files: Mapping[str, str] | None = None) -> Job:
    """A job whose files are given as text; its log and artifacts lie below `place`."""
    contents = {"script.py": SCRIPT} if files is None else files

    def export(folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in contents.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)

    return Job(
        run=run,
        trial=run,
        seed=seed,
        purpose=Purpose.PANEL,
        export=export,
        harness=export,
        code="one",
        parameters={},
        protected={},
        log=place / f"{run}.log",
        artifacts=place / "artifacts" / str(run),
    )


def check_runner(make: Callable[[], Runner], place: Path, patience: float = 60.0) -> None:
    """Raise AssertionError where a runner of `python script.py` breaks its contract.

    One that can't stop a single job passes, if the job then ends as it would have.
    """
    place.mkdir(parents=True, exist_ok=True)
    with make() as runner:
        assert runner.free >= 1, "a fresh runner has a free slot"
        slots = runner.free
        jobs = [sample_job(run, 10, place) for run in range(1, slots + 1)]
        for job in jobs:
            runner.start(job)
        assert runner.free == 0, "a started job takes a slot"
        done = _gather(runner, slots, patience)
        assert sorted(m.run for m in done) == [job.run for job in jobs], "each job ends once"
        assert all(m.outcome is Outcome.OK and m.metrics["loss"] == 1.5 for m in done)
        assert runner.free == slots, "a finished job gives its slot back"
        runner.stop(1, Outcome.ABORTED, "too late")
        runner.start(sample_job(98, 5_000, place))
        runner.stop(98, Outcome.ABORTED, "hopeless")
        (ended,) = _gather(runner, 1, patience)
        told = (ended.outcome, ended.detail)
        kept_on = ended.outcome is Outcome.OK
        assert kept_on or told == (Outcome.ABORTED, "hopeless"), "a stop says why"
        assert runner.free == slots, "a stopped job gives its slot back"
        runner.start(sample_job(99, 100_000, place))
        stopped = list(runner.interrupt())
        assert [m.outcome for m in stopped] == [Outcome.INTERRUPTED], "an interrupt says so"
        assert runner.free == slots, "an interrupted job gives its slot back"
        assert not runner.finished(), "an interrupted job doesn't end twice"


def _gather(runner: Runner, count: int, patience: float) -> list[Measurement]:
    done: list[Measurement] = []
    give_up = time.monotonic() + patience
    while len(done) < count and time.monotonic() < give_up:
        done += runner.finished()
    return done
