"""The command experiment: a process per run; one half, or train and a trusted evaluate."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fcntl import ioctl
from pathlib import Path
from struct import calcsize, unpack
from termios import FIONREAD
from typing import TypeAlias

from nightlab.run.confinement import Confinement
from nightlab.run.experiment import Slot, Steps, Told, Wait, argv_of
from nightlab.run.folder import RunFolder
from nightlab.run.limits import beyond, limits_for
from nightlab.run.output import (
    OUT_OF_MEMORY,
    Printed,
    last_words,
    new_progress,
    read_metrics,
    tail,
    told_harness_changed,
)
from nightlab.run.processes import Ended
from nightlab.run.settings import RunSettings
from nightlab.run.trace import ends_in_exception
from nightlab.types import Measurement, Outcome, Purpose

_LEAVING = 3.0
_MISSED = re.compile(
    r"FileNotFoundError|PermissionError|No such file|Permission denied|Read-only file system"
    r"|Network is unreachable|Name or service not known|Temporary failure in name resolution"
    r"|not a git repository",
    re.IGNORECASE,
)
"""What a program says that did not find what its sandbox hides."""

Waiting: TypeAlias = Generator[Wait, "Ended | bool", Ended]


class CommandExperiment:
    """Runs `train`, and where there is an `evaluate`, scores its artifacts in a folder of its own.

    `study` is the folder of program.md, `prefix` its place in the repository, `metric` the primary
    metric's name, `caches` where compiled code is kept from one run to the next, if anywhere.
    """

    def __init__(
        self,
        settings: RunSettings,
        study: Path,
        prefix: str,
        metric: str,
        confinement: Confinement | None = None,
        caches: Path | None = None,
    ) -> None:
        self.settings = settings
        self.study = study
        self.prefix = prefix
        self.metric = metric
        self.confinement = confinement or Confinement.none(study, settings)
        self.caches = caches
        self.limits = limits_for(settings, self.confinement.device)

    def steps(self, slot: Slot) -> Steps:
        began = time.monotonic()
        run = _CommandRun(self, slot, began)
        try:
            measured = yield from run.train()
            if measured.outcome is Outcome.OK and self.settings.evaluate:
                measured = yield from run.evaluate(measured)
        except FileNotFoundError as error:
            measured = Measurement(slot.job.run, Outcome.CRASH, detail=str(error))
        if measured.outcome is Outcome.OK and slot.job.purpose is Purpose.BASELINE:
            run.keep_caches()
        return replace(measured, seconds=time.monotonic() - began)

    def progress(self, slot: Slot) -> Sequence[Told]:
        told, slot.heard = new_progress(slot.job.log, slot.heard)
        return told

    def close(self) -> None:
        """Nothing outlives a run."""


@dataclass
class _CommandRun:
    """One run in flight."""

    experiment: CommandExperiment
    slot: Slot
    began: float
    folders: dict[str, RunFolder] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.job = self.slot.job
        self.settings = self.experiment.settings

    def train(self) -> Steps:
        job, folder = self.job, self._lay("train")
        ended = yield from self._run(str(self.settings.train), folder, job.log)
        own = {
            "peak_memory_mb": round(ended.peak_memory / 2**20, 1),
            "train_seconds": round(ended.seconds, 3),
        }
        changed = folder.changed(job.protected)
        if changed:
            names, mend = ", ".join(changed[:3]), "leave them as they are, times too"
            detail = f"the run changed protected files: {names} ({mend}, or name them in `change`)"
            return Measurement(job.run, Outcome.HARNESS_CHANGED, detail=detail)
        bad = self._bad_end(ended, job.log)
        if bad:
            return bad
        if not self.settings.evaluate:
            return self._judge_output(job.log, own, {})
        printed = read_metrics(job.log)
        missing = folder.collect(self.settings.artifacts, job.artifacts, self.settings.limits.file)
        if missing:
            detail = f"train wrote no regular file {', '.join(missing)}"
            return Measurement(job.run, Outcome.NO_METRIC, own, printed.metrics, 0, detail)
        return Measurement(job.run, Outcome.OK, own, printed.metrics)

    def evaluate(self, trained: Measurement) -> Steps:
        job, folder = self.job, self._lay("evaluate")
        folder.hand_over(self.settings.artifacts, job.artifacts)
        log, own = job.log.with_suffix(".evaluate.log"), dict(trained.metrics)
        served: Ended | None = None
        if self.settings.serve:
            ended, served = yield from self._serve_and_evaluate(folder, log)
            own["peak_memory_mb"] = max(own["peak_memory_mb"], round(served.peak_memory / 2**20, 1))
            own["serve_seconds"] = round(served.seconds, 3)
        else:
            ended = yield from self._run(str(self.settings.evaluate), folder, log)
        if folder.changed(job.protected):
            return Measurement(job.run, Outcome.HARNESS_CHANGED, detail="the harness was changed")
        bad = self._bad_end(ended, log)
        found = told_harness_changed(log) if bad else ""
        if found:
            return Measurement(job.run, Outcome.HARNESS_CHANGED, detail=found)
        first = self._bad_serve(served) if bad and served else None
        if first:
            return replace(first, detail=f"serve: {first.detail}")
        return bad or self._judge_output(log, own, trained.self_reported)

    def _bad_serve(self, served: Ended) -> Measurement | None:
        """What the candidate failed by, which the harness could only see the end of.

        One that was seen off while it was still dying of an exception has failed by that.
        """
        log = self.job.log.with_suffix(".serve.log")
        if served.why == "killed":
            if not ends_in_exception(log):
                return None
            served = replace(served, why="", code=1)
        return self._bad_end(served, log)

    def keep_caches(self) -> None:
        """What the campaign's first run has compiled, for all who come after; not the harness's."""
        store = self.experiment.caches
        if store and not store.exists():
            for name, folder in self.folders.items():
                if name != "evaluate":
                    folder.private.store_cache(store)

    # -- the candidate and the harness, joined -----------------------------------------------------

    def _serve_and_evaluate(
        self, folder: RunFolder, log: Path
    ) -> Generator[Wait, Ended | bool, tuple[Ended, Ended]]:
        """Join the candidate's `serve` and the harness by pipes that nobody else holds.

        A second, fresh candidate answers what the harness asks on the descriptors NIGHTLAB_AUDIT:
        it is started when the first question comes.
        """
        with _Pipes(4) as pipes:
            asked, answers, audit_asked, audit_answers = pipes.ends
            served_by = self._start_serving("serve", asked[0], answers[1])
            theirs = (answers[0], asked[1], audit_answers[0], audit_asked[1])
            variables, command = ("NIGHTLAB_SERVE", "NIGHTLAB_AUDIT"), str(self.settings.evaluate)
            try:
                evaluated_by = self._start(command, folder, log, extra=theirs, variables=variables)
            except FileNotFoundError:
                self.slot.processes.kill(served_by, grace=0)
                raise
            pipes.close(*theirs, asked[0], answers[1])
            audited_by, served = 0, None
            ended = yield Wait(pid=evaluated_by, fd=audit_asked[0])
            if not isinstance(ended, Ended):
                if _holds_something(audit_asked[0]):  # the first could tell the second what it saw
                    served = yield from self._leave(served_by, grace=0)
                    audited_by = self._start_serving("audit", audit_asked[0], audit_answers[1])
                pipes.close(audit_asked[0], audit_answers[1])
                ended = yield Wait(pid=evaluated_by)
        assert isinstance(ended, Ended)
        served = served or (yield from self._leave(served_by))
        if audited_by:
            yield from self._leave(audited_by)
        return ended, served

    def _start_serving(self, name: str, questions: int, answers: int) -> int:
        candidate = self._lay(name)
        candidate.hand_over(self.settings.artifacts, self.job.artifacts)
        log = self.job.log.with_suffix(f".{name}.log")
        command = str(self.settings.serve)
        return self._start(command, candidate, log, stdin=questions, stdout=answers)

    def _leave(self, pid: int, grace: float = _LEAVING) -> Waiting:
        """See a candidate off that has nobody left to answer."""
        self.slot.processes.kill(pid, grace=grace)
        ended = yield Wait(pid=pid)
        assert isinstance(ended, Ended)
        return ended

    # -- processes ---------------------------------------------------------------------------------

    def _lay(self, name: str) -> RunFolder:
        """A fresh folder for one process; `evaluate` alone gets the harness as it was."""
        ours = self.experiment
        path = self.slot.folder / name
        folder = RunFolder(path, ours.study, ours.prefix, self.settings)
        folder.lay(self.job, pristine=name == "evaluate")
        folder.seal(tuple(self.job.protected))
        if ours.caches and name != "evaluate":
            folder.private.fill_cache(ours.caches)
        self.folders[name] = folder
        return folder

    def _run(self, command: str, folder: RunFolder, log: Path) -> Waiting:
        ended = yield Wait(pid=self._start(command, folder, log))
        assert isinstance(ended, Ended)
        return ended

    def _start(
        self,
        command: str,
        folder: RunFolder,
        log: Path,
        *,
        stdin: int | None = None,
        stdout: int | None = None,
        extra: Sequence[int] = (),
        variables: Sequence[str] = (),
    ) -> int:
        ours, trusted = self.experiment, folder.path.name == "evaluate"
        confined = ours.confinement.confine(argv_of(command), folder, trusted)
        return self.slot.start(
            confined.argv,
            folder.working,
            {**confined.environment, **self._told(trusted)},
            log,
            timeout=self._left(),
            stdin=stdin,
            stdout=stdout,
            extra=extra,
            variables=variables,
            limits=ours.limits,
            layers=confined.layers,
        )

    def _left(self) -> float:
        spent = time.monotonic() - self.began
        return max(0.1, self.settings.time_limit * self.job.times - spent)

    def _told(self, trusted: bool) -> Mapping[str, str]:
        """What a process is told of its run. Only `evaluate` hears which data it is scored on:
        what is confirmed is scored on data that no decision has used."""
        job = self.job
        told = {
            "NIGHTLAB_SEED": str(job.seed),
            "NIGHTLAB_BUDGET": self.settings.budget_times(job.times),
            "NIGHTLAB_TRIAL": str(job.trial),
        }
        if not trusted:
            return told
        last = self.settings.holdout and job.purpose is Purpose.CONFIRM
        return {**told, "NIGHTLAB_SPLIT": "holdout" if last else "val"}

    # -- what came of it ---------------------------------------------------------------------------

    def _bad_end(self, ended: Ended, log: Path) -> Measurement | None:
        """The outcome of a process that did not simply succeed, None of one that did."""
        run, code = self.job.run, ended.code
        if ended.why == "timeout":
            limit = self.settings.time_limit * self.job.times
            detail = f"killed after {limit:g} s (run.timeout)"
            return Measurement(run, Outcome.TIMEOUT, detail=detail)
        if ended.why in ("memory", "processes", "output"):
            outcome = Outcome.OUT_OF_MEMORY if ended.why == "memory" else Outcome.CRASH
            detail = beyond(ended.why, self.experiment.limits)
            return Measurement(run, outcome, detail=detail)
        if code == 0:
            return None
        words = last_words(log)
        if any(OUT_OF_MEMORY.search(line) for line in tail(log)):
            return Measurement(run, Outcome.OUT_OF_MEMORY, detail=words)
        signalled = -code if code < 0 else code - 128
        if signalled == signal.SIGKILL:
            detail = "killed by the system, most likely out of memory"
            return Measurement(run, Outcome.OUT_OF_MEMORY, detail=detail)
        how = f"exit {code}" if signalled <= 0 else f"signal {signalled}"
        if _MISSED.search(words) and self.experiment.confinement.sandbox.layers:
            how += "; runs see no home folder, no repository and no network but what `run:` grants"
        return Measurement(run, Outcome.CRASH, detail=f"{words} ({how})" if words else how)

    def _judge_output(
        self, log: Path, own: Mapping[str, float], reported: Mapping[str, float]
    ) -> Measurement:
        """A measurement from what the metric's command printed, and what was measured here."""
        printed = read_metrics(log)
        run, metrics = self.job.run, {**printed.metrics, **own}
        outcome, detail = self._verify(printed)
        return Measurement(run, outcome, metrics, reported, 0, detail)

    def _verify(self, printed: Printed) -> tuple[Outcome, str]:
        metric = self.experiment.metric
        if metric in printed.not_finite:
            return Outcome.NOT_FINITE, f"{metric} is {printed.not_finite[metric]}"
        if metric not in printed.metrics:
            return Outcome.NO_METRIC, f"no line `{metric}: <number>` was printed"
        if self.settings.metrics == "strict" and printed.repeated:
            name, times = next(iter(printed.repeated.items()))
            return Outcome.NO_METRIC, f"{name} was printed {times} times (run.metrics: strict)"
        return Outcome.OK, ""


class _Pipes:
    """Pipes, each as its end to read and its end to write. On leaving, what is open is closed."""

    def __init__(self, count: int) -> None:
        self.ends = [os.pipe() for _ in range(count)]
        self._open = {fd for pipe in self.ends for fd in pipe}

    def __enter__(self) -> _Pipes:
        return self

    def __exit__(self, *_: object) -> None:
        self.close(*self._open)

    def close(self, *fds: int) -> None:
        for fd in fds:
            self._open.discard(fd)
            os.close(fd)


def _holds_something(fd: int) -> bool:
    """Whether there is something to read; at the end of a pipe there is not."""
    size = bytes(calcsize("i"))
    return bool(unpack("i", ioctl(fd, FIONREAD, size))[0])
