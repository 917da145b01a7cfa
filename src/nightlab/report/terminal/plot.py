"""The frontier as a small plot in text: the best value so far over the trials, as steps."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

Points = tuple[tuple[int, float], ...]
"""(trial, value) of each new best, the baseline (trial 0) first."""

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_BLANK = 0x2800


def plot(points: Points, last: int, width: int, height: int, plain: bool = False) -> list[str]:
    """`height` strings of `width` characters each: Braille, or ASCII where it must be `plain`.

    Trials run from 0 to `last`; larger values are higher up.
    """
    if plain:
        return _ascii(_rows(points, last, width, height), height)
    return _braille(_rows(points, last, 2 * width, 4 * height), width, height)


def row_of(points: Points, value: float, height: int) -> int:
    """The row, from the top, in which a value lies. Each new best is better than the one before."""
    low, high = sorted((points[0][1], points[-1][1]))
    return height // 2 if high == low else round((high - value) / (high - low) * (height - 1))


def _rows(points: Points, last: int, columns: int, height: int) -> list[int]:
    """The row of the frontier at each column."""
    trials = [trial for trial, _ in points]
    rows = []
    for column in range(columns):
        trial = column / max(1, columns - 1) * last
        at = max(0, bisect_right(trials, trial) - 1)
        rows.append(row_of(points, points[at][1], height))
    return rows


def _braille(rows: Sequence[int], width: int, height: int) -> list[str]:
    cells = [[_BLANK] * width for _ in range(height)]
    for column, row in enumerate(rows):
        before = rows[column - 1] if column else row
        for y in range(min(before, row), max(before, row) + 1):
            cells[y // 4][column // 2] |= _DOTS[y % 4][column % 2]
    return ["".join(" " if c == _BLANK else chr(c) for c in line) for line in cells]


def _ascii(rows: Sequence[int], height: int) -> list[str]:
    lines = [[" "] * len(rows) for _ in range(height)]
    for column, row in enumerate(rows):
        before = rows[column - 1] if column else row
        for y in range(min(before, row), max(before, row) + 1):
            lines[y][column] = "|"
        lines[before][column] = lines[row][column] = "-" if before == row else "+"
    return ["".join(line) for line in lines]
