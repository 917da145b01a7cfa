"""The boundary of a sequential test: how many standard errors a gain must reach, look by look."""

from __future__ import annotations

import math
from functools import lru_cache

_STEP = 0.06
_HIGHEST = 6.5
_BELOW = 6.0


def dropped_below(look: int) -> float:
    """Standard errors of gain below which a trial is dropped after so many runs.

    A faint gain may begin badly, so the first look asks for little, and later ones for more.
    """
    return min(1.5, 0.3 + 0.25 * (look - 1))


def boundary(alpha: float, looks: int, freedom: float, first: int) -> float:
    """How many standard errors a gain must reach, at any of the looks `first` to `looks`.

    A trial without any gain that has come as far as look `first` passes with probability `alpha`.
    With few degrees of freedom behind the noise, the quantile is Student's. Raises nothing: with an
    unknown noise the boundary is infinite.
    """
    if freedom < 1:
        return math.inf
    if alpha >= 1.0:
        return 0.0
    normal = _constant(alpha, looks, first)
    from scipy.special import ndtr, stdtrit

    return float(stdtrit(freedom, ndtr(normal)))


def _constant(alpha: float, looks: int, first: int) -> float:
    """The constant boundary for this error: interpolated in what it costs, on a log scale."""
    import numpy as np

    heights, costs = _costs(looks, first)
    return float(np.interp(-math.log(max(alpha, 1e-12)), costs, heights))


@lru_cache(maxsize=32)
def _costs(looks: int, first: int) -> tuple[list[float], list[float]]:
    """Heights, and minus the logarithm of the chance that luck alone reaches each.

    By recursive integration over the sum of standard normal increments, after Armitage, McPherson
    & Rowe, Repeated significance tests on accumulating data, 1969; the chance is that of a walk
    without drift which has come to look `first`.
    """
    import numpy as np

    heights = np.arange(1.0, _HIGHEST, 0.1)
    sums = np.arange(-_BELOW, _HIGHEST * math.sqrt(looks) + _BELOW, _STEP)[:, None]
    step = np.exp(-0.5 * (sums - sums.T) ** 2) * _STEP / math.sqrt(2 * math.pi)
    density = np.exp(-0.5 * sums**2) / math.sqrt(2 * math.pi) * np.ones_like(heights)
    came, crossed = np.ones_like(heights), np.zeros_like(heights)
    for look in range(1, looks + 1):
        density = step @ density if look > 1 else density
        if look == first:
            came = density.sum(axis=0) * _STEP
        over = (sums >= heights * math.sqrt(look)) & (look >= first)
        crossed += (density * over).sum(axis=0) * _STEP
        density[over | (sums < dropped_below(look) * math.sqrt(look))] = 0.0
    return list(heights), list(-np.log(np.maximum(crossed / came, 1e-300)))
