"""The function runner: calls a Python function in this process, one run at a time."""

from __future__ import annotations

import inspect
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

from nightlab.run import Runner
from nightlab.run.output import measured
from nightlab.types import Job, Measurement, Metrics, Outcome, one_line

Function = Callable[..., "float | Mapping[str, float]"]
"""`function(parameters, seed)`, or `function(parameters)` where a seed means nothing."""


class FunctionRunner:
    """For `nightlab.optimize`, and for looking into an experiment with a debugger.

    Beware: nothing stops a call that hangs, and its code shares the process with the loop. An
    exception is a crash of that run; KeyboardInterrupt and SystemExit pass.
    """

    def __init__(self, function: Function, metric: str) -> None:
        self.function = function
        self.metric = metric
        self.seeded = takes_a_seed(function)
        self.job: Job | None = None

    def __enter__(self) -> Runner:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.job = None

    @property
    def free(self) -> int:
        return 0 if self.job else 1

    def start(self, job: Job) -> None:
        self.job = job

    def finished(self) -> Sequence[Measurement]:
        if self.job is None:
            return []
        measurement = self._call(self.job)
        self.job = None
        return [measurement]

    def interrupt(self) -> Sequence[Measurement]:
        job, self.job = self.job, None
        return [Measurement(job.run, Outcome.INTERRUPTED)] if job else []

    def _call(self, job: Job) -> Measurement:
        began = time.monotonic()
        try:
            arguments = (dict(job.parameters), job.seed)
            given = self._metrics(self.function(*arguments[: 1 + self.seeded]))
        except Exception as error:  # the function may be anybody's code
            job.log.write_text(traceback.format_exc(), encoding="utf-8", errors="backslashreplace")
            memory = isinstance(error, MemoryError)
            outcome = Outcome.OUT_OF_MEMORY if memory else Outcome.CRASH
            detail = one_line(f"{type(error).__name__}: {error}")
            return Measurement(job.run, outcome, seconds=time.monotonic() - began, detail=detail)
        seconds = time.monotonic() - began
        return measured(job.run, given, self.metric, "the function", seconds)

    def _metrics(self, result: Any) -> Metrics:
        """A number stands for the primary metric."""
        if isinstance(result, Mapping):
            return {str(name): float(value) for name, value in result.items()}
        try:
            return {self.metric: float(result)}
        except (TypeError, ValueError):
            kind = type(result).__name__
            raise TypeError(f"it must return a number or a dict of numbers, not {kind}") from None


def takes_a_seed(function: Function) -> bool:
    """Whether the function can be called with a seed as its second argument."""
    try:
        inspect.signature(function).bind({}, 0)
    except TypeError:
        return False
    except ValueError:  # a built-in without a signature
        return True
    return True
