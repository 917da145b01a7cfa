"""The AutoResearch Config table: what was agreed before anything ran."""

from __future__ import annotations

from collections.abc import Sequence

from nightlab.program.policy import Policy
from nightlab.settings import Settings
from nightlab.types import Direction


def config_rows(
    settings: Settings, policy: Policy, tag: str, protected: Sequence[str], platform: str
) -> list[tuple[str, str]]:
    """The nine rows of the table, as (parameter, value)."""
    change, run, stop = settings.change, settings.run, settings.stop
    edited = dict.fromkeys([*change.files, *(n for n in (change.block, change.keys) if n)])
    side = "min" if policy.direction is Direction.MINIMIZE else "max"
    iterations = "unlimited" if stop.trials is None else str(stop.trials)
    return [
        ("Training script", ", ".join(edited) or str(run.call)),
        ("Read-only script", ", ".join(protected) or "everything else in the study"),
        ("Time budget / run", run.budget_text or "none"),
        ("Metric", f"{policy.metric} [{side}]"),
        ("Max iterations", iterations),
        ("Modification scope", change.scope),
        ("Branch", f"{change.branch}/{tag}"),
        ("Results file", settings.remember.results),
        ("Platform", platform),
    ]


def config_table(rows: Sequence[tuple[str, str]]) -> str:
    """The rows as Markdown."""
    lines = ["## AutoResearch Config", "", "| Parameter | Value |", "|---|---|"]
    return "\n".join([*lines, *(f"| {name} | {value} |" for name, value in rows)]) + "\n"
