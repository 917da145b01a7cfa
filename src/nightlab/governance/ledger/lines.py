"""What a tuning prints: upstream's lines, one an iteration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nightlab.types import one_line

_DIGITS = 4
_SHORTEST = 8
_LEAST = 12
"""A name in fewer columns than the one says nothing, and a reason in fewer than the other."""


def baseline_lines(metric: str, value: float | None) -> list[str]:
    """The block that comes before the first iteration."""
    told = "not measured" if value is None else f"{value:.6f}"
    return ["[autoresearch] baseline:", f"  metric={metric}", f"  value={told}"]


def iteration_line(record: Mapping[str, Any], metric: str, width: int | None = None) -> str:
    """The line of an iteration's record in the ledger; why it was decided so stands at the end.

    With a `width` in columns it is cut to that: first the reason, then what moved.
    """
    value = record["candidate_metrics"].get(metric)
    told = "none" if value is None else f"{value:.6f}"
    accepted = "yes" if record["accepted"] else "no"
    about = record["nightlab"]
    head = f"[autoresearch] iter={record['iteration']:03d}"
    result = f"candidate={told} accepted={accepted}"
    why = one_line(f"{about['rule']}: {about['reason']}", 120)
    if width is None:
        return f"{head} {moves(record['mutation'])} {result} ({why})"
    line = f"{head} {_fitted(record['mutation'], width - len(head) - len(result) - 2)} {result}"
    room = width - len(line) - len(" ()")
    return f"{line} ({one_line(why, room)})" if room >= _LEAST else line


def moves(mutation: Mapping[str, Any]) -> str:
    """`audit_probability: 0.1 -> 0.15`, and what moved besides after a comma."""
    return ", ".join(map(_move, _each(mutation)))


def _fitted(mutation: Mapping[str, Any], room: int) -> str:
    """What moved in so many columns: as much as there is room for, and how many more there are."""
    each = _each(mutation)
    ways = [(", ".join(map(_move, each[:n])), each[n:]) for n in range(len(each), 0, -1)]
    said = [_and_more(*way) for way in (*ways, (f"{each[0]['param']}", each[1:]))]
    fitting = (text for text in said if len(text) <= room)
    return next(fitting, one_line(said[-1], max(room, _SHORTEST)))


def _and_more(text: str, others: Sequence[Any]) -> str:
    return f"{text} +{len(others)}" if others else text


def _each(mutation: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [mutation, *mutation.get("also", ())]


def _move(each: Mapping[str, Any]) -> str:
    """`tax_rate: 0.1235 -> 0.2`: in the digits that tell them apart, four at least."""
    old, new = each["old"], each["new"]
    pairs = [(_shown(old, digits), _shown(new, digits)) for digits in range(_DIGITS, 18)]
    was, now = next(((one, other) for one, other in pairs if one != other), pairs[0])
    return f"{each['param']}: {was} -> {now}"


def _shown(value: object, digits: int) -> str:
    return f"{float(f'{value:.{digits}g}')}" if isinstance(value, float) else f"{value}"
