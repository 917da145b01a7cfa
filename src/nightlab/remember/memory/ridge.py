"""A Bayesian ridge regression that is averaged over what is not known: two scales.

Gains are rows of moves times coefficients, plus noise. The coefficients' prior is normal with one
scale, the noise is each gain's own error and a misfit of one scale; both scales are summed out over
a grid, weighted by how well they explain the gains. What is compared with one and the same trial
shares that trial's luck, which is a coefficient of its own. Source: MacKay, Bayesian
interpolation, 1992; Gelman et al., Bayesian Data Analysis, 2013, chapter 15.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[Any]

PRIOR = tuple(2.0**power for power in range(-2, 4))
"""Scales of a coefficient, in typical gains."""

MISFIT = (1 / 64, 1 / 8, 1 / 4, 1 / 2, 1.0)
"""Scales of what the moves do not explain, in typical gains."""

NEGLIGIBLE = 1e-3
"""A pair of scales with less than this share of the weight is left out."""

FAR = 4.0
"""What is further out than so many times where the largest quarter begins counts as that far."""

NO_FLUKE = 3
"""But what so many gains or losses have reached is taken as it is."""


@dataclass(frozen=True, eq=False)
class Posterior:
    """What is known of the coefficients: (k,) means and their (k, k) covariance."""

    mean: Numbers
    covariance: Numbers

    def of(self, row: Sequence[float] | Numbers) -> tuple[float, float]:
        """The expected sum of coefficients times `row`, and its standard error."""
        import numpy as np

        weights = np.asarray(row, float)
        variance = float(weights @ self.covariance @ weights)
        return float(weights @ self.mean), max(variance, 0.0) ** 0.5


def regress(
    rows: Sequence[Sequence[float]],
    gains: Sequence[float],
    errors: Sequence[float | None],
    against: Sequence[str],
) -> Posterior | None:
    """The coefficients of (n, k) `rows`; None where nothing was gained or lost at all.

    `against` names what each gain was measured against. Where an error is not known, the usual
    one is taken.
    """
    import numpy as np

    x, y = np.array(rows, float), _tamed(np.array(gains, float))
    typical = float(np.sqrt(np.mean(y**2))) if len(y) and x.size else 0.0
    if typical == 0.0:
        return None
    error = _filled(errors) / typical
    others = list(dict.fromkeys(against))
    shared = np.array([[name == other for other in others] for name in against], float)
    luck = max(float(np.median(error**2)) / 2, 1e-6)
    found = _averaged(np.hstack([x, shared]), y / typical, error, x.shape[1], luck)
    mean, covariance = _mixed(found, x.shape[1])
    return Posterior(mean * typical, covariance * typical**2)


def _tamed(gains: Numbers) -> Numbers:
    """Without gains that are so far out that one would decide everything."""
    import numpy as np

    sizes = np.sort(np.abs(gains))
    far = FAR * float(np.quantile(sizes, 0.75)) if len(sizes) else 0.0
    if len(sizes) >= NO_FLUKE:
        far = max(far, float(sizes[-NO_FLUKE]))
    return np.clip(gains, -far, far) if far else gains


def _filled(errors: Sequence[float | None]) -> Numbers:
    import numpy as np

    known = [error for error in errors if error is not None]
    usual = float(np.median(known)) if known else 0.0
    return np.array([usual if error is None else error for error in errors], float)


def _averaged(
    x: Numbers, y: Numbers, error: Numbers, own: int, luck: float
) -> list[tuple[float, Numbers, Numbers]]:
    """For each pair of scales the logarithm of its weight, and the coefficients by it."""
    import numpy as np

    found = []
    for misfit in MISFIT:
        noise = error**2 + misfit**2
        weighted = x / noise[:, None]
        information, pull = x.T @ weighted, weighted.T @ y
        seen = float(np.sum(y**2 / noise) + np.sum(np.log(noise)))
        for scale in PRIOR:
            prior = np.full(x.shape[1], luck)
            prior[:own] = scale**2
            root = np.linalg.cholesky(information + np.diag(1 / prior))
            half = np.linalg.solve(root, pull)
            size = 2 * float(np.sum(np.log(np.diag(root)))) + float(np.sum(np.log(prior)))
            found.append(((float(half @ half) - seen - size) / 2, root, half))
    return found


def _mixed(found: list[tuple[float, Numbers, Numbers]], own: int) -> tuple[Numbers, Numbers]:
    """The mean and the covariance of the mixture, of the first `own` coefficients."""
    import numpy as np

    logs = np.array([log for log, _, _ in found])
    weights = np.exp(logs - logs.max())
    weights[weights < NEGLIGIBLE * weights.sum()] = 0.0
    weights /= weights.sum()
    means, second = np.zeros(own), np.zeros((own, own))
    for weight, (_, root, half) in zip(weights, found, strict=True):
        if weight:
            inverse = np.linalg.inv(root)
            mean = (inverse.T @ half)[:own]
            covariance = (inverse.T @ inverse)[:own, :own]
            means += weight * mean
            second += weight * (covariance + np.outer(mean, mean))
    return means, second - np.outer(means, means)
