"""Takes back what is not needed: what was moved without need, what can be off, what can shrink."""

from __future__ import annotations

from nightlab.propose.emitters import Move, Scene
from nightlab.propose.emitters.moves import best_of, free_names
from nightlab.propose.emitters.names import DECAY, size_power, words_of
from nightlab.propose.emitters.outlook import Expectation
from nightlab.propose.emitters.steps import SMALL, beside, distance, fits, is_ordered
from nightlab.propose.emitters.telling import effect_line, lesson_lines
from nightlab.types import History, Memory, Prediction, Value

_SURE = 2.0
"""So many standard errors make an effect a sure one."""
_OFF = frozenset(("none", "off", "no", "false", "disabled", "identity"))
_EXTRAS = frozenset(("dropout", "softcap", "clip", "smoothing", "warmup", "noise")) | DECAY


class Simplifier:
    """Back to the baseline where nothing speaks for the move; else something off, or smaller.

    At equal quality the simpler of two is the better one. It is kept only where the policy says
    so, as by `PREFER: fewer lines`, or where the simpler one is truly better.
    """

    name = "simplifier"
    predicted = Prediction.FLAT
    needs_facts = False
    role = (
        "Make it simpler at the same quality. Delete what no trial has shown to matter: a special"
        " case, an extra term in the loss, a second schedule, a parameter with a value of no"
        " account. Fewer lines, fewer options, a smaller model. A deletion that holds the metric is"
        " worth more than an addition that does."
    )

    def move(self, scene: Scene) -> Move | None:
        for moves in (_back(scene), _less(scene)):
            found = best_of(scene, moves, lambda seen: seen.gain, _may_hold)
            if found is not None:
                return found
        return None

    def facts(self, history: History, memory: Memory) -> list[str]:
        flat = [e for e in memory.effects if abs(e.gain) < e.error and not e.of_kind]
        shorter = [each for each in memory.lessons if each.trial.lines < 0]
        line = {trial.number for trial in history.lineage() if trial.lines > 0}
        grown = [x for x in memory.lessons if not x.campaign and x.trial.number in line]
        return [
            *(f"kept, and made it longer: {line}" for line in lesson_lines(grown, diffs=True)),
            *(f"does not seem to matter: {effect_line(each)}" for each in flat[:5]),
            *(f"shorter: {line}" for line in lesson_lines(shorter[::-1])),
        ]


def _may_hold(seen: Expectation) -> bool:
    """Whether it may do as well: a loss that stands out of the doubt is no simplification."""
    return seen.gain + _SURE * seen.error >= 0


def _back(scene: Scene) -> list[Move]:
    """What differs from the baseline without a sure effect, back: one at a time, and all of it."""
    before = scene.history.baseline.parameters
    space = scene.space.parameters
    free = [n for n in free_names(scene) if n in before and fits(space[n], before[n])]
    needless = [n for n in free if scene.values[n] != before[n] and not _is_sure(scene, n)]
    moves = [
        Move({name: before[name]}, f"nothing sure speaks for {name} = {scene.values[name]}")
        for name in needless
    ]
    if len(needless) > 1:
        which = ", ".join(needless)
        said = f"nothing sure speaks for having moved {which}; back to the baseline"
        moves.append(Move({name: before[name] for name in needless}, said))
    return moves


def _is_sure(scene: Scene, name: str) -> bool:
    """Whether an effect speaks for where the parameter is, against where it was."""
    parameter, value = scene.space.parameters[name], scene.values[name]
    before = scene.history.baseline.parameters[name]
    effect = scene.memory.effect(name) or scene.memory.effect(name, value)
    if effect is None:
        return False
    way = parameter.to_unit(value) - parameter.to_unit(before) if effect.value is None else 1.0
    return effect.gain * way > 0 and abs(effect.gain) > _SURE * effect.error


def _less(scene: Scene) -> list[Move]:
    """Something off, an extra at its lowest, a size one step smaller."""
    moves = []
    for name in free_names(scene):
        for value in _simpler(scene, name):
            said = f"it may do as well with {name} = {value}"
            moves.append(Move({name: value}, said))
    return moves


def _simpler(scene: Scene, name: str) -> list[Value]:
    parameter, value = scene.space.parameters[name], scene.values[name]
    if not is_ordered(parameter):
        return [o for o in parameter.neighbours(value) if o is False or str(o).lower() in _OFF]
    if size_power(name):
        smaller = beside(parameter, value, -1, SMALL * scene.reach)
        return [] if smaller is None else [smaller]
    if words_of(name) & _EXTRAS:
        lowest = parameter.from_unit(0.0)
        return [lowest] if distance(parameter, lowest, value) else []
    return []
