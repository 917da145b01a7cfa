"""The `run:` section of program.md."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Literal

from pydantic import Field, field_validator, model_validator

from nightlab.program.quantity import Budget, BudgetText, Bytes, Seconds
from nightlab.program.settings import Section
from nightlab.run.experiment import argv_of
from nightlab.run.sandbox.interpreter import PACKAGE

_RULED = ("LD_", "PYTHON", "NIGHTLAB_")
"""How names of variables begin that lead a program to other code than its own."""


class LimitSettings(Section):
    """What a run may use, with all the processes that it starts. Beyond it, it is killed."""

    memory: Bytes | None = None
    """Memory in use, as `8 GB`. Without it: nine tenths of the machine's, shared by the runs that
    are in flight.
    """

    processes: int = Field(default=1024, ge=1)
    """How many processes there may be at a time."""

    file: Bytes = 16_000_000_000
    """The size of any one file that it writes, as `16 GB`. Beyond it, writing fails."""

    output: Bytes = 1_000_000_000
    """How much it may print, as `1 GB`."""


class RunSettings(Section):
    """What an experiment is, what it may spend, and where it runs.

    `train` or `call` is needed. A command starts without a shell, unless it has signs that mean
    something to one.
    """

    train: str | None = None
    """The command that trains, as `python train.py`. Without `evaluate`, what it prints is the
    metric, and the report says that it is self-reported.
    """

    serve: str | None = None
    """The command by which the candidate answers questions of `evaluate`, through pipes, as
    `python train.py --serve model.pt`.
    """

    evaluate: str | None = None
    """The command that prints the metric, as `python prepare.py evaluate`. It runs with the files
    of the baseline, so no change reaches it.
    """

    call: str | None = None
    """A Python function in place of commands, as `simulate:evaluate`: module, colon, function."""

    artifacts: tuple[str, ...] = ()
    """Files that pass from `train` to `serve` and `evaluate`, as `[model.pt]`. `train` must write
    each as a regular file; those of the incumbent are kept.
    """

    inputs: tuple[str, ...] = ()
    """Data that is not in git, as `[data]`: paths in the study, or absolute ones. Readable, never
    writable. The contents are fingerprinted when the campaign begins; changed data needs a new one.
    """

    holdout: tuple[str, ...] = ()
    """Paths that only `evaluate` can read, as `[data/val]`; or `package:NAME` for what lies in an
    installed Python package. Without a sandbox they are just not laid into the others' folders.
    """

    budget: BudgetText | None = None
    """What one run may spend, as `300` (seconds), `5 min`, `2000 steps` or `10M tokens`. The
    experiment finds it in `NIGHTLAB_BUDGET` and must keep to it.
    """

    timeout: Seconds | None = None
    """When a run is killed with everything it started. Without it: twice the budget and a minute;
    an hour where the budget is in steps or tokens, or there is none.
    """

    seeds: tuple[int, ...] = Field(default=(7, 11, 19), min_length=1)
    """The panel: a trial meets the incumbent on these seeds, one after the other. `judge: {keep:
    evidence}` needs two or more.
    """

    where: str = "local"
    """A short name, or `package.module:Class` of your own."""

    parallel: int = Field(default=1, ge=1, le=1024)
    """How many runs at a time. They share the processors: each is told its number of threads."""

    in_order: bool = False
    """Take results in the order in which the runs were started, not as they come: a seeded search
    over repeatable runs then comes to the same again, whatever each takes. An early one waits.
    """

    metrics: Literal["last", "strict"] = "last"
    """What a name that is printed twice means: `last` takes its last value, `strict` makes it an
    error.
    """

    isolation: Literal["auto", "required", "none", "bubblewrap", "landlock"] = "auto"
    """The sandbox of a run: `auto` takes the best that works here, and runs without where none
    does; `required` then refuses. A kind by name requires that one. The report says which it was.
    """

    network: bool = False
    """Whether runs may use the network. Without a sandbox nothing keeps them from it."""

    environment: tuple[str, ...] = ()
    """Names of variables that runs find besides the usual ones, as `[WANDB_API_KEY]`. What they
    hold is no secret to any change then.
    """

    limits: LimitSettings = LimitSettings()
    """What a run may use of the machine."""

    @field_validator("seeds")
    @classmethod
    def _no_seed_twice(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) < len(seeds):
            raise ValueError("a seed is given twice; a repeated seed adds no evidence")
        if any(not 0 <= seed < 2**31 for seed in seeds):
            raise ValueError("seeds lie between 0 and 2147483647")
        return seeds

    @field_validator("train", "serve", "evaluate")
    @classmethod
    def _can_be_started(cls, command: str | None) -> str | None:
        if command is not None and not argv_of(command):
            raise ValueError("the command is empty; write one, or leave the key out")
        return command

    @field_validator("artifacts")
    @classmethod
    def _inside_the_study(cls, paths: tuple[str, ...]) -> tuple[str, ...]:
        for path in paths:
            if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
                raise ValueError(f"{path} must be a path inside the study")
        return paths

    @field_validator("inputs", "holdout")
    @classmethod
    def _inside_or_absolute(cls, paths: tuple[str, ...]) -> tuple[str, ...]:
        for path in paths:
            if ".." in PurePosixPath(path).parts:
                raise ValueError(f"{path} must be a path inside the study, or an absolute one")
        return paths

    @field_validator("inputs")
    @classmethod
    def _no_package(cls, paths: tuple[str, ...]) -> tuple[str, ...]:
        for path in paths:
            if path.startswith(PACKAGE):
                raise ValueError(f"{path}: packages are readable; only `holdout` names them")
        return paths

    @field_validator("environment")
    @classmethod
    def _names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
                raise ValueError(f"{name!r} is not the name of a variable; write the name alone")
            if name.startswith(_RULED):
                raise ValueError(f"{name} would change what is measured; it is not passed on")
        return names

    @field_validator("call")
    @classmethod
    def _module_and_function(cls, call: str | None) -> str | None:
        if call is not None:
            module, colon, function = call.partition(":")
            if not (colon and function.isidentifier() and module.replace(".", "_").isidentifier()):
                raise ValueError(f"{call!r} must read module:function, as in simulate:evaluate")
        return call

    @model_validator(mode="after")
    def _one_kind_of_experiment(self) -> RunSettings:
        if not (self.train or self.call):
            raise ValueError("nothing to run; give `train: COMMAND` or `call: module:function`")
        if self.call and (self.train or self.serve or self.evaluate):
            raise ValueError("`call` stands alone; it doesn't go with train, serve or evaluate")
        seconds = self.budget is not None and self.budget.unit == "seconds"
        if self.budget and seconds and self.timeout and self.timeout <= self.budget.amount:
            raise ValueError("`timeout` must be longer than `budget`, or every run is killed")
        if self.serve and not self.evaluate:
            raise ValueError("`serve` answers `evaluate`; give both, or neither")
        if self.holdout and not self.evaluate:
            raise ValueError(
                "`holdout` is readable in `evaluate` alone; give an `evaluate` command"
            )
        return self

    @property
    def time_limit(self) -> float:
        """Seconds after which a run is killed: the timeout, else twice the budget and a minute."""
        if self.timeout:
            return self.timeout
        if self.budget and self.budget.unit == "seconds":
            return 2 * self.budget.amount + 60
        return 3600.0

    @property
    def budget_text(self) -> str:
        """What a command finds in NIGHTLAB_BUDGET: `300 seconds`, `2000 steps`, "" for none."""
        return self.budget_times(1.0)

    def budget_times(self, times: float) -> str:
        """The same for so many times the budget."""
        if not isinstance(self.budget, Budget):
            return ""
        amount = self.budget.amount * times
        return str(Budget(amount=round(amount) if times != 1.0 else amount, unit=self.budget.unit))
