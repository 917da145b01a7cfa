"""The function runner: calls a Python function in this process, one run at a time."""

from __future__ import annotations

import copy
import inspect
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any

from nightlab.run import Runner
from nightlab.run.output import measured
from nightlab.types import Job, Measurement, Metrics, NightlabError, Outcome, one_line

Function = Callable[..., "float | Mapping[str, float]"]
"""`function(parameters[, seed[, report]])`; a seed is given by name where it can only be so."""


class FunctionRunner:
    """For `nightlab.optimize`, and for looking into an experiment with a debugger.

    Beware: nothing stops a call that hangs, and its code shares the process with the loop. An
    exception is a crash of that run, and SystemExit too; `error` is the last. KeyboardInterrupt
    passes.
    """

    def __init__(self, function: Function, metric: str) -> None:
        self.function = function
        self.metric = metric
        self.call = caller(function)
        self.job: Job | None = None
        self.error: BaseException | None = None

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

    def stop(self, run: int, outcome: Outcome, detail: str) -> None:
        """A call in this process can't be stopped: it goes on to its end."""

    def interrupt(self) -> Sequence[Measurement]:
        job, self.job = self.job, None
        return [Measurement(job.run, Outcome.INTERRUPTED)] if job else []

    def _call(self, job: Job) -> Measurement:
        began = time.monotonic()
        try:
            given = self._metrics(self.call(copy.deepcopy(dict(job.parameters)), job.seed))
        except (Exception, SystemExit) as error:  # the function may be anybody's code
            self.error = error
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


def caller(function: Function) -> Callable[[dict[str, Any], int], Any]:
    """How to call the function with parameters and a seed, by what its signature takes.

    Raises NightlabError for what can't be called with parameters at all.
    """
    if not callable(function):
        raise NightlabError(f"{type(function).__name__} is not a function of parameters and a seed")
    try:
        bind = inspect.signature(function).bind
    except ValueError:  # a built-in without a signature
        return function
    ways: tuple[tuple[Callable[[], Any], Callable[[dict[str, Any], int], Any]], ...] = (
        (lambda: bind({}, 0), function),
        (lambda: bind({}, 0, _unheard), lambda p, seed: function(p, seed, _unheard)),
        (lambda: bind({}, seed=0), lambda p, seed: function(p, seed=seed)),
        (lambda: bind({}), lambda p, _: function(p)),
    )
    for fits, call in ways:
        with suppress(TypeError):
            fits()
            return call
    raise NightlabError("the function must take parameters and a seed: f(parameters, seed)")


def _unheard(step: int, fraction: float | None, **metrics: float) -> None:
    """Progress of a call in this process is told to nobody."""
