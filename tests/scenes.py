"""Scenes for emitters: a campaign by hand, with what it has taught."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from nightlab.program.space import Parameter, Space
from nightlab.propose.emitters import Move, Scene
from nightlab.types import (
    Crash,
    Decision,
    Direction,
    Effect,
    History,
    Lesson,
    Memory,
    Niche,
    Parameters,
    Trial,
    Verdict,
)


@dataclass
class Story:
    """A campaign that is told trial by trial: what each moved, and what it gained."""

    space: Mapping[str, Parameter]
    values: Parameters
    kinds: Mapping[str, str] = field(default_factory=dict)
    trials: list[Trial] = field(default_factory=list)
    lessons: list[Lesson] = field(default_factory=list)
    incumbent: int = 0
    level: float = 0.0

    @property
    def baseline(self) -> Trial:
        return Trial(0, "c0", parameters=self.values)

    @property
    def best(self) -> Trial:
        return self.trials[self.incumbent - 1] if self.incumbent else self.baseline

    def tell(
        self, moved: Parameters, gain: float | None, *, keep: bool = False, error: float = 0.1
    ) -> Lesson:
        """One more trial of the incumbent; a gain of None is a crash."""
        number, parent = len(self.trials) + 1, self.best
        decision = Decision.KEEP if keep else Decision.DISCARD if gain is not None else None
        trial = Trial(
            number,
            f"c{number}",
            parent.commit,
            f"moves {', '.join(moved)}",
            parameters={**parent.parameters, **moved},
            moved=moved,
            verdict=Verdict(number, decision or Decision.CRASH, "test", ""),
        )
        over = None if gain is None else self.level + gain
        kind = self.kinds.get(next(iter(moved)), "other")
        lesson = Lesson("", trial, Niche(kind), gain, None if gain is None else error, over)
        self.trials.append(trial)
        self.lessons.append(lesson)
        if keep:
            self.incumbent, self.level = number, self.level + (gain or 0.0)
        return lesson

    def history(self) -> History:
        kept = tuple(each.trial.number for each in self.lessons if _is_kept(each))
        return History(
            "loss", Direction.MINIMIZE, (7,), self.baseline, self.best, self.trials, kept=kept
        )

    def scene(self, *, reach: float = 1.0, seed: int = 0, **remembered: Any) -> Scene:
        memory = replace(Memory(lessons=self.lessons), **remembered)
        space = Space(self.space)
        return Scene(self.history(), memory, space, self.kinds, Random(seed), reach)


def _is_kept(lesson: Lesson) -> bool:
    return lesson.trial.verdict is not None and lesson.trial.verdict.decision is Decision.KEEP


def up(name: str, gain: float = 1.0, error: float = 0.1) -> Effect:
    """A parameter that is better high."""
    return Effect(name, gain, error)


def crash(lessons: Sequence[Lesson], signature: str = "CUDA out of memory") -> Crash:
    return Crash(signature, "architecture", tuple(each.name for each in lessons))


def check_move(scene: Scene, move: Move) -> None:
    """What holds for every move: in range, with an effect, not tried before, and explained."""
    values = scene.values
    after = {**values, **move.parameters}
    active = set(scene.space.active(after))
    assert move.parameters
    assert move.parameters.keys() <= active
    assert not scene.space.out_of_range(move.parameters)
    assert all(value != values[name] for name, value in move.parameters.items())
    tried = [scene.history.baseline, *scene.history.trials]
    assert {n: after[n] for n in active} not in [
        {n: v for n, v in t.parameters.items() if n in scene.space.active(t.parameters)}
        for t in tried
    ]
    assert move.hypothesis == " ".join(move.hypothesis.split())
    assert move.hypothesis
