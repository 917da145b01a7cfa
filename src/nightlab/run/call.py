"""The call experiment: a Python function in a warm worker, for experiments of milliseconds."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nightlab.run.environment import base_environment, interpreter
from nightlab.run.experiment import Slot, Steps, Told, Wait
from nightlab.run.inputs import lay_inputs
from nightlab.run.output import OUT_OF_MEMORY, measured
from nightlab.run.processes import Processes, devnull
from nightlab.run.settings import RunSettings
from nightlab.types import Job, Measurement, Outcome

_SCRIPT = Path(__file__).with_name("call_worker.py")
_MOST_TOLD = 100


@dataclass
class Worker:
    """A warm process with the study's module loaded, in a folder with one version of the code."""

    code: str
    pid: int
    folder: Path
    requests: int
    replies: int
    buffer: bytes = field(default=b"")

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
        """What it has said since the last call; None where it has died."""
        data = os.read(self.replies, 1 << 16)
        if not data:
            return None
        *lines, self.buffer = (self.buffer + data).split(b"\n")
        return [json.loads(line) for line in lines]

    def close(self) -> None:
        """Let it see the end of its requests, which ends it."""
        for fd in (self.requests, self.replies):
            os.close(fd)
        shutil.rmtree(self.folder, ignore_errors=True)


class CallExperiment:
    """Calls `module:function(parameters, seed[, report])`; one worker per slot and code version."""

    def __init__(
        self, settings: RunSettings, study: Path, prefix: str, metric: str, scratch: Path
    ) -> None:
        self.settings = settings
        self.study = study
        self.prefix = prefix
        self.metric = metric
        self.scratch = scratch
        self.environment = base_environment(study, settings.parallel)
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
        del self.busy[job.run]
        seconds = time.monotonic() - began
        if answer is not None:
            self.idle.append(worker)
            slot.pids.remove(worker.pid)
            _drop_if_empty(job.log)
            return self._measure(job, answer, seconds)
        late = seconds >= self.settings.time_limit
        slot.processes.kill(worker.pid, grace=0.5)
        worker.close()
        ended = yield Wait(pid=worker.pid)
        assert not isinstance(ended, bool)
        if late:
            detail = f"killed after {self.settings.time_limit:g} s (run.timeout)"
            return Measurement(job.run, Outcome.TIMEOUT, seconds=seconds, detail=detail)
        if ended.code == -signal.SIGKILL:
            detail = "killed by the system, most likely out of memory"
            return Measurement(job.run, Outcome.OUT_OF_MEMORY, seconds=seconds, detail=detail)
        how = f"exit {ended.code}" if ended.code >= 0 else f"signal {-ended.code}"
        detail = f"the worker died ({how})"
        return Measurement(job.run, Outcome.CRASH, seconds=seconds, detail=detail)

    def _answer(self, job: Job, worker: Worker, began: float):  # type: ignore[no-untyped-def]
        """The worker's final message, None where it died or ran out of time."""
        deadline = began + self.settings.time_limit
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
        request = {"parameters": job.parameters, "seed": job.seed, "log": str(job.log)}
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
        folder = Path(tempfile.mkdtemp(prefix="worker-", dir=self.scratch))
        job.export(folder)
        lay_inputs(self.study, folder / self.prefix, self.settings.inputs)
        their_requests, our_requests = os.pipe()
        our_replies, their_replies = os.pipe()
        empty = devnull()
        try:
            pid = processes.start(
                [str(interpreter(self.study)), str(_SCRIPT), str(self.settings.call)],
                folder=folder / self.prefix,
                environment={**self.environment, "NIGHTLAB_BUDGET": self.settings.budget_text},
                mark=f"{os.getpid()}.worker.{our_requests}",
                stdin=empty,
                stdout=empty,
                extra=(their_requests, their_replies),
                variable="NIGHTLAB_CHANNEL",
            )
        finally:
            for fd in (their_requests, their_replies, empty):
                os.close(fd)
        return Worker(job.code, pid, folder, our_requests, our_replies)

    def _measure(self, job: Job, answer: dict[str, object], seconds: float) -> Measurement:
        if "error" in answer:
            detail = str(answer["error"])
            memory = answer.get("memory") or OUT_OF_MEMORY.search(detail)
            outcome = Outcome.OUT_OF_MEMORY if memory else Outcome.CRASH
            return Measurement(job.run, outcome, seconds=seconds, detail=detail)
        given = answer["metrics"]
        assert isinstance(given, dict)
        return measured(job.run, given, self.metric, str(self.settings.call), seconds)


def _drop_if_empty(log: Path) -> None:
    try:
        if log.stat().st_size == 0:
            log.unlink()
    except OSError:
        pass
