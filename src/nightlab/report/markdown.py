"""Markdown tables whose cells can hold anything."""

from __future__ import annotations

from collections.abc import Sequence

from nightlab.types import one_line


def table(head: Sequence[str], rows: Sequence[Sequence[str]], width: int = 300) -> str:
    """A table, ending in a line end. Bars in cells are escaped, line ends and tabs are blanks, and
    what others wrote is no HTML, link or image.
    """
    lines = [_row(head, width), "|" + "---|" * len(head), *(_row(row, width) for row in rows)]
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str], width: int) -> str:
    return f"| {' | '.join(inert(cell, width).replace('|', '&#124;') for cell in cells)} |"


def inert(text: str, width: int = 300) -> str:
    """Text from elsewhere for a line of Markdown, in which it can be no HTML, link or image.

    Spans of code stay, where there is no doubt that they are.
    """
    parts = one_line(text, width).split("`")
    if len(parts) % 2 == 0 or "" in parts[1:-1] or "\\" in text:
        return "&#96;".join(map(_plain, parts))
    return "`".join(part if at % 2 else _plain(part) for at, part in enumerate(parts))


def _plain(text: str) -> str:
    return text.replace("<", "&lt;").replace("](", "]\\(").replace("][", "]\\[")


def counted(count: int, thing: str) -> str:
    """`1 trial`, `2 trials`, `10,000 trials`."""
    return f"1 {thing}" if count == 1 else f"{count:,} {thing}s"
