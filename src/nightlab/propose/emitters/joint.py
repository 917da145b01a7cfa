"""Joint moves: a few parameters at once, for the lessons to choose among."""

from __future__ import annotations

from collections.abc import Sequence

from nightlab.propose.emitters import Move, Scene
from nightlab.propose.emitters.steps import beside, is_ordered
from nightlab.types import Value

_DRAWN = 150
_SIZES = (0.1, 0.2, 0.4)
"""About so much of a parameter's range; up to the reach times as much on a plateau."""


def joint_moves(scene: Scene, names: Sequence[str], most: int) -> list[Move]:
    """Draws of one to `most` of these parameters, each some way up or down, or another option."""
    if not names:
        return []
    return [_drawn(scene, names, most) for _ in range(_DRAWN)]


def _drawn(scene: Scene, names: Sequence[str], most: int) -> Move:
    random = scene.random
    chosen = random.sample(list(names), random.randint(1, min(most, len(names))))
    found = {name: _another(scene, name) for name in sorted(chosen)}
    values = {name: value for name, value in found.items() if value is not None}
    said = f"{_listed(scene, values)}: of such moves, the trials so far leave most hope for it"
    return Move(values, said)


def _another(scene: Scene, name: str) -> Value | None:
    """Another value of this parameter."""
    parameter, value, random = scene.space.parameters[name], scene.values[name], scene.random
    if is_ordered(parameter):
        size = random.choice(_SIZES) * random.uniform(0.5, 1.5) * random.uniform(1, scene.reach)
        return beside(parameter, value, random.choice((1, -1)), size)
    return random.choice(parameter.neighbours(value))


def _listed(scene: Scene, values: dict[str, Value]) -> str:
    """`LR up and DECAY down`."""
    said = []
    for name, value in values.items():
        parameter = scene.space.parameters[name]
        if is_ordered(parameter):
            up = parameter.to_unit(value) > parameter.to_unit(scene.values[name])
            said.append(f"{name} {'up' if up else 'down'}")
        else:
            said.append(f"{name} = {value}")
    *most, last = said or ["no change"]
    return f"{', '.join(most)} and {last}" if most else last
