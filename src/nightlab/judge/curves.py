"""Learning curves: kept short, laid beside each other, and what a lag has meant in the end."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nightlab.types import Curve

POINTS = 20
"""A curve is kept as the means of so many equal parts of the budget."""

WINDOW = 0.15
"""Two curves are compared over so much of the budget."""

LESSONS = 8
"""So many finished runs must have been compared with others before a lag means anything."""

SURE = 0.995
"""How sure the soft rule must be that a run will end worse than the incumbent's."""


@dataclass(frozen=True)
class Ended:
    """A finished run: its curve, and the metric it ended with. Smaller values are better."""

    curve: Curve
    value: float


@dataclass(frozen=True)
class Prediction:
    """How much worse than its incumbent's a run will end: what to expect, and what is possible."""

    expected: float
    at_best: float


def part(fraction: float) -> int:
    """Which of the equal parts of the budget a fraction lies in."""
    return min(int(fraction * POINTS + 1e-9), POINTS - 1)


def thinned(points: Iterable[tuple[float, float]]) -> Curve:
    """The mean fraction and value of each part of the budget, of values that are numbers."""
    parts: dict[int, list[tuple[float, float]]] = {}
    for fraction, value in points:
        if math.isfinite(value):
            parts.setdefault(part(fraction), []).append((fraction, value))
    found = []
    for _, inside in sorted(parts.items()):
        fractions, values = zip(*inside, strict=True)
        middle = sum(fractions) / len(inside), sum(values) / len(inside)
        found.append((float(f"{middle[0]:.4g}"), float(f"{middle[1]:.6g}")))
    return tuple(found)


def value_at(curve: Curve, fraction: float) -> float | None:
    """The curve at a fraction, by straight lines; None outside of it."""
    if not curve or not curve[0][0] <= fraction <= curve[-1][0]:
        return None
    after = bisect_left(curve, (fraction, -math.inf))
    (x1, y1) = curve[after]
    if x1 == fraction or after == 0:
        return y1
    (x0, y0) = curve[after - 1]
    return y0 + (y1 - y0) * (fraction - x0) / (x1 - x0)


def lag(curve: Curve, reference: Curve, at: float) -> float | None:
    """How far a curve lies above another, over the last of the budget before `at`."""
    gaps = []
    for fraction, value in curve:
        if at - WINDOW < fraction <= at:
            other = value_at(reference, fraction)
            if other is not None:
                gaps.append(value - other)
    return sum(gaps) / len(gaps) if gaps else None


def predict(
    groups: Iterable[Sequence[Ended]],
    mine: Sequence[Ended],
    curve: Curve,
    goal: float,
    at: float,
    sure: float = SURE,
) -> Prediction | None:
    """How much worse than `goal` a run will end, from its lag at a fraction and the lag's trend.

    The runs of a group compare: they have one seed and one schedule; `mine` is the group of the run
    at hand. Least squares within groups of the end on the lag and the trend; at best is the lower
    end of the prediction interval. None where there is too little to learn from.
    """
    rows = [row for group in groups for row in _centred(group, at)]
    freedom = round(sum(row.freedom for row in rows)) - 2
    inverse = _inverse(
        sum(row.lag * row.lag for row in rows),
        sum(row.lag * row.trend for row in rows),
        sum(row.trend * row.trend for row in rows),
    )
    middle = _middle(mine, at)
    here = _bearing(curve, mine[0].curve, at) if mine else None
    if freedom + 2 < LESSONS or inverse is None or middle is None or here is None:
        return None
    by_lag, by_trend = _times(
        inverse,
        sum(row.lag * row.worse for row in rows),
        sum(row.trend * row.worse for row in rows),
    )
    misses = [row.worse - by_lag * row.lag - by_trend * row.trend for row in rows]
    left = sum(miss * miss for miss in misses)
    lag, trend = here[0] - middle.lag, here[1] - middle.trend
    through = _times(inverse, lag, trend)
    leverage = 1 - middle.freedom + lag * through[0] + trend * through[1]
    error = math.sqrt(left / freedom * (1 + leverage))
    from scipy.special import stdtrit

    expected = middle.worse + by_lag * lag + by_trend * trend - goal
    return Prediction(expected, expected - float(stdtrit(freedom, sure)) * error)


@dataclass(frozen=True)
class _Row:
    """A run beside the mean of its group, and its share of the group's degrees of freedom."""

    lag: float
    trend: float
    worse: float
    freedom: float


def _middle(group: Sequence[Ended], at: float) -> _Row | None:
    """The mean of a group, its lag and trend counted from the first run's curve."""
    told = [(_bearing(each.curve, group[0].curve, at), each.value) for each in group]
    found = [(*bearing, value) for bearing, value in told if bearing]
    if not found:
        return None
    lag, trend, value = (sum(column) / len(found) for column in zip(*found, strict=True))
    return _Row(lag, trend, value, 1 - 1 / len(found))


def _centred(group: Sequence[Ended], at: float) -> list[_Row]:
    middle = _middle(group, at)
    if middle is None or not middle.freedom:
        return []
    told = [(_bearing(each.curve, group[0].curve, at), each.value) for each in group]
    return [
        _Row(x[0] - middle.lag, x[1] - middle.trend, value - middle.worse, middle.freedom)
        for x, value in told
        if x
    ]


def _bearing(curve: Curve, reference: Curve, at: float) -> tuple[float, float] | None:
    """The lag, and how much it has grown of late."""
    now, before = lag(curve, reference, at), lag(curve, reference, at - WINDOW)
    return None if now is None or before is None else (now, now - before)


def _inverse(a: float, b: float, d: float) -> tuple[float, float, float] | None:
    """Of the symmetric matrix [[a, b], [b, d]]; None where it has none to speak of."""
    size = a * d - b * b
    return (d / size, -b / size, a / size) if size > 1e-9 * a * d else None


def _times(matrix: tuple[float, float, float], x: float, y: float) -> tuple[float, float]:
    """A symmetric matrix times a vector."""
    a, b, d = matrix
    return a * x + b * y, b * x + d * y
