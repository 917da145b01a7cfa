"""Lessons of experiments whose truth is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from pydantic import TypeAdapter

from nightlab.program.space import Parameter, Space
from nightlab.remember.memory import Sources
from nightlab.remember.memory.lessons import lessons_of
from nightlab.types import (
    Decision,
    Direction,
    History,
    Lesson,
    Outcome,
    Parameters,
    Purpose,
    Run,
    Trial,
    Verdict,
)

Score = Callable[[Mapping[str, float]], float]
PARAMETER: TypeAdapter[Parameter] = TypeAdapter(Parameter)


def space_of(**parameters: Mapping[str, object]) -> Space:
    """A space as the program has it."""
    return Space({name: PARAMETER.validate_python(given) for name, given in parameters.items()})


def floats(*names: str) -> Space:
    """Parameters from 0 to 1."""
    return space_of(**{name: {"type": "float", "low": 0.0, "high": 1.0} for name in names})


@dataclass
class Lab:
    """A campaign in memory that tries what it is told to, and whose metric is larger where better.

    A trial's gain over the incumbent is measured with a standard error of `error`.
    """

    space: Space
    start: Parameters
    score: Callable[[Parameters], float] = lambda values: 0.0
    error: float = 1.0
    seed: int = 0
    trials: list[Trial] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)
    best: Trial = field(init=False)
    baseline: Trial = field(init=False)

    def __post_init__(self) -> None:
        run = Run(1, 0, 1, Purpose.BASELINE, "", 0.0, Outcome.OK, {"m": 0.0})
        self.baseline = Trial(0, "c0", parameters=dict(self.start), runs=(run,))
        self.best = self.baseline
        self.random = Random(self.seed)

    def try_(
        self, keep: bool = False, crash: bool = False, gain: float | None = None, **moved: object
    ) -> Trial:
        """Try these values from the incumbent's on, and settle at once."""
        after = {**self.best.parameters, **moved}
        if gain is None:
            true = self.score(after) - self.score(self.best.parameters)  # type: ignore[arg-type]
            gain = true + self.random.gauss(0, self.error)
        return self.settle(keep, crash, gain, parameters=after, moved=moved, about={"optimizer": 1})

    def settle(self, keep: bool, crash: bool, gain: float, **given: object) -> Trial:
        """Take down a trial with this outcome."""
        number = len(self.trials) + 1
        evidence = {"against": self.best.number, "gain": gain, "standard_error": self.error}
        decision = Decision.CRASH if crash else Decision.KEEP if keep else Decision.DISCARD
        verdict = Verdict(number, decision, "", "", {} if crash else evidence)
        trial = Trial(number, f"c{number}", self.best.commit, verdict=verdict)
        trial = replace(trial, **given)  # type: ignore[arg-type]
        self.trials.append(trial)
        if keep:
            self.kept.append(number)
            self.best = trial
        return trial

    def edit(self, gain: float, crash: bool = False, keep: bool = False, **given: object) -> Trial:
        """Try an edit of code."""
        return self.settle(keep, crash, gain, edited=True, **given)

    def wander(self, trials: int, at_once: int = 1) -> Lab:
        """Try fresh values of so many parameters at a time."""
        for _ in range(trials):
            names = self.random.sample(sorted(self.space.parameters), at_once)
            avoid = self.best.parameters
            self.try_(**{name: self.space.draw(name, self.random, avoid[name]) for name in names})
        return self

    @property
    def history(self) -> History:
        """The campaign as it stands."""
        kept = tuple(self.kept)
        base, best, trials = self.baseline, self.best, list(self.trials)
        return History("m", Direction.MAXIMIZE, (1,), base, best, trials, kept=kept)

    @property
    def lessons(self) -> Sequence[Lesson]:
        """Its settled trials."""
        return lessons_of(self.history)

    @property
    def sources(self) -> Sources:
        """Its space."""
        return Sources(self.space)
