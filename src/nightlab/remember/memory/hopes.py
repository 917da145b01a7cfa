"""Hopes: single moves of the incumbent that may still gain something, by all trials together."""

from __future__ import annotations

from nightlab.program.space import BoolParameter, ChoiceParameter, Space
from nightlab.remember.memory.effects import Learned
from nightlab.types import Value

SURE = 1.0
"""A hope is beyond so many errors, and larger than what would have been seen."""


def hopes(learned: Learned, free: Space, gain: float) -> list[str]:
    """The moves that are expected to gain more than `gain`, the largest first: `LR up`.

    Only those of parameters that are `free`.
    """
    found = []
    here = learned.centre
    for name, value, said in _single_moves(learned, free):
        expected, error = learned.predict(here, {**here, name: value})
        if error and expected > max(gain, SURE * error):
            found.append((expected, said))
    return [said for _, said in sorted(found, reverse=True)]


def _single_moves(learned: Learned, free: Space) -> list[tuple[str, Value, str]]:
    """To each other option, and to either end of a range."""
    moves: list[tuple[str, Value, str]] = []
    for name in free.active(learned.centre):
        parameter, now = free.parameters[name], learned.centre.get(name)
        if now is None:
            continue
        if isinstance(parameter, (BoolParameter, ChoiceParameter)):
            moves += [(name, o, f"{name} = {o}") for o in parameter.options if o != now]
        else:
            ends = ((parameter.from_unit(0.0), "down"), (parameter.from_unit(1.0), "up"))
            moves += [(name, end, f"{name} {way}") for end, way in ends if end != now]
    return moves
