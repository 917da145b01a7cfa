"""The call experiment: a Python function in a warm worker, for experiments of milliseconds."""

from __future__ import annotations

import json
import os
import select
import signal
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nightlab.disk import clear
from nightlab.run.confinement import Confinement
from nightlab.run.experiment import Slot, Steps, Told, Wait
from nightlab.run.folder import RunFolder
from nightlab.run.limits import beyond, limits_for
from nightlab.run.output import OUT_OF_MEMORY, measured
from nightlab.run.processes import Processes, devnull
from nightlab.run.settings import RunSettings
from nightlab.types import Job, Measurement, Outcome

_SCRIPT = Path(__file__).with_name("call_worker.py")
_MOST_TOLD = 100
_LONGEST = 1 << 24


@dataclass
class Worker:
    """A warm process with the study's module loaded, in a folder with one version of the code."""

    code: str
    pid: int
    folder: Path
    requests: int
    replies: int
    printed: int
    buffer: bytes = field(default=b"")
    answered: int = 0

    def ask(self, request: dict[str, object]) -> None:
        """Send a request. Raises BrokenPipeError where the worker is gone."""
        data = json.dumps(request, default=str).encode() + b"\n"
        while data:
            data = data[os.write(self.requests, data) :]

    @property
    def gone(self) -> bool:
        """Whether it has died: nobody holds the other end of its replies."""
        poll = select.poll()
        poll.register(self.replies, 0)
        return bool(poll.poll(0))

    def messages(self) -> list[dict[str, Any]] | None:
        """What it has said since the last call; None where it has died.

        Raises ValueError where it said something that is no message: the function shares its
        process, and may have written there.
        """
        data = os.read(self.replies, 1 << 16)
        if not data:
            return None
        *lines, self.buffer = (self.buffer + data).split(b"\n")
        if len(self.buffer) > _LONGEST:
            raise ValueError("a message without end")
        return [_message(line) for line in lines]

    def hand_over_log(self, log: Path) -> None:
        """Move what it has printed since the last time, if anything, to the end of `log`."""
        size = os.fstat(self.printed).st_size
        if size:
            with log.open("ab") as file:
                done = 0
                while data := os.pread(self.printed, 1 << 20, done):
                    done += file.write(data)
            os.ftruncate(self.printed, 0)

    def close(self) -> None:
        """Let it see the end of its requests, which ends it."""
        for fd in (self.requests, self.replies, self.printed):
            os.close(fd)
        clear(self.folder)


