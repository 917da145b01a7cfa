"""results.tsv in the schema that karpathy/autoresearch began: one row per settled trial."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nightlab.types import Decision, History, NightlabError, Trial


@dataclass(frozen=True)
class Row:
    """One line: `value` and `memory_gb` are 0.0 where nothing was measured."""

    commit: str
    value: float
    memory_gb: float
    status: str
    description: str


def header(metric: str) -> str:
    """The first line, without its end."""
    return f"commit\t{metric}\tmemory_gb\tstatus\tdescription"


def row_of(history: History, trial: Trial) -> Row:
    """The row of a settled trial, or of the baseline.

    The value is an estimate on the baseline's seeds, so that trials dropped early compare. Memory
    is the accelerator's where the study prints `peak_vram_mb` above zero, else the whole tree's.
    """
    crashed = trial.verdict is not None and trial.verdict.decision is Decision.CRASH
    value = None if crashed else history.estimate(trial)
    memory = None if crashed else trial.mean("peak_vram_mb") or trial.mean("peak_memory_mb")
    reported = [run.self_reported.get("peak_vram_mb", 0.0) for run in trial.runs]
    if not crashed and max(reported, default=0.0) > 0:
        memory = max(reported)
    status = trial.verdict.decision.value if trial.verdict else "keep"
    return Row(
        commit=trial.commit[:7],
        value=value or 0.0,
        memory_gb=(memory or 0.0) / 1024,
        status=status,
        description=describe(history, trial),
    )


def describe(history: History, trial: Trial) -> str:
    """One line of what was tried and what came of it, free of tabs and line ends."""
    if trial.verdict is None:
        return "baseline"
    text = trial.summary
    if trial.verdict.decision is Decision.CRASH:
        text += f": {trial.verdict.reason}"
    else:
        gain = history.gain(trial, history.baseline)
        if gain is not None:
            text += f": {history.direction.sign * gain:+.6f} vs baseline ({trial.verdict.rule})"
    return " ".join(text.split())


def format_row(row: Row) -> str:
    """The row as written, without its end."""
    value = f"{row.value:.6f}"
    return f"{row.commit}\t{value}\t{row.memory_gb:.1f}\t{row.status}\t{row.description}"


def parse_rows(text: str) -> tuple[str, list[Row]]:
    """The metric's name and the rows of a results.tsv. Raises NightlabError with the line."""
    lines = text.splitlines()
    names = lines[0].split("\t") if lines else []
    if len(names) != 5 or names[0] != "commit" or names[3:] != ["status", "description"]:
        raise NightlabError(f"results.tsv:1: the header must read {header('METRIC')!r}")
    rows = []
    for number, line in enumerate(lines[1:], 2):
        cells = line.split("\t")
        if len(cells) != 5:
            raise NightlabError(f"results.tsv:{number}: {len(cells)} columns where 5 are expected")
        try:
            value, memory = (0.0 if c in ("—", "") else float(c) for c in cells[1:3])
        except ValueError:
            raise NightlabError(f"results.tsv:{number}: a cell is not a number") from None
        rows.append(Row(cells[0], value, memory, cells[3], cells[4]))
    return names[1], rows


class ResultsFile:
    """results.tsv in the study, kept current: rebuilt when it doesn't fit, appended to else."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def rebuild(self, history: History, order: Iterable[Trial]) -> None:
        """Write the whole file anew, atomically: the baseline if measured, trials as settled."""
        rows = [format_row(row_of(history, trial)) for trial in order]
        text = "\n".join([header(history.metric), *rows]) + "\n"
        if self.path.exists() and self.path.read_text(encoding="utf-8") == text:
            return
        fresh = self.path.with_name(f".{self.path.name}.new")
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(self.path)

    def append(self, history: History, trial: Trial) -> None:
        """Add the row of a trial that has just settled."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(format_row(row_of(history, trial)) + "\n")
