"""Markdown tables whose cells can hold anything."""

from __future__ import annotations

from collections.abc import Sequence

from nightlab.types import one_line


def table(head: Sequence[str], rows: Sequence[Sequence[str]], width: int = 300) -> str:
    """A table, ending in a line end. Bars in cells are escaped, line ends and tabs are blanks."""
    lines = [_row(head, width), "|" + "---|" * len(head), *(_row(row, width) for row in rows)]
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str], width: int) -> str:
    return f"| {' | '.join(one_line(cell, width).replace('|', '&#124;') for cell in cells)} |"


def counted(count: int, thing: str) -> str:
    """`1 trial`, `2 trials`, `10,000 trials`."""
    return f"1 {thing}" if count == 1 else f"{count:,} {thing}s"
