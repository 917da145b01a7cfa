"""How an experiment is executed, here or elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Protocol

from nightlab.types import Job, Measurement, Progress

OnProgress = Callable[[Progress], None]
"""Called with where a run in flight stands, now and then."""


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


__all__ = ["OnProgress", "Runner"]
