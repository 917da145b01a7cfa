"""What a tuning prints: upstream's lines, one an iteration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightlab.types import one_line


def baseline_lines(metric: str, value: float | None) -> list[str]:
    """The block that comes before the first iteration."""
    told = "not measured" if value is None else f"{value:.6f}"
    return ["[autoresearch] baseline:", f"  metric={metric}", f"  value={told}"]


def iteration_line(record: Mapping[str, Any], metric: str) -> str:
    """The line of an iteration's record in the ledger; why it was decided so stands at the end."""
    value = record["candidate_metrics"].get(metric)
    told = "none" if value is None else f"{value:.6f}"
    accepted = "yes" if record["accepted"] else "no"
    about = record["nightlab"]
    why = one_line(f"{about['rule']}: {about['reason']}", 120)
    return (
        f"[autoresearch] iter={record['iteration']:03d} {moves(record['mutation'])}"
        f" candidate={told} accepted={accepted} ({why})"
    )


def moves(mutation: Mapping[str, Any]) -> str:
    """`audit_probability: 0.1 -> 0.15`, and what moved besides after a comma."""
    return ", ".join(
        f"{each['param']}: {each['old']} -> {each['new']}"
        for each in (mutation, *mutation.get("also", ()))
    )
