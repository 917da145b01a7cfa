"""Reach: along which parameters steps went, and which ways are left."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from nightlab.program.space import BoolParameter, ChoiceParameter, Parameter, Space
from nightlab.remember.memory.steps import NUMERIC, Step, place, unit
from nightlab.types import Parameters

MOST = 2 / 3
"""This share of the parameters is most of them."""

EDGE = 0.02
"""So near the end of its range, a parameter has but one way to go."""


@dataclass(frozen=True)
class Reach:
    """Of so many parameters, how many went every way they could; and the ways that are left."""

    parameters: int
    explored: int
    left: tuple[str, ...] = ()

    @property
    def is_wide(self) -> bool:
        """Whether most of the parameters went every way."""
        return self.parameters > 0 and self.explored >= MOST * self.parameters

    def __str__(self) -> str:
        return f"{self.explored} of {self.parameters} parameters were moved every way they can go"


def reach_of(steps: Iterable[Step], space: Space, start: Parameters) -> Reach:
    """Where the steps went, as seen from the values `start`, in what of the space may move."""
    gone = {(*column, way > 0) for step in steps for column, way in step.moved.items()}
    names = [name for name in space.active(start) if name in start]
    left: list[str] = []
    explored = 0
    for name in names:
        missing = _missing(name, space.parameters[name], start, gone)
        explored += not missing
        left += missing
    return Reach(len(names), explored, tuple(left))


def _missing(
    name: str, parameter: Parameter, start: Parameters, gone: set[tuple[str, int, bool]]
) -> list[str]:
    """The ways that no step went: `LR up`, `optimizer = muon`."""
    if isinstance(parameter, (BoolParameter, ChoiceParameter)):
        here = place(parameter.options, start[name])
        return [
            f"{name} = {option}"
            for at, option in enumerate(parameter.options)
            if at != here and (name, at, True) not in gone
        ]
    at = unit(parameter, start[name])
    ways = {"up": at is not None and at < 1 - EDGE, "down": at is not None and at > EDGE}
    return [
        f"{name} {w}" for w, may in ways.items() if may and (name, NUMERIC, w == "up") not in gone
    ]
