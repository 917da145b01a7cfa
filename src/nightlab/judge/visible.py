"""What a measured noise allows to be seen: how small an improvement, on how many seeds."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from statistics import median
from typing import Any

from nightlab.judge.boundary import boundary, dropped_below
from nightlab.judge.noise import Noise

POWER = 0.8
"""A visible improvement is found so often."""

_WALKS = 8000
"""So many trials are simulated: the power is then known to about half a percent."""

_SIMULATED = 48
"""More seeds than these are not simulated: what is seen shrinks as the root of their number."""

_FINEST = 10_000
"""A grid of finer steps than one in so many is no grid."""

_LUCK = 1e-3
"""A grid that numbers would seem to lie on by luck more often than this is not believed."""

_FAR = 5.0
_FAR_OF_FEW = {
    3: 115.0,
    4: 16.0,
    5: 18.0,
    6: 10.0,
    7: 11.0,
    8: 8.0,
    9: 8.0,
    10: 7.0,
    11: 7.0,
    12: 6.0,
}
"""Robust z beyond which a value is an outlier: among few, normal ones lie far out too. Chosen by
simulation, so that at most one set in a hundred without any has one.
"""


class Sameness(str, Enum):
    """What agrees exactly: repeats of one seed, values of different seeds, both or nothing."""

    ALL_EQUAL = "all equal"
    SEED_DECIDES = "a seed repeats exactly, seeds differ"
    UNREPEATABLE = "a seed does not repeat"
    SEEDS_DIFFER = "seeds differ, repeats unknown"
    UNKNOWN = "unknown"


def sameness(by_seed: Mapping[int, Sequence[float]]) -> Sameness:
    """What runs on these seeds, some of them more than once, say of the experiment."""
    repeated = [values for values in by_seed.values() if len(values) > 1]
    if any(len(set(values)) > 1 for values in repeated):
        return Sameness.UNREPEATABLE
    if len(by_seed) < 2:
        return Sameness.UNKNOWN
    if len({value for values in by_seed.values() for value in values}) == 1:
        return Sameness.ALL_EQUAL
    return Sameness.SEED_DECIDES if repeated else Sameness.SEEDS_DIFFER


# -- how small an improvement ----------------------------------------------------------------------


def smallest_visible(
    noise: Noise, panel: int, seeds: int, level: float, power: float = POWER
) -> float:
    """The smallest true improvement that so many seeds tell from luck, in the metric's unit.

    A trial meets up to `seeds` of them, and may be kept from `panel` on; `level` is the chance of
    luck, 1 where any gain of the mean is kept. The test is simulated, with noise that is as well
    known as it is now, and without trials being dropped early: `chance_found` has that. Infinite
    where nothing is known of the noise, 0 where there is none.
    """
    if noise.deterministic:
        return 0.0
    if not math.isfinite(noise.sigma):
        return math.inf
    simulated = max(panel, min(seeds, _SIMULATED))
    needed = _simulated(noise, panel, simulated, level, drops=False)
    place = min(len(needed) - 1, math.ceil(power * len(needed)) - 1)
    return noise.sigma * needed[place] * math.sqrt(simulated / max(simulated, seeds))


def chance_found(noise: Noise, panel: int, seeds: int, level: float, improvement: float) -> float:
    """How often a trial that is truly so much better is kept, early drops and all."""
    if noise.deterministic or not math.isfinite(noise.sigma):
        return float(noise.deterministic and improvement > 0)
    simulated = max(panel, min(seeds, _SIMULATED))
    needed = _simulated(noise, panel, simulated, level, drops=True)
    return bisect_right(needed, improvement / noise.sigma) / len(needed)


def _simulated(noise: Noise, panel: int, seeds: int, level: float, drops: bool) -> list[float]:
    freedom, pairing = max(1, round(noise.freedom)), round(min(0.98, noise.pairing), 2)
    return _needed(panel, seeds, level, freedom, pairing, drops)


def seeds_needed(noise: Noise, panel: int, improvement: float, level: float) -> int | None:
    """On how many seeds an improvement becomes visible; None where it never does."""
    if improvement <= 0 or not math.isfinite(smallest_visible(noise, panel, panel, level)):
        return None
    low, high = panel, panel
    while smallest_visible(noise, panel, high, level) > improvement:
        if high >= _SIMULATED:
            ratio = smallest_visible(noise, panel, high, level) / improvement
            return math.ceil(high * ratio**2)
        low, high = high, min(2 * high, max(panel, _SIMULATED))
    while high - low > 1:
        middle = (low + high) // 2
        seen = smallest_visible(noise, panel, middle, level) <= improvement
        low, high = (low, middle) if seen else (middle, high)
    return high


@lru_cache(maxsize=64)
def _needed(
    panel: int, seeds: int, level: float, freedom: int, pairing: float, drops: bool
) -> list[float]:
    """The true gain that each of many simulated trials needs to be kept, sorted.

    In standard deviations of a run. A trial that gains more is dropped no earlier and kept no
    later, so each has one such gain.
    """
    import numpy as np

    draws = np.random.default_rng(0)
    known = draws.chisquare(freedom, _WALKS)
    common, ours, theirs = draws.standard_normal((3, _WALKS, seeds))
    ours = math.sqrt(pairing) * common + math.sqrt(1 - pairing) * ours
    theirs = math.sqrt(pairing) * common + math.sqrt(1 - pairing) * theirs
    kept_at = np.full(_WALKS, np.inf)
    survives_at = np.full(_WALKS, -np.inf)
    for look in range(1, seeds + 1):
        met = ours[:, :look]
        spread = met.var(axis=1) * look
        sigma = np.sqrt((known + spread) / (freedom + look - 1))
        gain, error = _difference(met, theirs[:, : max(panel, look)], pairing)
        if look >= panel:
            height = _height(level, panel, seeds, freedom + look - 1)
            kept = np.maximum(height * error * sigma - gain, survives_at)
            kept_at = np.minimum(kept_at, kept)
        if drops:
            lowest = 0.0 if level >= 1.0 else dropped_below(look)
            survives_at = np.maximum(survives_at, lowest * error * sigma - gain)
    return [float(gain) for gain in np.sort(kept_at)]


def _height(level: float, panel: int, seeds: int, freedom: float) -> float:
    return boundary(level, seeds, freedom, panel) if level > 0 else math.inf


def _difference(ours: Any, theirs: Any, pairing: float) -> tuple[Any, float]:
    """As `mean_difference`, for many trials at once, whose seeds are the first of the others'."""
    count, more = ours.shape[1], theirs.shape[1] - ours.shape[1]
    own, cross = 1 / (1 - pairing**2), -pairing / (1 - pairing**2)
    mine, both, rest = (
        ours.sum(axis=1),
        theirs[:, :count].sum(axis=1),
        theirs[:, count:].sum(axis=1),
    )
    a, b, c = own * count, own * count + more, cross * count
    u, w = own * mine + cross * both, own * both + cross * mine + rest
    scale = a * b - c * c
    return ((b * u - c * w) - (a * w - c * u)) / scale, math.sqrt((a + b + 2 * c) / scale)


