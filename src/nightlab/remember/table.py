"""The results table in the two schemas that other tools read: written, and read back exactly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from nightlab.types import Decision, NightlabError, one_line

_NOTHING = ("—", "–", "-", "")
_STATUSES = {decision.value: decision for decision in Decision}


class Schema(str, Enum):
    """Which columns a table has, and how it says that nothing was measured.

    `karpathy` names its memory column memory_gb and gives a crash 0.000000 and 0.0. `skill` names
    it mem_gb, calls the baseline's commit `baseline`, and has an em dash for what is missing.
    """

    KARPATHY = "karpathy"
    SKILL = "skill"

    @property
    def memory(self) -> str:
        """The name of the third column."""
        return "memory_gb" if self is Schema.KARPATHY else "mem_gb"


@dataclass(frozen=True)
class Row:
    """One line. `value` and `memory_gb` are None where nothing was measured.

    `commit` and `description` hold no tabs and no line ends. No process uses no memory: a zero
    there reads as None, and so does a crash's value of zero.
    """

    commit: str
    value: float | None
    memory_gb: float | None
    status: Decision
    description: str


@dataclass(frozen=True)
class Table:
    """A results table: its metric, the schema it is in, and its rows, the oldest first."""

    metric: str
    schema: Schema
    rows: list[Row]


def schema_named(name: str) -> Schema:
    """The schema of that name. Raises NightlabError listing the two."""
    names = [schema.value for schema in Schema]
    if name not in names:
        raise NightlabError(f"no schema {one_line(name, 40)!r}; there are: {', '.join(names)}")
    return Schema(name)


# -- writing -------------------------------------------------------------------------------------


def header(metric: str, schema: Schema = Schema.KARPATHY) -> str:
    """The first line, without its end."""
    return f"commit\t{metric}\t{schema.memory}\tstatus\tdescription"


def format_row(row: Row, schema: Schema = Schema.KARPATHY) -> str:
    """The row as written, without its end."""
    zeros = schema is Schema.KARPATHY
    unmeasured = "0.000000" if zeros and row.status is Decision.CRASH else "—"
    value = unmeasured if row.value is None else number_cell(row.value)
    nothing = "0.0" if zeros else "—"
    memory = nothing if row.memory_gb is None else memory_cell(row.memory_gb)
    return "\t".join([row.commit, value, memory, row.status.value, row.description])


def format_table(table: Table) -> str:
    """The whole file. `parse_table` reads it back."""
    lines = [header(table.metric, table.schema)]
    lines += [format_row(row, table.schema) for row in table.rows]
    return "\n".join(lines) + "\n"


def number_cell(value: float, decimals: int = 6, ordinary: float = 0.01) -> str:
    """With six decimals, as the originals wrote it, and more digits where that would lose them.

    Values below `ordinary` keep `decimals` + 1 significant digits, those of 1e9 and more all. Each
    range is rounded to a grid that its ends lie on, so cells are ordered as the values are.
    """
    if abs(value) >= 1e9:
        return repr(float(value))
    text = f"{value + 0.0:.{decimals}f}"
    short = float(f"{value:.{decimals}e}")
    return text if abs(value) >= ordinary or float(text) == short else repr(short)


def memory_cell(gigabytes: float) -> str:
    """With one decimal, as the originals wrote it, and two significant digits below 0.1."""
    return number_cell(gigabytes, 1, 0.1)


# -- reading -------------------------------------------------------------------------------------


def read_table(path: Path) -> Table:
    """Read a results table, in either schema.

    Raises NightlabError, naming file and line, for one that is missing, cut or something else.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise NightlabError(f"there is no file {path}") from None
    except OSError as error:
        raise NightlabError(f"cannot read {path}: {error.strerror or error}") from error
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        if error.end == len(data) and "unexpected end" in error.reason:
            raise _torn(f"{path}:{line}", "in the middle of a character") from None
        raise NightlabError(f"{path}:{line}: not UTF-8; save the table as UTF-8") from None
    return parse_table(text, str(path))


def parse_rows(text: str, name: str = "results.tsv") -> tuple[str, list[Row]]:
    """The metric's name and the rows of a table: see `parse_table`."""
    table = parse_table(text, name)
    return table.metric, table.rows


def parse_table(text: str, name: str = "results.tsv") -> Table:
    """Read the text of a results table; which schema it is in, its header says.

    A byte order mark, CRLF, empty lines and statuses in capitals are taken; a cell that is missing
    may be an em dash, a hyphen or empty. Raises NightlabError with `name` and the line.
    """
    lines = [line.removesuffix("\r") for line in text.removeprefix("\ufeff").split("\n")]
    metric, schema = _read_header(lines[0], f"{name}:1")
    rows = []
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        place, cells = f"{name}:{number}", line.split("\t")
        if len(cells) < 5 and number == len(lines):
            raise _torn(place, f"after {len(cells)} of 5 columns")
        rows.append(_read_row(cells, place))
    return Table(metric, schema, rows)


def _torn(place: str, where: str) -> NightlabError:
    return NightlabError(f"{place}: the last line is torn, {where}: the file was cut; delete it")


def _read_header(line: str, place: str) -> tuple[str, Schema]:
    cells = [cell.strip() for cell in line.split("\t")]
    if len(cells) == 5 and cells[1]:
        for schema in Schema:
            if [cell.lower() for cell in cells] == header(cells[1].lower(), schema).split("\t"):
                return cells[1], schema
    understood = " or ".join(repr(header("METRIC", schema)) for schema in Schema)
    raise NightlabError(
        f"{place}: not the header of a results table ({one_line(line, 60)!r});"
        f" understood, with tabs as \\t: {understood}"
    )


def _read_row(cells: Sequence[str], place: str) -> Row:
    if len(cells) != 5:
        raise NightlabError(f"{place}: {len(cells)} columns where 5 are expected; a tab in a cell?")
    commit, status = cells[0].strip(), cells[3].strip().lower()
    if not commit:
        raise NightlabError(f"{place}: the commit is missing")
    if status not in _STATUSES:
        known = ", ".join(_STATUSES)
        raise NightlabError(f"{place}: the status {one_line(status, 40)!r} is none of {known}")
    decision = _STATUSES[status]
    value, memory = _read_number(cells[1], place), _read_number(cells[2], place)
    if decision is Decision.CRASH:
        value = value or None
    return Row(commit, value, memory or None, decision, cells[4])


def _read_number(cell: str, place: str) -> float | None:
    if cell.strip() in _NOTHING:
        return None
    try:
        value = float(cell)
    except ValueError:
        raise NightlabError(f"{place}: {one_line(cell, 40)!r} is not a number") from None
    if not math.isfinite(value):
        raise NightlabError(f"{place}: {one_line(cell, 40)!r} is not a finite number")
    return value
