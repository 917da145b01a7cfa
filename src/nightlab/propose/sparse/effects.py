"""What each parameter does, as far as the trials tell: an additive model, and doubt about it."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING, Any

from nightlab.propose.sparse.evidence import Evidence

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.float64]]

_PENALTY = 5.0
"""What breaking a limit by the noise of one run costs, in the same of the gain."""
_MARGIN = 0.7
"""So much further from a limit than it has to be, in the same: a trial is judged after few runs."""
_MISFIT = 0.1
"""The variance of what no sum of effects explains."""
_LEVEL = 1.0
"""The variance of what all trials have in common: the baseline's own luck."""
_BELIEF = 1.0
"""The usual size of an effect counts for so many parameters' own."""
_ROUNDS = 3
_LEAST, _MOST = 0.02, 100.0


class Effects:
    """Bayesian regression of the gains, and of what limits bound, on where the trials were.

    How large the effects of a parameter may be is learned from them: those that do nothing shrink
    towards nothing. Source: MacKay, Bayesian Interpolation, 1992; Tipping, Sparse Bayesian
    Learning and the Relevance Vector Machine, 2001. Units are the noise of one run.
    """

    def __init__(self, evidence: Evidence, names: Sequence[str]) -> None:
        import numpy as np

        self.most = evidence.most
        self.metrics = evidence.measured.shape[1]
        self.count = len(names)
        self.used = np.flatnonzero(np.any(evidence.rows != 0, axis=0))
        groups = {name: number for number, name in enumerate(dict.fromkeys(names))}
        self.groups = np.asarray([groups[names[int(at)]] for at in self.used], dtype=np.intp)
        rows = np.column_stack([np.ones(len(evidence.rows)), evidence.rows[:, self.used]])
        weights = 1 / (1 / evidence.runs + _MISFIT)
        self.usual = _usual(rows[:, 1:], evidence.measured[:, 0], weights)
        self._fit(rows, evidence.measured, weights)

    def _fit(self, rows: Array, measured: Array, weights: Array) -> None:
        import numpy as np

        sizes = np.full(len(self.used), self.usual)
        products = rows.T * weights @ rows
        told = rows.T * weights @ measured
        many = np.bincount(self.groups, minlength=1) if len(self.used) else np.zeros(1)
        for left in reversed(range(_ROUNDS)):
            precision = products + np.diag(1 / np.concatenate([[_LEVEL], sizes]))
            inverse = np.linalg.inv(precision)
            self.means = inverse @ told
            if left and len(self.used):
                squares = (self.means[1:] ** 2).sum(1) + self.metrics * np.diag(inverse)[1:]
                sums = np.bincount(self.groups, squares)
                found = (_BELIEF * self.usual + sums) / (_BELIEF + self.metrics * many)
                sizes = found[self.groups]
        self.root = np.linalg.cholesky((inverse + inverse.T) / 2)

    def sample(self, random: Random) -> Array:
        """Effects by column and metric, as they may be: a draw from what is believed of them."""
        import numpy as np

        chance = np.random.default_rng(random.getrandbits(64))
        found: Array = chance.standard_normal((self.count, self.metrics)) * np.sqrt(self.usual)
        drawn = self.means + self.root @ chance.standard_normal(self.means.shape)
        found[self.used] = drawn[1:]
        return found

    def worth(self, measured: Array) -> Array:
        """The gain, less what breaking limits costs, for each row of such numbers."""
        import numpy as np

        broken = np.maximum(measured[..., 1:] - self.most + _MARGIN, 0.0).sum(-1)
        found: Array = measured[..., 0] - _PENALTY * broken
        return found


def _usual(rows: Array, gains: Array, weights: Array) -> float:
    """The variance of an effect, over all: what noise doesn't explain of the gains."""
    import numpy as np

    if not len(gains) or not rows.any():
        return 1.0
    signal = float(np.mean(np.maximum(gains, -5.0) ** 2) - np.mean(1 / weights))
    return min(max(signal / float((rows**2).sum(1).mean()), _LEAST), _MOST)
