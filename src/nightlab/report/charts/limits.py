"""The limits of an axis: which values are near enough to be drawn, and which go to the edge."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_WIDE = 30.0
_EVEN, _LOG = 1e300, 1e150
"""Values beyond these go to the edge; nearer to where floats end, no axis can be computed."""


@dataclass(frozen=True)
class Limits:
    """Where an axis ends, and whether it is logarithmic."""

    low: float
    high: float
    log: bool = False

    @property
    def note(self) -> str:
        """What a reader must be told of it, to follow the axis' name."""
        return ", log scale" if self.log else ""

    def holds(self, value: float) -> bool:
        """Whether the value is between the limits."""
        return self.low <= value <= self.high

    def clip(self, value: float) -> float:
        """The value, or the limit that it lies beyond."""
        return min(max(value, self.low), self.high)

    def at(self, part: float) -> float:
        """The value so far along: 0 is the low end, 1 the high one; beyond them it goes on."""
        if self.log:
            return math.pow(self.low, 1 - part) * math.pow(self.high, part)
        return self.low + part * (self.high - self.low)


def is_wide(values: Sequence[float]) -> bool:
    """Whether the values are positive and so far apart that only logarithms show them all."""
    low, high = min(values, default=0.0), max(values, default=0.0)
    return low > 0 and high / low > _WIDE


def near_best(base: float, values: Sequence[float], sign: int, log: bool = False) -> Limits:
    """From the best of the values to the losers that are not too far below `base`."""
    start, *places = _places((base, *values), log)
    steps = [sign * (place - start) for place in places]
    least = 1e-9 * (1.0 if log else abs(start))
    gain = max([0.0, *(step for step in steps if step > least)])
    depth = _depth(gain, sorted(-step for step in steps if step < 0))
    if gain + depth <= least:
        gain = depth = 0.05 * abs(start) or 1.0
    pad = 0.07 * (gain + depth)
    return _limits(start + sign * (gain + pad), start - sign * (depth + pad), log)


def around(values: Sequence[float], log: bool = False) -> Limits:
    """Limits that hold all of these values."""
    places = _places(values, log) or [0.0]
    low, high = min(places), max(places)
    size = max(abs(low), abs(high))
    pad = 0.07 * (high - low) if high - low > 1e-9 * size else 0.05 * size or 1.0
    return _limits(low - pad, high + pad, log)


def _depth(gain: float, losses: Sequence[float]) -> float:
    """How far below the baseline to look: at losers about as far off as the best is."""
    if not losses:
        return 0.0
    if not gain:
        most = losses[(3 * len(losses)) // 4]
        return losses[-1] if losses[-1] <= 3 * most else 1.2 * most
    most = min(max(losses[len(losses) // 4], 1.5 * gain), 5 * gain)
    return max((loss for loss in losses if loss <= max(most, 3 * gain)), default=0.0)


def _places(values: Iterable[float], log: bool) -> list[float]:
    """The values, or their logarithms, as far as an axis can reach."""
    if log:
        return [math.log10(min(max(value, 1 / _LOG), _LOG)) for value in values]
    return [min(max(value, -_EVEN), _EVEN) for value in values]


def _limits(end: float, other: float, log: bool) -> Limits:
    low, high = sorted((end, other))
    return Limits(10**low, 10**high, True) if log else Limits(low, high)
