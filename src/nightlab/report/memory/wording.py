"""Gains and columns, as the lines of the memory show them."""

from __future__ import annotations

from collections.abc import Sequence

from nightlab.report.memory import finite
from nightlab.types import Effect, Lesson, Value, one_line

_WIDE = 200


def fit_line(line: str) -> str:
    """A line fit to be shown, its indent and its columns kept."""
    plain = "".join(sign for sign in line if sign.isprintable())
    return plain if len(plain) <= _WIDE else plain[: _WIDE - 1] + "…"


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of cells as lines, each column but the last as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) for cell, width in zip(row, (*widths[:-1], 0), strict=True)
        ).rstrip()
        for row in rows
    ]


def gain_text(gain: float | None, error: float | None = None) -> str:
    """`+0.266 ± 0.007`, or a dash where nothing was measured."""
    if finite(gain) is None:
        return "—"
    return f"{gain:+.4g}" + (f" ± {error:.2g}" if finite(error) is not None else "")


def effect_text(effect: Effect) -> str:
    """What an effect is the gain of."""
    if effect.of_kind:
        return "a change of this kind, on average"
    if effect.value is None:
        return "from low to high, if it went on as it goes around the incumbent"
    return "over the other options"


def effect_name(effect: Effect) -> str:
    """`RATE`, `OPTIMIZER = adam`, `schedule changes`."""
    name = one_line(effect.name, 60)
    if effect.of_kind:
        return f"{name} changes"
    return name if effect.value is None else f"{name} = {value_text(effect.value)}"


def value_text(value: Value) -> str:
    """A value of a parameter, fit to be shown."""
    if isinstance(value, float):
        return f"{value:.6g}"
    return one_line(str(value), 40) or "(empty)"


def verdict_text(lesson: Lesson) -> str:
    """The verdict's one word."""
    return lesson.trial.verdict.decision.value if lesson.trial.verdict else "open"
