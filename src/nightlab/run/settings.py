"""The `run:` section of program.md."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Literal

from pydantic import Field, field_validator, model_validator

from nightlab.program.quantity import Budget, BudgetText, Seconds
from nightlab.program.settings import Section
from nightlab.run.experiment import argv_of


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
    """Data that is not in git, as `[data]`: paths in the study, or absolute ones. The contents are
    fingerprinted when the campaign begins; changed data needs a new campaign.
    """

    holdout: tuple[str, ...] = ()
    """Paths that only `evaluate` finds in its folder, as `[data/val]`."""

    budget: BudgetText | None = None
    """What one run may spend, as `300` (seconds), `5 min`, `2000 steps` or `10M tokens`. The
    command finds it in `NIGHTLAB_BUDGET` and must keep to it.
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

    isolation: Literal["auto", "required", "none"] = "auto"
    """Whether runs need a sandbox. This version has none: `required` refuses to run, the others run
    without, and the report says so.
    """

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
