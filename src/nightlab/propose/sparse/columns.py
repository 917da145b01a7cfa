"""A place in the space as numbers: how far each parameter is from where the baseline has it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from nightlab.program.space import Parameter, Space
from nightlab.propose.emitters.steps import fits, is_ordered
from nightlab.types import Parameters, Value

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.float64]]

Cells = dict[int, float]


class Columns:
    """Two columns for what has an order: the distance and its square; else one for each option.

    The baseline has zeros everywhere, and so has a parameter where it has no effect.
    """

    def __init__(self, space: Space, origin: Parameters) -> None:
        self.space = space
        self.origin = origin
        self.first: dict[str, int] = {}
        self.count = 0
        for name, parameter in space.parameters.items():
            if name in origin and fits(parameter, origin[name]):
                self.first[name] = self.count
                self.count += 2 if is_ordered(parameter) else len(_options(parameter))
        self._units = {name: space.parameters[name].to_unit(origin[name]) for name in self.first}
        self._ordered = {name for name in self.first if is_ordered(space.parameters[name])}
        self.names = [name for name in self.first for _ in self.of(name)]

    def of(self, name: str) -> range:
        """The columns of a parameter."""
        parameter, first = self.space.parameters[name], self.first[name]
        return range(first, first + (2 if name in self._ordered else len(_options(parameter))))

    @cached_property
    def below(self) -> Mapping[str, frozenset[str]]:
        """By name, the parameters whose effect hangs on it, at whatever depth."""
        direct = {
            name: {
                n for n, p in self.space.parameters.items() if name in p.when and n in self.first
            }
            for name in self.space.parameters
        }
        return {name: frozenset(_all_below(name, direct) - {name}) for name in direct}

    def row(self, values: Parameters) -> Array:
        """The place of these values."""
        import numpy as np

        row = np.zeros(self.count)
        for at, number in self.cells(self.first, values).items():
            row[at] = number
        return row

    def cells(self, names: Iterable[str], values: Parameters) -> Cells:
        """What these parameters contribute at these values, by column."""
        found: Cells = {}
        for name in names:
            parameter = self.space.parameters[name]
            value = values.get(name, self.origin[name])
            if (not parameter.when or parameter.active(values)) and fits(parameter, value):
                found.update(self.alone(name, value))
        return found

    def alone(self, name: str, value: Value) -> Cells:
        """What a parameter that has an effect contributes at this value."""
        parameter, first, origin = self.space.parameters[name], self.first[name], self._units[name]
        away = parameter.to_unit(value) - origin
        if name in self._ordered:
            return {first: away, first + 1: away * away} if away else {}
        options, same = _options(parameter), not away
        at = next((i for i, each in enumerate(options) if each == value), None)
        return {} if same or at is None else {first + at: 1.0}


def _options(parameter: Parameter) -> tuple[Value, ...]:
    return tuple(getattr(parameter, "options", ()))


def _all_below(name: str, direct: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    left = [name]
    while left:
        new = direct.get(left.pop(), set()) - found
        found |= new
        left += sorted(new)
    return found
