"""A results table of another tool, as events: each row a trial, its value taken on trust."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nightlab.remember.events import Event, RunEnded, RunStarted, TrialOpened, TrialSettled
from nightlab.remember.table import Row, Table
from nightlab.types import (
    IMPORTED_SEED,
    Decision,
    Direction,
    NightlabError,
    Outcome,
    Purpose,
    one_line,
)

RULE = "imported"
"""The rule of a verdict that another tool gave."""


@dataclass(frozen=True)
class Found:
    """What git still has of a row's commit, as a change of the incumbent it followed."""

    commit: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    moved: Mapping[str, Any] = field(default_factory=dict)
    diff: str = ""
    lines: int = 0
    state: str = ""
    fingerprint: str = ""


Find = Callable[[str, str], "Found | None"]
"""From a row's commit and that of the incumbent before it to what is in the repository."""


def check_rows(table: Table, name: str) -> None:
    """Raise NightlabError for a table that makes no campaign."""
    if not table.rows:
        raise NightlabError(f"{name}: no row but the header; there is nothing to import")
    for number, row in enumerate(table.rows, 2):
        if row.status is Decision.KEEP and row.value is None:
            raise NightlabError(f"{name}:{number}: a kept row has no {table.metric}; mend it")


def events_of(table: Table, base: str, find: Find) -> list[Event]:
    """The first row as the measured baseline, every other one as a settled trial.

    `base` is the baseline's commit. A row whose commit is gone keeps the digits it had.
    """
    events = _runs(1, 0, table.rows[0], table.metric)
    incumbent = base
    for trial, row in enumerate(table.rows[1:], 1):
        found = find(row.commit, incumbent) or Found(row.commit)
        events.append(_opened(trial, row, found, incumbent))
        events += _runs(trial + 1, trial, row, table.metric)
        events.append(
            TrialSettled(
                trial=trial,
                decision=row.status.value,
                rule=RULE,
                reason=one_line(row.description),
                evidence={},
                commit=found.commit,
            )
        )
        if row.status is Decision.KEEP:
            incumbent = found.commit
    return events


def _opened(trial: int, row: Row, found: Found, parent: str) -> TrialOpened:
    return TrialOpened(
        trial=trial,
        summary=one_line(row.description) or "no description",
        hypothesis="",
        emitter="",
        commit=found.commit,
        parent=parent,
        parameters=dict(found.parameters),
        moved=dict(found.moved),
        diff=found.diff,
        lines=found.lines,
        state=found.state or f"imported {trial}",
        fingerprint=found.fingerprint or f"imported {trial}",
    )


def _runs(run: int, trial: int, row: Row, metric: str) -> list[Event]:
    metrics = {} if row.value is None else {metric: row.value}
    if row.memory_gb:
        metrics["peak_memory_mb"] = 1024 * row.memory_gb
    good = row.value is not None and row.status is not Decision.CRASH
    return [
        RunStarted(run, trial, IMPORTED_SEED, Purpose.IMPORTED.value, ""),
        RunEnded(
            run=run,
            trial=trial,
            outcome=(Outcome.OK if good else Outcome.CRASH).value,
            metrics=metrics if good else {},
            detail="" if good else one_line(row.description),
        ),
    ]


def strange_keeps(table: Table, direction: Direction) -> list[str]:
    """A line for each kept row that is worse than one kept before it."""
    notes: list[str] = []
    best: float | None = None
    for number, row in enumerate(table.rows, 2):
        if row.status is not Decision.KEEP or row.value is None:
            continue
        if best is not None and direction.sign * (row.value - best) < 0:
            notes.append(
                f"line {number}: {row.commit} was kept with {row.value:g}, worse than the"
                f" {best:g} kept before it"
            )
        better = best is None or direction.sign * (row.value - best) > 0
        best = row.value if better else best
    return notes
