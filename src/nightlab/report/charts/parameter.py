"""Where the values of one parameter stand on a panel: along an axis, or side by side."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from nightlab.report.charts.limits import Limits, around, is_wide
from nightlab.types import Value, one_line

_MOST = 8
_OTHERS = "others"


@dataclass(frozen=True)
class Places:
    """An axis of numbers between its limits, or of `names` that have a column each."""

    limits: Limits
    whole: bool = False
    names: tuple[str, ...] = ()
    most: int = 1
    """As many trials as this share a column."""

    def at(self, value: Value, trial: int = 0) -> float:
        """Where a trial stands that had this value: in a column beside others like it."""
        if not self.names:
            return self.limits.clip(_finite(value) or 0.0)
        name = _name(value)
        column = self.names.index(name if name in self.names else _OTHERS)
        spread = min(0.6, 0.04 * (self.most - 1)) if trial else 0.0
        return column + spread * ((0.618034 * trial) % 1 - 0.5)

    def knows(self, value: Value) -> bool:
        """Whether the value has a column of its own."""
        return _name(value) in self.names


def place_values(values: Sequence[Value], log: bool | None = None) -> Places:
    """How these values of a parameter, and no others, are best laid out.

    `log` says whether its scale is logarithmic; without it, values that lie far apart say so.
    """
    numbers = [found for value in values if (found := _finite(value)) is not None]
    if len(numbers) == len(values):
        whole = all(isinstance(value, int) for value in values)
        return Places(around(numbers, log=is_wide(numbers) and log is not False), whole)
    often = Counter(map(_name, values)).most_common()
    names = sorted(name for name, _ in often[:_MOST])
    names += [_OTHERS] if len(often) > _MOST else []
    return Places(Limits(-0.6, len(names) - 0.4), names=tuple(names), most=often[0][1])


def _finite(value: Value) -> float | None:
    """The value as a number, None for categories and for what no float can hold."""
    if isinstance(value, (bool, str)):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def _name(value: Value) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return one_line(str(value)) or "(empty)"
