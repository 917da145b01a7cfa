"""The local runner: slots on this machine, each with a run in flight. It writes no scheduler."""

from __future__ import annotations

import select
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nightlab.disk import clear
from nightlab.run import OnProgress
from nightlab.run.experiment import Experiment, Slot, Steps, Wait
from nightlab.run.processes import Ended, Processes
from nightlab.types import Job, Measurement, Outcome, Progress

_TICK = 0.25
_GRACE = 2.0
_PATIENCE = 8.0


@dataclass
class _Running:
    slot: Slot
    steps: Steps
    wait: Wait
    began: float
    done: Measurement | None = None
    stopped: Measurement | None = None


class LocalRunner:
    """Runs up to `parallel` jobs at a time, each in a fresh folder below `scratch`.

    `keep_open` are descriptors that live as long as any process of a run may.
    """

    def __init__(
        self,
        experiment: Experiment,
        scratch: Path,
        parallel: int = 1,
        on_progress: OnProgress = lambda _: None,
        keep_open: Sequence[int] = (),
    ) -> None:
        self.experiment = experiment
        self.scratch = scratch
        self.parallel = parallel
        self.on_progress = on_progress
        self.processes = Processes(keep_open)
        self.running: dict[int, _Running] = {}
        self.ended: dict[int, Ended] = {}

    def __enter__(self) -> LocalRunner:
        clear(self.scratch)
        self.scratch.mkdir(parents=True, exist_ok=True)
        self.processes.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        for running in self.running.values():
            running.steps.close()
        self.running.clear()
        self.experiment.close()
        self.processes.__exit__()
        clear(self.scratch)

    @property
    def free(self) -> int:
        return self.parallel - len(self.running)

    def start(self, job: Job) -> None:
        slot = Slot(job, self.scratch / f"run-{job.run}", self.processes)
        steps = self.experiment.steps(slot)
        running = _Running(slot, steps, Wait(), time.monotonic())
        self._step(running, None)
        self.running[job.run] = running

    def finished(self) -> Sequence[Measurement]:
        until = time.monotonic() + _TICK
        while True:
            self._listen(max(0.0, until - time.monotonic()))
            done = [r for r in self.running.values() if r.done]
            if done or time.monotonic() >= until or not self.running:
                break
        self._tell_progress()
        for running in done:
            del self.running[running.slot.job.run]
        return [r.done for r in done if r.done]

    def stop(self, run: int, outcome: Outcome, detail: str) -> None:
        running = self.running.get(run)
        if running and not running.done and not running.stopped:
            seconds = time.monotonic() - running.began
            running.stopped = Measurement(run, outcome, seconds=seconds, detail=detail)
            for pid in running.slot.pids:
                self.processes.kill(pid, grace=_GRACE)

    def interrupt(self) -> Sequence[Measurement]:
        active = list(self.running.values())
        pids = {pid for running in active for pid in running.slot.pids} - self.ended.keys()
        for pid in pids:
            self.processes.kill(pid, grace=_GRACE)
        give_up = time.monotonic() + _PATIENCE
        while pids - self.ended.keys() and time.monotonic() < give_up:
            select.select([self.processes], [], [], 0.1)
            self.ended |= {ended.pid: ended for ended in self.processes.ended()}
        for running in active:
            running.steps.close()
            clear(running.slot.folder)
        self.running.clear()
        self.ended.clear()
        ends = [r.done or r.stopped for r in active]
        cut = [Measurement(r.slot.job.run, Outcome.INTERRUPTED) for r in active]
        return [end or interrupted for end, interrupted in zip(ends, cut, strict=True)]

    def _listen(self, wait: float) -> None:
        """Wait for something to happen, and let every run go on that can."""
        if self.running and not any(r.done for r in self.running.values()):
            going = [r for r in self.running.values() if not r.stopped]
            fds = {r.wait.fd: r for r in going if r.wait.fd is not None}
            wait = 0.0 if self.processes.pending else wait
            ready, _, _ = select.select([self.processes.fileno(), *fds], [], [], wait)
            for fd in ready:
                if fd in fds:
                    self._step(fds[fd], True)
        started = {pid for running in self.running.values() for pid in running.slot.pids}
        self.ended |= {ended.pid: ended for ended in self.processes.ended() if ended.pid in started}
        now = time.monotonic()
        for running in list(self.running.values()):
            if running.stopped and not running.done:
                self._bury(running)
                continue
            while not running.done and running.wait.pid in self.ended:
                ended = self.ended.pop(running.wait.pid)
                running.slot.pids.remove(ended.pid)
                self._step(running, ended)
            deadline = running.wait.deadline
            if not running.done and deadline is not None and now >= deadline:
                self._step(running, False)

    def _step(self, running: _Running, said: Ended | bool | None) -> None:
        try:
            running.wait = next(running.steps) if said is None else running.steps.send(said)
        except StopIteration as finished:
            running.done = finished.value
            for pid in running.slot.pids:
                self.ended.pop(pid, None)
            clear(running.slot.folder)

    def _bury(self, running: _Running) -> None:
        """End a stopped run, once none of its processes lives."""
        for pid in [pid for pid in running.slot.pids if pid in self.ended]:
            del self.ended[pid]
            running.slot.pids.remove(pid)
        if not running.slot.pids:
            running.steps.close()
            running.done = running.stopped
            clear(running.slot.folder)

    def _tell_progress(self) -> None:
        for run, running in self.running.items():
            for told in () if running.stopped else self.experiment.progress(running.slot):
                self.on_progress(Progress(run, *told))
