"""results.tsv: a campaign as a results table, one row per settled trial, kept current."""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from nightlab.remember.replace import replace_file
from nightlab.remember.table import (
    Row,
    Schema,
    Table,
    format_row,
    format_table,
    header,
    memory_cell,
    number_cell,
    parse_rows,
    parse_table,
    read_table,
)
from nightlab.types import Decision, History, Trial, one_line


def table_of(history: History, trials: Iterable[Trial], schema: Schema = Schema.KARPATHY) -> Table:
    """These trials as a table: settled ones, and the baseline."""
    return Table(history.metric, schema, [row_of(history, trial, schema) for trial in trials])


def row_of(history: History, trial: Trial, schema: Schema = Schema.KARPATHY) -> Row:
    """The row of a settled trial, or of the baseline, its numbers rounded as they are written.

    The value is an estimate on the baseline's seeds, so that trials dropped early compare.
    """
    decision = trial.verdict.decision if trial.verdict else Decision.KEEP
    if trial.number == 0 and trial.failed and not trial.values(history.metric):
        decision = Decision.CRASH
    crashed = decision is Decision.CRASH
    value = trial.mean(history.metric) if trial.imported else history.estimate(trial)
    value = None if crashed else value
    memory = None if crashed else _memory_gb(trial)
    plain = schema is Schema.SKILL and trial.number == 0
    return Row(
        commit="baseline" if plain else trial.commit[:7],
        value=None if value is None or not math.isfinite(value) else float(number_cell(value)),
        memory_gb=None if memory is None else float(memory_cell(memory)) or None,
        status=decision,
        description="Baseline — no modifications" if plain else describe(history, trial),
    )


def _memory_gb(trial: Trial) -> float | None:
    """The accelerator's peak where the study prints one above zero, else the whole tree's."""
    memory = trial.mean("peak_vram_mb") or trial.mean("peak_memory_mb") or 0.0
    reported = max((run.self_reported.get("peak_vram_mb", 0.0) for run in trial.runs), default=0.0)
    if reported > 0:
        memory = reported
    return memory / 1024 if 0 < memory < math.inf else None


def describe(history: History, trial: Trial) -> str:
    """One line of what was tried and what came of it, free of tabs and line ends."""
    if trial.verdict is None:
        return "baseline"
    text = trial.summary
    if trial.imported:
        pass  # it says what came of it already
    elif trial.verdict.decision is Decision.CRASH:
        text += f": {trial.verdict.reason}"
    else:
        gain = history.gain(trial, history.baseline)
        if gain is not None and math.isfinite(gain):
            moved = history.direction.sign * gain
            effect = f"{'' if moved < 0 else '+'}{number_cell(moved)}"
            kept = trial.verdict.decision is Decision.KEEP
            why = trial.verdict.rule if kept else trial.verdict.reason
            text += f": {effect} vs baseline ({why})"
    text = one_line(text, 1000)
    # a cell that begins with a quote swallows what follows in readers that know quoting
    return text.replace('"', "'") if text.startswith('"') else text


class ResultsFile:
    """results.tsv in the study, kept current: rebuilt when it doesn't fit, appended to else.

    It is a view of the ledger, so a disk that is full or a folder that can't be written stops
    nothing: `behind` says why the file is not current ("" when it is), and the next trial that
    settles tries to rebuild it. The same heals a file that somebody edited, cut or deleted.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.behind = ""
        self._order: list[int] | None = None
        self._left: tuple[int, int] | None = None

    def rebuild(self, history: History, order: Iterable[Trial]) -> None:
        """Write the whole file anew, atomically: the baseline if measured, trials as settled."""
        trials = list(order)
        self._order = [trial.number for trial in trials]
        self._write(history, trials)

    def append(self, history: History, trial: Trial) -> None:
        """Add the row of a trial that has just settled, in a time that doesn't grow."""
        if self._order is None:
            before = (other.number for other in _settled(history))
            self._order = [number for number in before if number != trial.number]
        self._order.append(trial.number)
        if self.behind or self._left is None or _seen(self.path) != self._left:
            known = (history.baseline, *history.trials)
            self._write(history, [trial if n == trial.number else known[n] for n in self._order])
        else:
            self._add(format_row(row_of(history, trial)) + "\n", self._left[0])

    def _write(self, history: History, trials: Sequence[Trial]) -> None:
        text = format_table(table_of(history, trials))
        fresh = self.path.with_name(f".{self.path.name}.new")
        try:
            if _seen(self.path) and self.path.read_bytes() == text.encode():
                fresh.unlink(missing_ok=True)
            else:
                replace_file(self.path, [text], fresh)
            self._left, self.behind = _seen(self.path), ""
        except OSError as error:
            self._fell_behind(error)

    def _add(self, line: str, size: int) -> None:
        try:
            with os.fdopen(os.open(self.path, os.O_WRONLY | os.O_APPEND), "ab") as file:
                file.write(line.encode())
            self._left = _seen(self.path)
        except OSError as error:
            self._fell_behind(error)
            with suppress(OSError):
                os.truncate(self.path, size)

    def _fell_behind(self, error: OSError) -> None:
        self.behind = f"{self.path.name} is behind the ledger: {error.strerror or error}"


def _seen(path: Path) -> tuple[int, int] | None:
    """Size and time of change of a regular file; None for anything else."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return (found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None


def _settled(history: History) -> list[Trial]:
    """The baseline if it was measured, then trials in the order in which they were settled."""
    first = [history.baseline] if history.baseline.values(history.metric) else []
    settled = [trial for trial in history.trials if trial.verdict is not None]
    return [*first, *sorted(settled, key=lambda trial: trial.settled)]


__all__ = [
    "ResultsFile",
    "Row",
    "Schema",
    "Table",
    "describe",
    "format_row",
    "format_table",
    "header",
    "parse_rows",
    "parse_table",
    "read_table",
    "row_of",
    "table_of",
]
