"""Values as a strip of dots, a line each: for a glance at how they lie."""

from __future__ import annotations

from collections.abc import Sequence

from nightlab.report.terminal.pen import Pen

_FEWEST, _WIDEST, _SHOWN = 8, 50, 24


def strip(rows: Sequence[tuple[str, float]], width: int, pen: Pen) -> list[str]:
    """`seed 7  1.4735 │      •   │`: the smallest value on the left, the largest on the right."""
    shown = rows[:_SHOWN]
    names = [pen.clip(pen.clean(name), max(8, width // 3)) for name, _ in shown]
    values = [f"{value:.6g}" for _, value in shown]
    margin = max(map(len, names), default=0) + max(map(len, values), default=0) + 5
    room = min(_WIDEST, width - margin - 1)
    low, high = min((v for _, v in rows), default=0.0), max((v for _, v in rows), default=0.0)
    edge, dot = ("|", "o") if pen.ascii else ("│", "•")
    lines = []
    for (_, number), name, value in zip(shown, names, values, strict=True):
        told = f"{name:<{max(map(len, names))}}  {value:>{max(map(len, values))}}"
        if room >= _FEWEST:
            at = 0.5 if high == low else (number - low) / (high - low)
            line = " " * round(at * (room - 1)) + dot
            told += f"  {edge}{line:<{room}}{edge}"
        lines.append(told)
    left = len(rows) - len(shown)
    return lines + ([f"and {left} more"] if left else [])
