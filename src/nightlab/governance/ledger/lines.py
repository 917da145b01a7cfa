"""What a tuning prints: upstream's lines, one an iteration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nightlab.types import one_line

_DIGITS = 4
_LEAST = 11
"""What moved has so many columns at least: in fewer, a name says nothing."""


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
    head = f"[autoresearch] iter={record['iteration']:03d}"
    result = f"candidate={told} accepted={accepted}"
    rule = one_line(record["nightlab"]["rule"], 20)
    why = one_line(f"{rule}: {record['nightlab']['reason']}", 120)
    if width is None:
        return f"{head} {moves(record['mutation'])} {result} ({why})"
    room = width - len(f"{head}  {result}")
    beside = room - len(f" ({rule})")
    line = f"{head} {_fitted(record['mutation'], beside if beside >= _LEAST else room)} {result}"
    left = width - len(f"{line} ()")
    said = one_line(why, left) if left > len(f"{rule}: …") else rule
    return f"{line} ({said})" if left >= len(rule) else line


def moves(mutation: Mapping[str, Any]) -> str:
    """`audit_probability: 0.1 -> 0.15`, and what moved besides after a comma."""
    return ", ".join(map(_move, _each(mutation)))


def _fitted(mutation: Mapping[str, Any], room: int) -> str:
    """What moved in so many columns: as much as there is room for, and how many more there are."""
    each = _each(mutation)
    for count in range(len(each), 0, -1):
        text = ", ".join(map(_move, each[:count])) + _more(each[count:])
        if len(text) <= room:
            return text
    more = _more(each[1:])
    return one_line(f"{each[0]['param']}", max(room, _LEAST) - len(more)) + more


def _more(others: Sequence[Any]) -> str:
    return f" +{len(others)}" if others else ""


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
