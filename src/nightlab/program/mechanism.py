"""Mechanisms: which parameters belong together, by their tags or by their names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from nightlab.program.space import Parameter

_SHOWN = 3
_TOGGLE = "_enabled"


def mechanisms(name: str, space: Mapping[str, Parameter]) -> frozenset[str]:
    """What a parameter belongs to: its tags, else the first word of its name.

    `governance.audit_probability` belongs to `audit`, and so does a toggle with that tag.
    """
    tags = space[name].tags if name in space else ()
    last = name.rpartition(".")[2]
    words = [word for word in re.split(r"[\W_]+", last) if word]
    return frozenset(tags) or frozenset((words[0].lower() if words else name,))


def are_one(names: Iterable[str], space: Mapping[str, Parameter]) -> bool:
    """Whether all these parameters have a mechanism in common."""
    found = [mechanisms(name, space) for name in names]
    return not found or bool(frozenset.intersection(*found))


def grouped(names: Iterable[str], space: Mapping[str, Parameter]) -> dict[str, list[str]]:
    """Parameters by their mechanism, in the order of the names."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(" and ".join(sorted(mechanisms(name, space))), []).append(name)
    return groups


def switched_off(name: str, values: Mapping[str, object]) -> str:
    """The toggle beside a parameter that switches it off, by their names; "" where none does.

    `a.tax_rate` goes by `a.tax_enabled`, the longest such name.
    """
    section, dot, last = name.rpartition(".")
    words = [] if last.endswith(_TOGGLE) else last.split("_")
    stems = ["_".join(words[:count]) for count in range(len(words), 0, -1)]
    toggles = [toggle for stem in stems if (toggle := f"{section}{dot}{stem}{_TOGGLE}") in values]
    return toggles[0] if toggles and values[toggles[0]] is False else ""


def told(names: Iterable[str], space: Mapping[str, Parameter]) -> str:
    """`audit (a.audit_rate), tax (a.tax_rate)`: the first few, for people."""
    groups = grouped(names, space)
    shown = [f"{group} ({', '.join(each[:_SHOWN])})" for group, each in groups.items()]
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return ", ".join(shown[:_SHOWN]) + more
