"""The boundary of a sequential test: how many standard errors a gain must reach, look by look."""

from __future__ import annotations

import math
from functools import lru_cache

_STEP = 0.06
_HIGHEST = 6.5


def dropped_below(look: int) -> float:
    """Standard errors of gain below which a trial is dropped after so many runs.

    A faint gain may begin badly, so the first look asks for little, and later ones for more.
    """
    return min(1.5, 0.3 + 0.25 * (look - 1))


def boundary(alpha: float, looks: int, freedom: float, first: int) -> float:
    """How many standard errors a gain must reach, at any of the looks `first` to `looks`.

    A trial without any gain that survived its first look passes with probability `alpha`. With
    few degrees of freedom behind the noise, the quantile is Student's. Raises nothing: with an
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
    & Rowe, Repeated significance tests on accumulating data, 1969.
    """
    import numpy as np

    heights = np.arange(1.0, _HIGHEST, 0.1)
    costs = [-math.log(max(_crossing(height, looks, first), 1e-300)) for height in heights]
    return list(heights), costs


def _crossing(height: float, looks: int, first: int) -> float:
    """The chance that a walk without drift reaches `height` at some look, if it survives one."""
    import numpy as np
    from scipy.special import ndtr

    top = height * math.sqrt(looks)
    grid = np.arange(-1.0, top + _STEP, _STEP)
    kernel = np.exp(-0.5 * (grid[:, None] - grid[None, :]) ** 2) * _STEP / math.sqrt(2 * math.pi)
    density = np.exp(-0.5 * grid**2) / math.sqrt(2 * math.pi)
    survived = float(ndtr(-dropped_below(1)))
    crossed = 0.0
    for look in range(1, looks + 1):
        if look > 1:
            density = kernel @ density
        root = math.sqrt(look)
        if look >= first:
            over = grid >= height * root
            crossed += float(density[over].sum() * _STEP)
            density = np.where(over, 0.0, density)
        density = np.where(grid < dropped_below(look) * root, 0.0, density)
    return crossed / survived