# -- what values look like -------------------------------------------------------------------------


def grid_step(values: Iterable[float]) -> float | None:
    """The step of the grid that values lie on, as 1/26 where each is a count of 26 cases.

    Also the last decimal, where they were rounded to a few. None where there is no such grid, or
    fewer than two different values.
    """
    distinct = sorted({float(value) for value in values if math.isfinite(value)})
    if len(distinct) < 2:
        return None
    rounded = _last_decimal(distinct)
    blur = rounded / 2 if rounded else max(map(abs, distinct)) * 2.0**-50
    luck, spread = 0.0, distinct[-1] - distinct[0]
    for parts in range(1, _FINEST + 1):
        luck += (2 * parts * blur) ** len(distinct)
        if luck > _LUCK or parts * blur > 0.25:
            break
        if 1 / parts <= spread + blur and all(_whole(value, parts, blur) for value in distinct):
            return 1 / parts
    return rounded


def _whole(value: float, parts: int, blur: float) -> bool:
    return abs(value * parts - round(value * parts)) <= parts * blur * 1.001


def _last_decimal(values: Sequence[float]) -> float | None:
    """What the last decimal of rounded numbers stands for; None where they have all digits."""
    written = [Decimal(repr(value)).normalize() for value in values]
    if any(len(number.as_tuple().digits) > 12 for number in written):
        return None
    exponents = [int(number.as_tuple().exponent) for number in written if number]
    step = 10.0 ** min(exponents, default=0)
    return step if step > 1e-12 * max(map(abs, values)) else None


def outliers(values: Iterable[float]) -> list[float]:
    """Values that lie far from the rest, the farthest first.

    By the median absolute deviation, which one wild value can't stretch: Iglewicz & Hoaglin, How
    to detect and handle outliers, 1993; with a larger limit for few values.
    """
    numbers = [float(value) for value in values]
    limit = _FAR_OF_FEW.get(len(numbers), _FAR)
    if len(numbers) < min(_FAR_OF_FEW):
        return []
    middle = median(numbers)
    away = [abs(number - middle) for number in numbers]
    scale = 1.4826 * median(away) or 1.2533 * math.fsum(away) / len(away)
    far = [n for n in numbers if scale and abs(n - middle) / scale > limit]
    return sorted(far, key=lambda number: -abs(number - middle))
