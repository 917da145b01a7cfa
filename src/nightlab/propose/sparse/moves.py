"""Moves: which steps are made together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from nightlab.program.mechanism import are_one
from nightlab.propose.emitters.steps import is_ordered
from nightlab.propose.sparse.effects import Effects
from nightlab.propose.sparse.near import NearMiss
from nightlab.propose.sparse.steps import Step, Steps
from nightlab.types import Parameters, Value

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.float64]]

_EXPLORES = 0.1
_SHARPENS = 0.15
"""The shares of the moves that look where little was tried, and that go on from a near miss."""
_JOINS, _ADDS = 0.4, 0.3
"""Of those, the shares that join two, and that add a step."""
_COUNTS = (0.2, 0.25, 0.25, 0.3)
"""How often one, two, three, four steps are made: where runs are noisy, more tell more."""
_NOTHING: Parameters = {}


@dataclass(frozen=True)
class Move:
    """Values that move, and why, in a clause."""

    moved: Parameters
    why: str


@dataclass(frozen=True)
class Scene:
    """What a move goes by. `here` is the incumbent's place, `most` how many values may move, and
    with `one_mechanism` they have something in common.
    """

    steps: Steps
    effects: Effects
    near: Sequence[NearMiss]
    here: Array
    told: int
    most: int
    random: Random
    one_mechanism: bool = False

    def allows(self, moved: Parameters) -> bool:
        """Whether these may move together."""
        space = self.steps.columns.space.parameters
        return len(moved) <= self.most and (not self.one_mechanism or are_one(moved, space))


def draw_move(scene: Scene) -> Move:
    """One move, by chance and by what is known."""
    drawn, counts = scene.random.random(), _COUNTS[: scene.most]
    near = [each for each in scene.near if scene.allows(each.moved)]
    count = scene.random.choices(range(1, len(counts) + 1), counts)[0]
    if drawn < _EXPLORES:
        return Move(_explored(scene, count), "it looks where little was tried")
    if drawn < _EXPLORES + _SHARPENS and near:
        return _sharpened(scene, scene.random.choice(near))
    told = f"{scene.told} trials" if scene.told != 1 else "1 trial"
    return Move(_promising(scene, count), f"it may pay, as far as {told} can tell")


def _promising(scene: Scene, count: int, base: Parameters = _NOTHING) -> Parameters:
    """The steps that are best together, beside `base`, if the effects are what they may be."""
    import numpy as np

    effects = scene.effects.sample(scene.random)
    begun = scene.steps.step(base)
    seen = [near.moved for near in scene.near]
    steps = scene.steps.all(scene.most - len(base), seen)
    adds = _adds(steps, effects)
    level = scene.here @ effects + _adds([begun], effects)[0]
    chosen = begun
    for _ in range(count):
        open_ = [at for at, step in enumerate(steps) if _fits(scene, chosen, step)]
        worth = scene.effects.worth(level + adds[open_])
        best = int(np.argmax(worth)) if open_ else -1
        if best < 0 or (chosen.moved and worth[best] <= scene.effects.worth(level)):
            break
        level = level + adds[open_[best]]
        chosen = _both(chosen, steps[open_[best]])
    return chosen.moved


def _adds(steps: Sequence[Step], effects: Array) -> Array:
    """What each step adds to the gain, and to what is limited."""
    import numpy as np

    cells = [(row, at, by) for row, step in enumerate(steps) for at, by in step.cells.items()]
    found = np.zeros((len(steps), len(effects)))
    if cells:
        rows, columns, numbers = zip(*cells, strict=True)
        found[list(rows), list(columns)] = numbers
    product: Array = found @ effects
    return product


def _fits(scene: Scene, one: Step, other: Step) -> bool:
    """Whether both can be made: neither has a say in what the other does."""
    return not one.names & other.names and scene.allows({**one.moved, **other.moved})


def _both(one: Step, other: Step) -> Step:
    return Step({**one.moved, **other.moved}, one.names | other.names)


def _explored(scene: Scene, count: int) -> Parameters:
    """Steps of the parameters that were moved least, whatever they may bring."""
    chosen = Step({}, frozenset())
    moves: Mapping[str, int] = scene.steps.moves
    order = sorted(scene.steps.free, key=lambda n: (moves.get(n, 0), scene.random.random()))
    for name in order:
        steps = [s for s in scene.steps.of(name, scene.most) if _fits(scene, chosen, s)]
        if steps and count > 0:
            chosen = _both(chosen, scene.random.choice(steps))
            count -= 1
    return chosen.moved


def _sharpened(scene: Scene, near: NearMiss) -> Move:
    """A near miss once more: with another one, with one step more, or further along."""
    other, how = scene.random.choice(scene.near), scene.random.random()
    both = {**other.moved, **near.moved}
    new = both not in (near.moved, other.moved) and scene.allows(both)
    if how < _JOINS and new and scene.steps.has_effect(both):
        return Move(both, f"it joins the near misses {near.number} and {other.number}")
    if how < _JOINS + _ADDS and len(near.moved) < scene.most:
        more = _promising(scene, 1, near.moved)
        return Move(more, f"it adds to the near miss {near.number}")
    return Move(_further(scene, near.moved), f"it moves the near miss {near.number} on")


def _further(scene: Scene, moved: Parameters) -> Parameters:
    """The same move, at half to twice its size."""
    share, found = scene.random.uniform(0.5, 2.0), dict[str, Value](moved)
    for name, new in moved.items():
        parameter = scene.steps.columns.space.parameters[name]
        if is_ordered(parameter):
            here, there = (parameter.to_unit(v) for v in (scene.steps.values[name], new))
            found[name] = parameter.from_unit(here + share * (there - here))
    return {name: v for name, v in found.items() if v != scene.steps.values[name]}
