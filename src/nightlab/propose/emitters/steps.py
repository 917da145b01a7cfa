"""Steps: values beside a value, on a parameter's own scale."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nightlab.program.space import (
    BoolParameter,
    ChoiceParameter,
    FloatParameter,
    IntParameter,
    Parameter,
)
from nightlab.types import Value

SMALL = 0.1
"""The share of a parameter's range that a small step is."""


def widened(sizes: Sequence[float], reach: float) -> list[float]:
    """These sizes, and those of the reach: wide moves come besides the usual ones."""
    return sorted({*sizes, *(size * reach for size in sizes)})


def fits(parameter: Parameter, value: object) -> bool:
    """Whether it has a place in the range: an edit of the code may have made a text of a number."""
    number = isinstance(value, (int, float)) and math.isfinite(value)
    return number or not is_ordered(parameter)


def is_ordered(parameter: Parameter) -> bool:
    """Whether its values have an order: numbers, and choices of numbers that stand in order."""
    if isinstance(parameter, ChoiceParameter):
        numbers = [o for o in parameter.options if isinstance(o, (int, float)) and o is not True]
        return len(numbers) == len(parameter.options) and _rising(numbers)
    return not isinstance(parameter, BoolParameter)


def _rising(numbers: list[int | float]) -> bool:
    return not any(isinstance(n, bool) for n in numbers) and numbers == sorted(numbers)


def beside(parameter: Parameter, value: Value, way: int, size: float) -> Value | None:
    """The value a `size` share of the range up (`way` 1) or down (-1), at least one step away.

    In whole steps where the space gives one. None at the end of the range, and where the values
    have no order.
    """
    if not is_ordered(parameter):
        return None
    here = parameter.to_unit(value)
    if isinstance(parameter, FloatParameter) and parameter.step is not None:
        found = _in_steps(parameter, float(value), way, size)
    else:
        found = parameter.from_unit(here + way * size)
    if way * (parameter.to_unit(found) - here) > 0:
        return found
    return _next(parameter, value, way)


def _in_steps(parameter: FloatParameter, value: float, way: int, size: float) -> Value:
    step = parameter.step or 1.0
    count = max(1, round(size * (parameter.high - parameter.low) / step))
    room = int((parameter.high - value if way > 0 else value - parameter.low) / step + 1e-9)
    return float(f"{value + way * min(count, max(room, 0)) * step:.10g}")


def _next(parameter: Parameter, value: Value, way: int) -> Value | None:
    """The next value, of those that are counted."""
    here = parameter.to_unit(value)
    near = [v for v in parameter.neighbours(value) if way * (parameter.to_unit(v) - here) > 0]
    return min(near, key=lambda v: abs(parameter.to_unit(v) - here), default=None)


def scaled(parameter: Parameter, value: Value, factor: float) -> Value | None:
    """The value times `factor`, as the space writes it; None where that is out of range."""
    if not isinstance(parameter, (IntParameter, FloatParameter)):
        return None
    number, (low, high) = float(value) * factor, parameter.bounds
    if not low <= number <= high:
        return None
    found = parameter.from_unit(parameter.to_unit(number))
    return None if found == value else found


def part_way(parameter: Parameter, old: Value, new: Value, share: float) -> Value | None:
    """The value at this share of the way from `old` to `new`; None where that is `old` or none."""
    if not is_ordered(parameter):
        return None
    here, there = parameter.to_unit(old), parameter.to_unit(new)
    found = beside(parameter, old, 1 if there > here else -1, share * abs(there - here))
    return None if found == old else found


def distance(parameter: Parameter, one: Value, other: Value) -> float:
    """How far apart two values are, 0 to 1; two options without an order are 1 apart."""
    if is_ordered(parameter):
        return abs(parameter.to_unit(one) - parameter.to_unit(other))
    return float(parameter.to_unit(one) != parameter.to_unit(other))
