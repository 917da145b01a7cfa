"""Steps: what may move by itself, a parameter or a switch with what hangs on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from nightlab.program.space import Parameter
from nightlab.propose.emitters.steps import beside, fits, is_ordered
from nightlab.propose.sparse.columns import Cells, Columns
from nightlab.types import Parameters, Value

_LOCAL = 0.3
"""A local step of a parameter that was never moved, as a share of its range; then finer ones."""
_FINEST = 0.04
_FRESH = 2
_SWITCHED = 3
"""So many fresh values, and so many ways to switch something on, are looked at."""


@dataclass(frozen=True)
class Step:
    """Values that move together. `names` are all whose effect changes; `cells` what that adds."""

    moved: Parameters
    names: frozenset[str]
    cells: Cells = field(default_factory=dict)


class Steps:
    """The steps from a place: `values`. `moves` says how often each parameter was moved."""

    def __init__(
        self, columns: Columns, values: Parameters, moves: Mapping[str, int], random: Random
    ) -> None:
        self.columns = columns
        self.values = values
        self.moves = moves
        self.random = random
        space = columns.space
        self._before: dict[str, Cells] = {}
        self.free = [
            name
            for name in space.active(values)
            if name in columns.first
            and name in values
            and fits(space.parameters[name], values[name])
        ]

    def all(self, most: int, seen: Sequence[Parameters] = ()) -> list[Step]:
        """A few steps of each parameter that has an effect, and those that `seen` has taken."""
        found = [step for name in self.free for step in self.of(name, most)]
        single = [{name: value} for each in seen for name, value in each.items()]
        return found + [self.step(moved) for moved in single if self.has_effect(moved)]

    def of(self, name: str, most: int) -> Iterator[Step]:
        """The steps of a parameter, of `most` values at most."""
        parameter, value = self.columns.space.parameters[name], self.values[name]
        if is_ordered(parameter):
            drawn = [*self._local(parameter, name), *self._fresh(name)]
            for new in dict.fromkeys(each for each in drawn if each != value):
                yield self.step({name: new})
        else:
            for new in parameter.neighbours(value):
                yield from self._switched(name, new, most)

    def step(self, moved: Parameters) -> Step:
        """These moves as one step."""
        below = (self.columns.below[name] for name in moved)
        names = frozenset(moved).union(*below)
        if len(names) == 1:  # it has an effect here, and nothing hangs on it: no need to look
            after = self.columns.alone(*next(iter(moved.items())))
        else:
            after = self.columns.cells(names, {**self.values, **moved})
        cells: Cells = {}
        for name in names:
            cells.update({at: -number for at, number in self._contributed(name).items()})
        for at, number in after.items():
            cells[at] = number + cells.get(at, 0.0)
        return Step(moved, names, {at: number for at, number in cells.items() if number})

    def _contributed(self, name: str) -> Cells:
        """What a parameter contributes where it is."""
        if name not in self._before:
            self._before[name] = self.columns.cells([name], self.values)
        return self._before[name]

    def has_effect(self, moved: Parameters) -> bool:
        """Whether all of these differ from what is, and have an effect together."""
        after, space = {**self.values, **moved}, self.columns.space.parameters
        return bool(moved) and all(
            name in self.columns.first
            and name in self.values
            and self.values[name] != value
            and space[name].contains(value)
            and space[name].active(after)
            for name, value in moved.items()
        )

    def _local(self, parameter: Parameter, name: str) -> Iterator[Value]:
        """A step up and one down; the more often it was moved, the finer."""
        size = max(_FINEST, _LOCAL / (1 + self.moves.get(name, 0) / 4) ** 0.5)
        for way in (-1, 1):
            far = size * self.random.uniform(0.3, 1.0)
            new = beside(parameter, self.values[name], way, far)
            if new is not None and parameter.contains(new):
                yield new

    def _fresh(self, name: str) -> Iterator[Value]:
        for _ in range(_FRESH):
            yield self.columns.space.draw(name, self.random, avoid=self.values[name])

    def _switched(self, name: str, new: Value, most: int) -> Iterator[Step]:
        """The switch alone, and with draws of one or two of the parameters that it wakes."""
        yield self.step({name: new})
        woken = self._woken({**self.values, name: new})
        for _ in range(_SWITCHED if woken and most > 1 else 0):
            count = min(self.random.choice((1, 2)), most - 1, len(woken))
            chosen = self.random.sample(woken, count)
            space, values = self.columns.space, self.values
            drawn = {n: space.draw(n, self.random, avoid=values[n]) for n in chosen}
            moved = {name: new, **{n: v for n, v in drawn.items() if v != values[n]}}
            yield self.step(moved)

    def _woken(self, after: Parameters) -> list[str]:
        """What has an effect at these values, and none where it is."""
        free, space = set(self.free), self.columns.space
        return [n for n in space.active(after) if n not in free and n in self.columns.first]
