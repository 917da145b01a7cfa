"""Results in the order in which their runs were started: a campaign that repeats, run by run."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from types import TracebackType

from nightlab.run import Runner
from nightlab.types import Job, Measurement, Outcome


class InOrder:
    """Hands over one result at a time, that of the run which was started first.

    What ends before those started earlier waits in its slot, so what is proposed next hangs on no
    run's duration. Whoever waits when it is interrupted is interrupted, too.
    """

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self._order: deque[int] = deque()
        self._early: dict[int, Measurement] = {}

    @property
    def free(self) -> int:
        return self.runner.free - len(self._early)

    @property
    def _first(self) -> int | None:
        return self._order[0] if self._order else None

    def start(self, job: Job) -> None:
        self._order.append(job.run)
        self.runner.start(job)

    def finished(self) -> Sequence[Measurement]:
        if self._first not in self._early:
            self._early |= {ended.run: ended for ended in self.runner.finished()}
        if self._first not in self._early:
            return []
        return [self._early.pop(self._order.popleft())]

    def stop(self, run: int, outcome: Outcome, detail: str) -> None:
        self.runner.stop(run, outcome, detail)

    def interrupt(self) -> Sequence[Measurement]:
        self.runner.interrupt()
        cut = [Measurement(run, Outcome.INTERRUPTED) for run in self._order]
        self._order.clear()
        self._early.clear()
        return cut

    def __enter__(self) -> InOrder:
        self.runner.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._order.clear()
        self._early.clear()
        self.runner.__exit__(kind, error, trace)
