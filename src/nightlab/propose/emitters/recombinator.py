"""Joins what nearly worked: the moves of two near misses or elites, on top of the incumbent."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

from nightlab.propose.emitters import Move, Scene
from nightlab.propose.emitters.moves import best_of
from nightlab.propose.emitters.telling import lesson_lines
from nightlab.types import History, Lesson, Memory, Parameters, Prediction, Value, one_line

_SOURCES = 12


class Recombinator:
    """Two gains that were too small to be told from the noise may be enough together.

    Where both moved the same parameter, the value of the one that gained more is taken. It needs
    two sources, of this campaign or of earlier ones, and no lessons that speak against the sum.
    """

    name = "recombinator"
    predicted = Prediction.IMPROVE
    needs_facts = True
    role = (
        "Join two changes that each nearly worked, or that are the best of different kinds, into"
        " one edit of the current best. Take them from the list of facts, choose two that touch"
        " different things, write both in full, and add nothing of your own."
    )

    def move(self, scene: Scene) -> Move | None:
        found = _sources(scene.memory)
        moves = [_joined(scene, one, other) for one, other in combinations(found, 2)]
        joined = [move for move in moves if move is not None]
        return best_of(scene, joined, lambda seen: seen.gain, lambda seen: seen.gain >= 0)

    def facts(self, history: History, memory: Memory) -> list[str]:
        found = _sources(memory)
        return lesson_lines(found, diffs=True) if len(found) > 1 else []


def _sources(memory: Memory) -> list[Lesson]:
    """Near misses and elites, those that gained most first; each trial once."""
    both = {x.name: x for x in [*memory.near_misses, *memory.elites.values()]}
    known = [x for x in both.values() if x.gain is not None]
    known.sort(key=lambda each: (-_weight(each), each.name))
    return known[:_SOURCES]


def _weight(lesson: Lesson) -> float:
    """Its gain in standard errors, where there is one."""
    gain = lesson.gain or 0.0
    return gain / lesson.error if lesson.error else gain


def _joined(scene: Scene, one: Lesson, other: Lesson) -> Move | None:
    """The moves of both, on top of the incumbent; None where one adds nothing to the other."""
    first, second = _news(scene, one), _news(scene, other)
    stronger, weaker = (first, second) if _weight(one) >= _weight(other) else (second, first)
    both = {**weaker, **stronger}
    if both in (dict(first), dict(second)):
        return None
    said = f"trials {one_line(one.name, 40)} and {one_line(other.name, 40)} may add up"
    return Move(both, said)


def _news(scene: Scene, lesson: Lesson) -> Mapping[str, Value]:
    """What the trial moved that is still otherwise in the incumbent."""
    moved: Parameters = lesson.trial.moved
    known = {name: value for name, value in moved.items() if name in scene.values}
    return {name: value for name, value in known.items() if value != scene.values[name]}
