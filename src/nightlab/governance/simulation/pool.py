"""Warm processes that evaluate scenarios, for the work outside a campaign."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nightlab.disk import clear, workplace
from nightlab.program.quantity import parse_budget
from nightlab.run.call import CallExperiment
from nightlab.run.confinement import Confinement
from nightlab.run.local import LocalRunner
from nightlab.run.sandbox import NoSandbox
from nightlab.run.sandbox.surroundings import Surroundings
from nightlab.run.settings import RunSettings
from nightlab.types import Job, Measurement, NightlabError, Purpose, one_line

OnDone = Callable[[int, int], None]
"""Is told how many evaluations are done, and of how many."""

_ENTRY = "nightlab_evaluation"
_LOADS = """\
import os
import sys

os.chdir({folder!r})
sys.path.insert(0, {folder!r})
from {module} import {function}
"""


@dataclass(frozen=True)
class Task:
    """An evaluation: a whole scenario file as a mapping, a seed, and how many times the budget."""

    settings: Mapping[str, Any]
    seed: int
    times: float = 1.0


class Pool:
    """Calls `function(settings, seed)` of a script, in its folder. A context manager.

    An evaluation that raises, dies, hangs, or has no number for `metric` is an outcome of its own,
    and harms no other. Every process ends with the pool, and with this process however it ends.
    `budget` is what a function finds in NIGHTLAB_BUDGET, as `15 steps`; `timeout` is in seconds,
    and both are stretched by the `times` of a task.
    """

    def __init__(
        self,
        script: Path,
        python: str,
        workers: int,
        metric: str,
        *,
        function: str = "evaluate",
        budget: str = "",
        timeout: float = 600.0,
    ) -> None:
        if not script.is_file():
            raise NightlabError(f"{script} is not there; `nightlab init governance` lays it")
        self.script = script.resolve()
        self.python = python
        self.metric = metric
        self.function = function
        self.settings = RunSettings(
            call=f"{_ENTRY}:{function}",
            budget=parse_budget(budget) if budget else None,
            timeout=timeout,
            parallel=max(1, workers),
        )
        self._runner: LocalRunner | None = None
        self._runs = 0

    def __enter__(self) -> Pool:
        scratch = _fresh_folder(workplace() / "pools")
        around = Surroundings(self.script.parent)
        around.python = Path(self.python)
        experiment = CallExperiment(
            self.settings,
            self.script.parent,
            "",
            self.metric,
            scratch,
            Confinement(NoSandbox(), around, self.settings),
        )
        self._runner = LocalRunner(experiment, scratch, self.settings.parallel)
        self._runner.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        if self._runner:
            self._runner.__exit__()
        self._runner = None

    def measure(
        self, tasks: Sequence[Task], on_done: OnDone = lambda done, of: None
    ) -> list[Measurement]:
        """What came of each task, in their order. Raises NightlabError where python isn't there."""
        if self._runner is None:
            raise NightlabError("the pool is closed; measure inside its `with`")
        try:
            return self._measure(self._runner, tasks, on_done)
        except FileNotFoundError as error:
            raise NightlabError(f"no process can be started: {one_line(str(error))}") from None
        except BaseException:
            self._runner.interrupt()
            raise

    def _measure(
        self, runner: LocalRunner, tasks: Sequence[Task], on_done: OnDone
    ) -> list[Measurement]:
        jobs = [self._job(task, runner.scratch) for task in tasks]
        waiting, done = list(reversed(jobs)), dict[int, Measurement]()
        while len(done) < len(jobs):
            while runner.free and waiting:
                runner.start(waiting.pop())
            for found in runner.finished():
                done[found.run] = replace(found, detail=one_line(found.detail))
                (runner.scratch / f"{found.run}.log").unlink(missing_ok=True)
                on_done(len(done), len(jobs))
        return [done[job.run] for job in jobs]

    def _job(self, task: Task, scratch: Path) -> Job:
        self._runs += 1
        return Job(
            run=self._runs,
            trial=0,
            seed=task.seed,
            purpose=Purpose.CONFIRM,
            export=self._lay,
            harness=self._lay,
            code=_ENTRY,
            parameters=task.settings,
            protected={},
            log=scratch / f"{self._runs}.log",
            artifacts=scratch,
            times=task.times,
        )

    def _lay(self, folder: Path) -> None:
        """A module that loads the script where it lies, with what lies beside it."""
        place = {"folder": str(self.script.parent), "module": self.script.stem}
        text = _LOADS.format(**place, function=self.function)
        (folder / f"{_ENTRY}.py").write_text(text, encoding="utf-8")


def _fresh_folder(top: Path) -> Path:
    """A folder of this process's own; those of processes that were killed are cleared away."""
    top.mkdir(parents=True, exist_ok=True)
    for path in top.glob("*-*"):
        owner = path.name.partition("-")[0]
        if owner.isdigit() and _is_gone(int(owner)):
            clear(path)
    return Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=top))


def _is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:  # somebody else's
        return False
    return False