class CallExperiment:
    """Calls `module:function(parameters, seed[, report])`; one worker per slot and code version."""

    def __init__(
        self,
        settings: RunSettings,
        study: Path,
        prefix: str,
        metric: str,
        scratch: Path,
        confinement: Confinement | None = None,
    ) -> None:
        self.settings = settings
        self.study = study
        self.prefix = prefix
        self.metric = metric
        self.scratch = scratch
        self.confinement = confinement or Confinement.none(study, settings)
        self.limits = limits_for(settings, self.confinement.device)
        self.idle: list[Worker] = []
        self.busy: dict[int, Worker] = {}
        self._progress: dict[int, list[Told]] = {}

    def steps(self, slot: Slot) -> Steps:
        job, began = slot.job, time.monotonic()
        worker = self._asked(job, slot.processes)
        self.busy[job.run] = worker
        slot.pids.append(worker.pid)
        try:
            answer = yield from self._answer(job, worker, began)
        except GeneratorExit:
            self._progress.pop(job.run, None)
            self.busy.pop(job.run).close()
            raise
        except (ValueError, TypeError) as error:
            answer = {"error": f"the worker said what it may not ({error})", "broken": True}
        del self.busy[job.run]
        worker.hand_over_log(job.log)
        seconds = time.monotonic() - began
        if answer is not None and "broken" not in answer:
            self.idle.append(worker)
            slot.pids.remove(worker.pid)
            worker.answered += 1
            return self._measure(job, answer, seconds, warm=worker.answered > 1)
        limit = self._time_limit(job)
        late = seconds >= limit
        slot.processes.kill(worker.pid, grace=0.5)
        worker.close()
        ended = yield Wait(pid=worker.pid)
        assert not isinstance(ended, bool)
        if answer is not None:
            return self._measure(job, answer, seconds)
        if ended.why in ("memory", "processes", "output"):
            outcome = Outcome.OUT_OF_MEMORY if ended.why == "memory" else Outcome.CRASH
            detail = beyond(ended.why, self.limits)
            return Measurement(job.run, outcome, seconds=seconds, detail=detail)
        if late:
            detail = f"killed after {limit:g} s (run.timeout)"
            return Measurement(job.run, Outcome.TIMEOUT, seconds=seconds, detail=detail)
        signalled = -ended.code if ended.code < 0 else ended.code - 128
        if signalled == signal.SIGKILL:
            detail = "killed by the system, most likely out of memory"
            return Measurement(job.run, Outcome.OUT_OF_MEMORY, seconds=seconds, detail=detail)
        how = f"exit {ended.code}" if signalled <= 0 else f"signal {signalled}"
        detail = f"the worker died ({how})"
        return Measurement(job.run, Outcome.CRASH, seconds=seconds, detail=detail)

    def _answer(
        self, job: Job, worker: Worker, began: float
    ) -> Generator[Wait, object, dict[str, Any] | None]:
        """The worker's final message, None where it died or ran out of time."""
        deadline = began + self._time_limit(job)
        while (yield Wait(fd=worker.replies, deadline=deadline)):
            messages = worker.messages()
            if messages is None:
                return None
            for message in messages:
                if "progress" not in message:
                    return message
                done = message["progress"]
                fraction = None if done is None else min(max(0.0, done), 1.0)
                told = self._progress.setdefault(job.run, [])
                told.append((fraction, message["values"]))
                if len(told) > _MOST_TOLD:
                    del told[:-1:2]
        return None

    def _time_limit(self, job: Job) -> float:
        return self.settings.time_limit * job.times

    def progress(self, slot: Slot) -> Sequence[Told]:
        return self._progress.pop(slot.job.run, [])

    def close(self) -> None:
        for worker in (*self.idle, *self.busy.values()):
            worker.close()
        self.idle, self.busy = [], {}

    def _asked(self, job: Job, processes: Processes) -> Worker:
        """A worker with this version of the code at work on the job, started if there is none.

        A warm one that died since its last answer is no fault of this job's, and is replaced.
        """
        budget = self.settings.budget_times(job.times)
        request = {"parameters": job.parameters, "seed": job.seed, "budget": budget}
        for worker in [worker for worker in self.idle if worker.code == job.code]:
            self.idle.remove(worker)
            if not worker.gone:
                with suppress(BrokenPipeError):
                    worker.ask(request)
                    return worker
            worker.close()
        while len(self.idle) + len(self.busy) >= self.settings.parallel and self.idle:
            oldest = self.idle.pop(0)
            oldest.close()
            processes.kill(oldest.pid, grace=1.0)
        worker = self._start(job, processes)
        with suppress(BrokenPipeError):
            worker.ask(request)
        return worker

    def _start(self, job: Job, processes: Processes) -> Worker:
        top = Path(tempfile.mkdtemp(prefix="worker-", dir=self.scratch))
        folder = RunFolder(top / "call", self.study, self.prefix, self.settings)
        folder.lay(job, pristine=False)
        argv = [str(self.confinement.surroundings.python), str(_SCRIPT), str(self.settings.call)]
        confined = self.confinement.confine(argv, folder, trusted=False, readable=[_SCRIPT])
        their_requests, our_requests = os.pipe()
        our_replies, their_replies = os.pipe()
        printed = os.open(top / "printed", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        empty = devnull()
        try:
            pid = processes.start(
                confined.argv,
                folder=folder.working,
                environment=confined.environment,
                mark=f"{os.getpid()}.worker.{our_requests}",
                stdin=empty,
                stdout=printed,
                extra=(their_requests, their_replies),
                variables=("NIGHTLAB_CHANNEL",),
                limits=self.limits,
                layers=confined.layers,
            )
        finally:
            for fd in (their_requests, their_replies, empty):
                os.close(fd)
        return Worker(job.code, pid, top, our_requests, our_replies, printed)

    def _measure(
        self, job: Job, answer: dict[str, Any], seconds: float, warm: bool = False
    ) -> Measurement:
        """A measurement of what the function returned. Of a `warm` worker the time counts against
        a budget; the first call of a worker has its start and its imports in it."""
        if "error" in answer:
            detail = str(answer["error"])
            memory = answer.get("memory") or OUT_OF_MEMORY.search(detail)
            outcome = Outcome.OUT_OF_MEMORY if memory else Outcome.CRASH
            return Measurement(job.run, outcome, seconds=seconds, detail=detail)
        metrics = dict(answer["metrics"])
        if warm and self.settings.budget and self.settings.budget.unit == "seconds":
            metrics["train_seconds"] = round(seconds, 3)
        return measured(job.run, metrics, self.metric, str(self.settings.call), seconds)


def _message(line: bytes) -> dict[str, Any]:
    """A message of a worker: progress, metrics or an error. Raises ValueError for anything else."""
    said = json.loads(line)
    if not isinstance(said, dict):
        raise ValueError("not a message")
    if "progress" in said:
        _check_numbers(said.get("values"))
        _check_numbers({} if said["progress"] is None else {"progress": said["progress"]})
    elif "error" not in said:
        _check_numbers(said.get("metrics"))
    return said


def _check_numbers(given: object) -> None:
    if not isinstance(given, dict) or not all(
        isinstance(value, (int, float)) for value in given.values()
    ):
        raise ValueError("not numbers by name")
