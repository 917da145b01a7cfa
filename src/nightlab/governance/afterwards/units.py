"""Which levers stand and fall together, and how they are taken back from a configuration."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nightlab.governance.afterwards.sample import Configuration
from nightlab.governance.ledger.record import lever as lever_of
from nightlab.program.space import Space
from nightlab.types import Value

Conditions = Mapping[str, Collection[str]]
"""By lever the toggles that it has an effect under."""


@dataclass(frozen=True)
class Unit:
    """Levers that are taken back at once: one, or a toggle with what it switches on.

    `head` names it: the toggle.
    """

    head: str
    levers: tuple[str, ...]

    def __str__(self) -> str:
        head, *rest = map(lever_of, self.levers)
        return f"{head} with {', '.join(rest)}" if rest else head


def conditions_of(space: Space) -> Conditions:
    """Of a study's space: what the `when` of each lever names."""
    return {name: tuple(parameter.when) for name, parameter in space.parameters.items()}


def whole_units(levers: Sequence[str], under: Conditions) -> list[Unit]:
    """A unit for each toggle with the levers below it, and one for each lever that has none."""
    groups: dict[str, list[str]] = {}
    for lever in levers:
        groups.setdefault(_head(lever, levers, under), []).append(lever)
    return [
        Unit(head, (head, *(lever for lever in group if lever != head)))
        for head, group in groups.items()
    ]


def inner_units(levers: Sequence[str], under: Conditions) -> list[Unit]:
    """A unit for each lever below a toggle that moved too."""
    heads = {unit.head for unit in whole_units(levers, under)}
    return [Unit(lever, (lever,)) for lever in levers if lever not in heads]


def _head(lever: str, levers: Collection[str], under: Conditions) -> str:
    """The outermost toggle above a lever that moved too; the lever itself where there is none."""
    head, seen = lever, {lever}
    while above := [name for name in under.get(head, ()) if name in levers and name not in seen]:
        head = above[0]
        seen.add(head)
    return head


def value_of(configuration: Configuration, name: str) -> Value | None:
    """The value at a dotted path, None where there is none."""
    place: Any = configuration
    for part in name.split("."):
        if not isinstance(place, Mapping) or part not in place:
            return None
        place = place[part]
    return place if isinstance(place, (bool, int, float, str)) else None


def taken_back(
    best: Configuration, baseline: Configuration, levers: Sequence[str]
) -> Configuration:
    """The best with these levers as the baseline has them; one that it doesn't set is removed."""
    changed: dict[str, Any] = copy.deepcopy(dict(best))
    for name in levers:
        *way, last = name.split(".")
        place = changed
        for part in way:
            place = place.setdefault(part, {})
        value = value_of(baseline, name)
        if value is None:
            place.pop(last, None)
        else:
            place[last] = value
    return changed
