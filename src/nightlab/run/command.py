"""The command experiment: a process per run; one half, or train and a trusted evaluate."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path, PurePosixPath

from nightlab.run.environment import base_environment
from nightlab.run.experiment import Slot, Steps, Told, Wait
from nightlab.run.inputs import lay_inputs, own_place
from nightlab.run.output import (
    OUT_OF_MEMORY,
    Printed,
    last_words,
    new_progress,
    read_metrics,
    tail,
)
from nightlab.run.processes import Ended
from nightlab.run.settings import RunSettings
from nightlab.types import Job, Measurement, Outcome, Purpose

_LEAVING = 3.0


class CommandExperiment:
    """Runs `train`, and where there is an `evaluate`, scores its artifacts in a folder of its own.

    `study` is the folder of program.md, `prefix` its place in the repository, `metric` the primary
    metric's name.
    """

    def __init__(self, settings: RunSettings, study: Path, prefix: str, metric: str) -> None:
        self.settings = settings
        self.study = study
        self.prefix = prefix
        self.metric = metric
        self.environment = base_environment(study, settings.parallel)

    def steps(self, slot: Slot) -> Steps:
        began = time.monotonic()
        try:
            measured = yield from self._train(slot, began)
            if measured.outcome is Outcome.OK and self.settings.evaluate:
                measured = yield from self._evaluate(slot, began, measured)
        except FileNotFoundError as error:
            measured = Measurement(slot.job.run, Outcome.CRASH, detail=str(error))
        seconds = time.monotonic() - began
        return Measurement(
            measured.run,
            measured.outcome,
            measured.metrics,
            measured.self_reported,
            seconds,
            measured.detail,
        )

    def progress(self, slot: Slot) -> Sequence[Told]:
        told, slot.heard = new_progress(slot.job.log, slot.heard)
        return told

    def close(self) -> None:
        """Nothing outlives a run."""

    def _train(self, slot: Slot, began: float) -> Steps:
        job, folder = slot.job, slot.folder / "train"
        self._lay(job, folder, pristine=False)
        ended = yield from self._run(slot, str(self.settings.train), folder, job.log, began)
        memory = {"peak_memory_mb": round(ended.peak_memory / 2**20, 1)}
        changed = self._changed(job, folder)
        if changed:
            detail = f"the run changed protected files: {', '.join(changed[:3])}"
            return Measurement(job.run, Outcome.HARNESS_CHANGED, detail=detail)
        bad = self._bad_end(job, ended, job.log)
        if bad:
            return bad
        printed = read_metrics(job.log)
        if self.settings.evaluate:
            missing = self._collect(folder, job.artifacts)
            if missing:
                detail = f"train wrote no regular file {', '.join(missing)}"
                return Measurement(job.run, Outcome.NO_METRIC, memory, printed.metrics, 0, detail)
            return Measurement(job.run, Outcome.OK, memory, printed.metrics)
        return self._judge_output(job, printed, memory, {})

    def _evaluate(self, slot: Slot, began: float, trained: Measurement) -> Steps:
        job, folder = slot.job, slot.folder / "evaluate"
        log = job.log.with_suffix(".evaluate.log")
        self._lay(job, folder, pristine=True)
        self._hand_over(job.artifacts, folder)
        if not self.settings.serve:
            command, environment = str(self.settings.evaluate), self._evaluating(job)
            ended = yield from self._run(slot, command, folder, log, began, environment)
            memory = dict(trained.metrics)
        else:
            ended, served = yield from self._serve_and_evaluate(slot, folder, log, began)
            peak = max(trained.metrics["peak_memory_mb"], served.peak_memory / 2**20)
            memory = {"peak_memory_mb": round(peak, 1)}
        if self._changed(job, folder):
            return Measurement(job.run, Outcome.HARNESS_CHANGED, detail="the harness was changed")
        bad = self._bad_end(job, ended, log)
        if bad and self.settings.serve and served.why != "killed":
            first = self._bad_end(job, served, job.log.with_suffix(".serve.log"))
            if first:
                return replace(first, detail=f"serve: {first.detail}")
        return bad or self._judge_output(job, read_metrics(log), memory, trained.self_reported)

    def _serve_and_evaluate(self, slot: Slot, folder: Path, log: Path, began: float):  # type: ignore[no-untyped-def]
        """Join the candidate's `serve` and the harness by two pipes that nobody else holds."""
        job, candidate = slot.job, slot.folder / "serve"
        self._lay(job, candidate, pristine=False)
        self._hand_over(job.artifacts, candidate)
        questions_out, questions_in = os.pipe()
        answers_out, answers_in = os.pipe()
        left = self._left(job, began)
        served_by = None
        try:
            served_by = slot.start(
                str(self.settings.serve),
                candidate / self.prefix,
                self._environment(job),
                job.log.with_suffix(".serve.log"),
                timeout=left,
                stdin=questions_out,
                stdout=answers_in,
            )
            evaluated_by = slot.start(
                str(self.settings.evaluate),
                folder / self.prefix,
                self._evaluating(job),
                log,
                timeout=left,
                extra=(answers_out, questions_in),
                variable="NIGHTLAB_SERVE",
            )
        except FileNotFoundError:
            if served_by is not None:
                slot.processes.kill(served_by, grace=0)
            raise
        finally:
            for fd in (questions_out, questions_in, answers_out, answers_in):
                os.close(fd)
        ended = yield Wait(pid=evaluated_by)
        slot.processes.kill(served_by, grace=_LEAVING)
        served = yield Wait(pid=served_by)
        return ended, served

    def _run(  # type: ignore[no-untyped-def]
        self,
        slot: Slot,
        command: str,
        folder: Path,
        log: Path,
        began: float,
        environment: Mapping[str, str] | None = None,
    ):
        given, left = environment or self._environment(slot.job), self._left(slot.job, began)
        pid = slot.start(command, folder / self.prefix, given, log, timeout=left)
        return (yield Wait(pid=pid))

    def _left(self, job: Job, began: float) -> float:
        return max(0.1, self.settings.time_limit * job.times - (time.monotonic() - began))

    def _environment(self, job: Job) -> dict[str, str]:
        return {
            **self.environment,
            "NIGHTLAB_SEED": str(job.seed),
            "NIGHTLAB_BUDGET": self.settings.budget_times(job.times),
            "NIGHTLAB_TRIAL": str(job.trial),
        }

    def _evaluating(self, job: Job) -> dict[str, str]:
        """That of `evaluate`: what is confirmed is scored on data that no decision has used."""
        last = self.settings.holdout and job.purpose is Purpose.CONFIRM
        return {**self._environment(job), "NIGHTLAB_SPLIT": "holdout" if last else "val"}

    def _lay(self, job: Job, folder: Path, pristine: bool) -> None:
        """Fill a fresh folder: the trial's files without the holdout, or the harness with it."""
        folder.mkdir(parents=True)
        (job.harness if pristine else job.export)(folder)
        hidden = () if pristine or not self.settings.evaluate else self.settings.holdout
        inputs = (*self.settings.inputs, *(self.settings.holdout if pristine else ()))
        lay_inputs(self.study, folder / self.prefix, inputs, hidden)

    def _collect(self, folder: Path, store: Path) -> list[str]:
        """Move artifacts out of the run's folder. Returns those that are not regular files."""
        missing = []
        for name in self.settings.artifacts:
            made, kept = folder / self.prefix / name, store / name
            try:
                if not _is_regular(made, folder):
                    raise FileNotFoundError(made)
                kept.parent.mkdir(parents=True, exist_ok=True)
                shutil.move(made, kept)
                kept.chmod(stat.S_IRUSR | stat.S_IWUSR | stat.S_IRGRP | stat.S_IROTH)
            except OSError:
                missing.append(name)
        return missing

    def _hand_over(self, store: Path, folder: Path) -> None:
        for name in self.settings.artifacts:
            target = own_place(folder / self.prefix, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            shutil.copyfile(store / name, target)

    def _changed(self, job: Job, folder: Path) -> list[str]:
        """Protected files that are not as they were laid."""
        changed = []
        hidden = tuple(f"{self.prefix}{PurePosixPath(name)}" for name in self.settings.holdout)
        for name, expected in job.protected.items():
            path = folder / name
            try:
                same = stat.S_ISREG(path.lstat().st_mode) and _digest(path) == expected
            except OSError:
                same = any(name == h or name.startswith(f"{h}/") for h in hidden)
            if not same:
                changed.append(name)
        return changed

    def _bad_end(self, job: Job, ended: Ended, log: Path) -> Measurement | None:
        """The outcome of a process that did not simply succeed, None of one that did."""
        words = last_words(log)
        if ended.why == "timeout":
            limit = self.settings.time_limit * job.times
            detail = f"killed after {limit:g} s (run.timeout)"
            return Measurement(job.run, Outcome.TIMEOUT, detail=detail)
        if ended.code == 0:
            return None
        if any(OUT_OF_MEMORY.search(line) for line in tail(log)):
            return Measurement(job.run, Outcome.OUT_OF_MEMORY, detail=words)
        if ended.code in (-signal.SIGKILL, 128 + signal.SIGKILL):
            detail = "killed by the system, most likely out of memory"
            return Measurement(job.run, Outcome.OUT_OF_MEMORY, detail=detail)
        how = f"exit {ended.code}" if ended.code > 0 else f"signal {-ended.code}"
        return Measurement(job.run, Outcome.CRASH, detail=f"{words} ({how})" if words else how)

    def _judge_output(
        self, job: Job, printed: Printed, memory: dict[str, float], reported: Mapping[str, float]
    ) -> Measurement:
        metrics = {**printed.metrics, **memory}
        if self.metric in printed.not_finite:
            detail = f"{self.metric} is {printed.not_finite[self.metric]}"
            return Measurement(job.run, Outcome.NOT_FINITE, metrics, reported, 0, detail)
        if self.metric not in printed.metrics:
            detail = f"no line `{self.metric}: <number>` was printed"
            return Measurement(job.run, Outcome.NO_METRIC, metrics, reported, 0, detail)
        return Measurement(job.run, Outcome.OK, metrics, reported)


def _is_regular(path: Path, folder: Path) -> bool:
    """Whether it is a regular file, and really in `folder`: no link on the way leads out."""
    inside = path.parent.resolve().is_relative_to(folder.resolve())
    return inside and stat.S_ISREG(path.lstat().st_mode)


def _digest(path: Path) -> str:
    return blake2b(path.read_bytes(), digest_size=16).hexdigest()
