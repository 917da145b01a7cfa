"""The `run:` section of program.md."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Literal

from pydantic import Field, field_validator, model_validator

from nightlab.program.quantity import Budget, BudgetText, Seconds
from nightlab.program.settings import Section
from nightlab.run.experiment import argv_of


class RunSettings(Section):
    """What an experiment is, what it may spend, and where it runs."""

    train: str | None = None
    serve: str | None = None
    evaluate: str | None = None
    call: str | None = None
    artifacts: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    holdout: tuple[str, ...] = ()
    budget: BudgetText | None = None
    timeout: Seconds | None = None
    seeds: tuple[int, ...] = Field(default=(7, 11, 19), min_length=1)
    where: str = "local"
    parallel: int = Field(default=1, ge=1, le=1024)
    isolation: Literal["auto", "required", "none"] = "auto"

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
        return str(self.budget) if isinstance(self.budget, Budget) else ""
