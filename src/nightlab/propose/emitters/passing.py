"""Passing the turn on: an emitter that has no move, that lacks facts, or that failed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from nightlab.propose.emitters import Emitter
from nightlab.types import one_line

_T = TypeVar("_T")


class Passes(Exception):
    """An emitter has no idea now. Says why, "" where it has no move left."""


def asked(emitter: Emitter, ask: Callable[[], _T]) -> _T:
    """What it answers. Raises Passes where it fails: the others can still go on."""
    try:
        return ask()
    except Exception as error:
        said = one_line(f"{type(error).__name__}: {error}", 160)
        raise Passes(f"{emitter.name} failed with {said}") from error


def none_left(reasons: Sequence[str]) -> str:
    """What to say where all have passed, by why each did."""
    told = "; ".join(reason for reason in reasons if reason)
    if all(reasons):
        return f"{told}; name others too in propose.emitters, as local_tuner"
    most = f"none of the emitters has a move left that was not tried{f' ({told})' if told else ''}"
    return f"{most}; widen change.space, or add another proposer to the list"
