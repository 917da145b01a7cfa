"""How an experiment is executed, here or elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Protocol

from nightlab.run.sandbox import NoSandbox, Sandbox
from nightlab.types import Job, Measurement, Outcome, Progress

OnProgress = Callable[[Progress], None]
"""Called with where a run in flight stands, now and then."""


@dataclass(frozen=True)
class Setting:
    """What a runner may know of its study. Built by the study, handed to each runner.

    `study` is the folder of program.md, `prefix` its place in the repository, `metric` the primary
    metric, `scratch` a folder for the runner alone, `keep_open` descriptors that live as long as
    any process of a run may. Runs are confined by `sandbox` and see nothing in `hidden`; what the
    baseline compiles is kept in `caches`.
    """

    study: Path
    prefix: str
    metric: str
    scratch: Path
    on_progress: OnProgress = lambda _: None
    keep_open: Sequence[int] = ()
    sandbox: Sandbox = field(default_factory=NoSandbox)
    hidden: Sequence[Path] = ()
    caches: Path | None = None


class Runner(Protocol):
    """Executes jobs, several at a time, and never decides anything.

    A context manager: on leaving it, every process it started is gone.
    """

    @property
    def free(self) -> int:
        """How many more jobs may be started now."""
        ...

    def start(self, job: Job) -> None:
        """Begin a job. Returns at once."""
        ...

    def finished(self) -> Sequence[Measurement]:
        """What has ended since the last call; waits a moment if nothing has."""
        ...

    def stop(self, run: int, outcome: Outcome, detail: str) -> None:
        """Stop one job for good, soon; `finished` then tells of it with this outcome and detail.

        Returns at once. A run that isn't in flight, or has ended by itself meanwhile, is left as it
        is. A runner that can't stop a job lets it go on to its own end.
        """
        ...

    def interrupt(self) -> Sequence[Measurement]:
        """Stop every job in flight, and say so of each."""
        ...

    def __enter__(self) -> Runner: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


__all__ = ["OnProgress", "Runner", "Setting"]
