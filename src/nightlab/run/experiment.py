"""What the local runner asks of an experiment: a generator that starts processes and waits."""

from __future__ import annotations

import os
import shlex
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from nightlab.run.processes import NO_LIMITS, Ended, Processes, devnull
from nightlab.types import Job, Measurement

_SHELL_SIGNS = set("|&;<>()$`*?[]{}~!\n=#")


@dataclass(frozen=True)
class Wait:
    """What a run waits for: the end of process `pid`, or something to read at `fd`.

    `deadline` is on the monotonic clock, in seconds.
    """

    pid: int | None = None
    fd: int | None = None
    deadline: float | None = None


Steps = Generator[Wait, "Ended | bool", Measurement]
"""A run in steps: yields a Wait, is sent how the process ended, or whether there is a reply."""


Told = tuple["float | None", Mapping[str, float]]
"""A line of progress: how far a run is, as a fraction of its budget, and what it says of itself."""


@dataclass
class Slot:
    """One run in flight: its job, its scratch folder, and the processes it has started.

    `heard` says how much of its log has been read for progress, in bytes.
    """

    job: Job
    folder: Path
    processes: Processes
    pids: list[int] = field(default_factory=list)
    heard: int = 0

    def start(
        self,
        argv: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        log: Path,
        *,
        timeout: float,
        stdin: int | None = None,
        stdout: int | None = None,
        extra: Sequence[int] = (),
        variables: Sequence[str] = (),
        limits: Mapping[str, int] = NO_LIMITS,
        layers: int = 0,
    ) -> int:
        """Start a command with its output in `log`; `stdout` takes it from there. Returns a pid."""
        empty = devnull()
        written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            pid = self.processes.start(
                argv,
                folder=folder,
                environment=environment,
                mark=f"{os.getpid()}.{self.job.run}",
                stdin=empty if stdin is None else stdin,
                stdout=written if stdout is None else stdout,
                stderr=written,
                extra=extra,
                variables=variables,
                timeout=timeout,
                limits=limits,
                layers=layers,
            )
        finally:
            os.close(written)
            os.close(empty)
        self.pids.append(pid)
        return pid


class Experiment(Protocol):
    """One kind of experiment, for runners on this machine."""

    def steps(self, slot: Slot) -> Steps:
        """Execute the slot's job in steps. Its folder is empty, and removed afterwards."""
        ...

    def progress(self, slot: Slot) -> Sequence[Told]:
        """What a run has said of its progress since the last call, the oldest first."""
        ...

    def close(self) -> None:
        """Let go of whatever outlives a run."""
        ...


def argv_of(command: str) -> list[str]:
    """A command as an argument list; through `sh -c` only where it needs a shell.

    Raises ValueError for a quotation that isn't closed.
    """
    if _SHELL_SIGNS & set(command.strip()):
        return ["/bin/sh", "-c", command]
    return shlex.split(command)
