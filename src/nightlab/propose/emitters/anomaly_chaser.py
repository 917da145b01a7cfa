"""Goes after what nobody expected: the trial furthest from its prediction, the edge of a crash."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from nightlab.propose.emitters import Move, Scene
from nightlab.propose.emitters.moves import best_of
from nightlab.propose.emitters.outlook import Expectation
from nightlab.propose.emitters.steps import fits, part_way
from nightlab.propose.emitters.telling import FEW, crash_line, diff_line
from nightlab.types import History, Lesson, Memory, Parameters, Prediction, Value, one_line

_SURPRISING = 2.0
"""So many errors from what was expected, at least."""
_CHASED = 3
_DOUBT = 2.0
_LESS, _MORE = 0.5, 1.5


@dataclass(frozen=True)
class Surprise:
    """How far, in errors, a trial's gain was from what was expected; above 0: better."""

    lesson: Lesson
    size: float


class AnomalyChaser:
    """The most surprising trial once more, at half of its move or at one and a half; else a crash
    at half of its move, on this side of where it breaks.

    A gain that the effects don't explain is luck or a discovery; a loss that they don't explain may
    be a step too far. Another size of the same move tells them apart.
    """

    name = "anomaly_chaser"
    predicted = Prediction.UNCERTAIN
    needs_facts = True
    role = (
        "Go after a result that nobody expected: a gain that should not have been, a loss that"
        " should not have been, a crash. Form one idea of what caused it, and try the change that"
        " tells whether you are right: the same edit at half its size, or without the part that you"
        " suspect, or short of where it crashes."
    )

    def move(self, scene: Scene) -> Move | None:
        odd = _surprises(scene.memory, partial(_by_effects, scene))[:_CHASED]
        again = [move for each in odd for move in _again(scene, each)]
        for moves in (again, _edges(scene)):
            found = best_of(scene, moves, lambda seen: seen.improvement, _may_gain)
            if found is not None:
                return found
        return None

    def facts(self, history: History, memory: Memory) -> list[str]:
        odd = [
            f"{each.size:+.1f} errors from what was expected: {diff_line(each.lesson)}"
            for each in _surprises(memory, partial(_by_kind, memory))[:FEW]
        ]
        return [*odd, *(f"crash: {crash_line(each)}" for each in memory.crashes[:FEW])]


def _may_gain(seen: Expectation) -> bool:
    """Whether a gain is within the doubt about it."""
    return seen.gain + _DOUBT * seen.error > 0


def _surprises(memory: Memory, expected: Callable[[Lesson], float]) -> list[Surprise]:
    """Trials of this campaign that came out other than expected, the furthest first."""
    found = [
        Surprise(each, (each.gain - expected(each)) / each.error)
        for each in memory.lessons
        if not each.campaign and each.gain is not None and each.error
    ]
    odd = [each for each in found if abs(each.size) >= _SURPRISING]
    return sorted(odd, key=lambda each: (-abs(each.size), -each.lesson.trial.number))


def _by_kind(memory: Memory, lesson: Lesson) -> float:
    """What changes of its kind have brought, on average."""
    known = (e.gain for e in memory.effects if e.of_kind and e.name == lesson.niche.kind)
    return next(known, 0.0)


def _by_effects(scene: Scene, lesson: Lesson) -> float:
    """What the effects of its parameters predict."""
    before = _before(scene, lesson)
    return sum(_effect(scene, name, before, new) for name, new in lesson.trial.moved.items())


def _effect(scene: Scene, name: str, before: Parameters, new: Value) -> float:
    parameter, memory = scene.space.parameters.get(name), scene.memory
    if parameter is None or name not in before:
        return 0.0
    if not fits(parameter, before[name]) or not fits(parameter, new):
        return 0.0
    effect = memory.effect(name)
    if effect is not None:
        return effect.gain * (parameter.to_unit(new) - parameter.to_unit(before[name]))
    after, was = memory.effect(name, new), memory.effect(name, before[name])
    return (after.gain if after else 0.0) - (was.gain if was else 0.0)


def _before(scene: Scene, lesson: Lesson) -> Parameters:
    """The values that its trial was built from; the incumbent's where that is not known."""
    history = scene.history
    made = [history.incumbent, history.baseline, *history.trials]
    found = (trial.parameters for trial in made if trial.commit == lesson.trial.parent)
    return next(found, scene.values)


def _again(scene: Scene, surprise: Surprise) -> list[Move]:
    """The same move, at half of it and at one and a half."""
    name = one_line(surprise.lesson.name, 40)
    which = "better" if surprise.size > 0 else "worse"
    said = f"trial {name} came out {which} than anything explains; the same at"
    return [
        Move(_part(scene, surprise.lesson, _LESS), f"{said} half the size"),
        Move(_part(scene, surprise.lesson, _MORE), f"{said} one and a half of the size"),
    ]


def _edges(scene: Scene) -> list[Move]:
    """Crashed moves at half their size: short of where it breaks."""
    ended = {name for crash in scene.memory.crashes for name in crash.lessons}
    crashed = [x for x in reversed(scene.memory.lessons) if x.name in ended and not x.campaign]
    return [
        Move(
            _part(scene, each, _LESS),
            f"trial {one_line(each.name, 40)} crashed; half of its move may be short of the edge",
        )
        for each in crashed[:FEW]
    ]


def _part(scene: Scene, lesson: Lesson, share: float) -> Parameters:
    """Its values at this share of the way from where it began, numbers alone."""
    before, space = _before(scene, lesson), scene.space.parameters
    moved = lesson.trial.moved
    known = [name for name in moved if name in space and name in before]
    both = [n for n in known if fits(space[n], before[n]) and fits(space[n], moved[n])]
    found = {name: part_way(space[name], before[name], moved[name], share) for name in both}
    return {name: value for name, value in found.items() if value is not None}
