"""Follows up what worked: nearby variations of the last keep, before any other dimension."""

from __future__ import annotations

from nightlab.propose.emitters import Move, Scene
from nightlab.propose.emitters.moves import (
    best_of,
    free_names,
    fresh_moves,
    kept_lessons,
    tried_ways,
)
from nightlab.propose.emitters.steps import SMALL, beside, fits, is_ordered, widened
from nightlab.propose.emitters.telling import FEW, diff_line, effect_line, lesson_lines
from nightlab.types import Effect, History, Memory, Prediction, Value

_SIZES = (SMALL, 2 * SMALL)


class LocalTuner:
    """One parameter, one small step of the incumbent.

    First what the last keep moved, in its direction, and where that was tried, back; then what has
    the surest effect; then whatever has the best outlook. Beware: small steps drown in noise; the
    reach widens them on a plateau.
    """

    name = "local_tuner"
    predicted = Prediction.IMPROVE
    needs_facts = False
    role = (
        "Tune what is there. If a change was kept lately, follow it up: move one value that it"
        " touched a little further, or a little back, before you turn to anything else. Otherwise"
        " change one number by ten to thirty per cent, as a learning rate, a decay, a warmup or a"
        " width. One value, one small step, nothing else."
    )

    def move(self, scene: Scene) -> Move | None:
        for moves in (_further(scene, 1), _further(scene, -1), _surest(scene), _others(scene)):
            found = best_of(scene, moves, lambda seen: seen.improvement)
            if found is not None:
                return found
        return None

    def facts(self, history: History, memory: Memory) -> list[str]:
        kept = [f"kept: {diff_line(each)}" for each in kept_lessons(memory)[:2]]
        sure = [e for e in memory.effects if abs(e.gain) > e.error][:FEW]
        near = [f"nearly kept: {line}" for line in lesson_lines(memory.near_misses[:2])]
        return [*kept, *(f"effect: {effect_line(each)}" for each in sure), *near]


def _further(scene: Scene, sign: int) -> list[Move]:
    """On from the last keep, one of its parameters at a time; with a sign of -1, back again."""
    moves = []
    for name, way in _last_ways(scene).items():
        said = (
            f"what was kept moved {name} this way; a little further may gain more"
            if sign > 0
            else f"what was kept may have moved {name} too far; a little back may gain more"
        )
        moves += _steps(scene, name, sign * way, said)
    return moves


def _last_ways(scene: Scene) -> dict[str, int]:
    """What the last keep moved, and which way."""
    line = scene.history.lineage()
    if not line:
        return {}
    before = (line[-2] if len(line) > 1 else scene.history.baseline).parameters
    ways = {}
    for name in free_names(scene):
        parameter = scene.space.parameters[name]
        if name in before and is_ordered(parameter) and fits(parameter, before[name]):
            moved = parameter.to_unit(scene.values[name]) - parameter.to_unit(before[name])
            if moved:
                ways[name] = 1 if moved > 0 else -1
    return ways


def _surest(scene: Scene) -> list[Move]:
    """The parameter with the surest effect, the way that it is better."""
    known = [e for e in scene.memory.effects if not e.of_kind and abs(e.gain) > e.error]
    known.sort(key=lambda e: (e.error / abs(e.gain), e.name))
    free = set(free_names(scene))
    for effect in known:
        moves = _by_effect(scene, effect) if effect.name in free else []
        if fresh_moves(scene, moves):
            return moves
    return []


def _by_effect(scene: Scene, effect: Effect) -> list[Move]:
    if effect.value is None:
        said = f"{effect.name} has brought {effect.gain:+.3g} ± {effect.error:.2g} from low to high"
        return _steps(scene, effect.name, 1 if effect.gain > 0 else -1, said)
    if effect.gain <= 0:
        return []
    said = f"{effect.name} = {effect.value} has brought {effect.gain:+.3g} ± {effect.error:.2g}"
    return [Move({effect.name: effect.value}, said)]


def _others(scene: Scene) -> list[Move]:
    """Any parameter, either way."""
    moves = []
    for name in free_names(scene):
        parameter, value = scene.space.parameters[name], scene.values[name]
        said = f"{name} was not moved from {_shown(value)} this way yet"
        if is_ordered(parameter):
            moves += _steps(scene, name, 1, said) + _steps(scene, name, -1, said)
        else:
            moves += [Move({name: option}, said) for option in parameter.neighbours(value)]
    return moves


def _steps(scene: Scene, name: str, way: int, said: str) -> list[Move]:
    """Small steps this way, unless one was tried from these values."""
    if way in tried_ways(scene, name):
        return []
    parameter, value = scene.space.parameters[name], scene.values[name]
    sizes = widened(_SIZES, scene.reach)
    found = (beside(parameter, value, way, size) for size in sizes)
    return [Move({name: each}, said) for each in found if each is not None]


def _shown(value: Value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
