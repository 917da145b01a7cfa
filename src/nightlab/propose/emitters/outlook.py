"""The outlook: what all lessons together say of a place in the space that was never tried."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nightlab.program.space import ChoiceParameter
from nightlab.propose.emitters import Scene
from nightlab.propose.emitters.steps import fits, is_ordered
from nightlab.types import Lesson, Parameters

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.float64]]

REMEMBERED = 150
"""So many of the last lessons count."""

_LENGTHS = (0.15, 0.3, 0.6, 1.2, 2.5, 6.0)
_NOISES = (0.25, 1.0, 2.5)
_USUAL = 0.8
"""The length, in ranges, over which a parameter usually matters; and how freely it differs:"""
_FREELY = 1.0
_SWEEPS = 2
_UNKNOWN = 0.5
"""How far a parameter that has no effect somewhere is from where it has one."""
_APART = math.sqrt(0.5)
"""Half of an option's column: two options are 1 apart."""
_TINY = 1e-6
_OFFSET = 25.0
"""The variance between campaigns, whose baselines need not be the same."""


@dataclass(frozen=True)
class Expectation:
    """The gain over the incumbent that is expected somewhere, and the standard deviation of it."""

    gain: float
    error: float

    @property
    def improvement(self) -> float:
        """The expected improvement: what it gains on average, where a loss counts as nothing.

        Source: Jones, Schonlau & Welch, Efficient Global Optimization, 1998.
        """
        if self.error <= 0:
            return max(self.gain, 0.0)
        z = self.gain / self.error
        density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
        return self.error * density + self.gain * (1 + math.erf(z / math.sqrt(2))) / 2


class Outlook:
    """A Gaussian process over the lessons' gains, with a length for each parameter.

    A crash counts as the worst that was seen, and a very bad gain no more than that it is bad.
    Lessons of earlier campaigns count but for an offset, for their baseline may have been another.
    Source: Rasmussen & Williams, Gaussian Processes for Machine Learning, 2006, chapters 2 and 5.
    """

    def __init__(self, scene: Scene) -> None:
        import numpy as np

        self.scene = scene
        lessons = [each for each in scene.memory.lessons if _is_known(each)][-REMEMBERED:]
        baseline = scene.history.baseline.parameters
        self.places = self._placed([baseline, *(each.trial.parameters for each in lessons)])
        self.campaigns = np.array(["", *(each.campaign for each in lessons)])
        gains, errors = _gains(lessons), _errors(lessons)
        self.unit = float(np.std(gains)) or 1.0
        self.gains = gains / self.unit
        self.errors = errors / self.unit
        self.lengths = np.full(self.places.shape[1], _USUAL)
        self.noise = 1.0
        self._fit()

    def expect(self, places: Sequence[Parameters]) -> list[Expectation]:
        """What is expected at each place: all parameters by name."""
        import numpy as np

        here = self._placed([self.scene.values, *places])
        cross = self._kernel(_squares(here, self.places), self.campaigns == "")
        means = cross @ self.weights
        known = np.linalg.solve(self.root, cross.T)
        near = self._kernel(_squares(here[:1], here), True)[0] - known[:, 0] @ known
        spread = near[0] + (1 + _OFFSET) - (known**2).sum(0) - 2 * near
        errors = np.sqrt(np.maximum(spread, 0.0))
        return [
            Expectation(float(gain) * self.unit, float(error) * self.unit)
            for gain, error in zip((means - means[0])[1:], errors[1:], strict=True)
        ]

    def _placed(self, places: Sequence[Parameters]) -> Array:
        """A row a place: where each parameter lies in its range, NaN where it has no effect.

        Options without an order have a column each.
        """
        import numpy as np

        return np.array([self._row(values) for values in places], float)

    def _row(self, values: Parameters) -> list[float]:
        active, row = set(self.scene.space.active(values)), []
        for name, parameter in self.scene.space.parameters.items():
            known = name in active and name in values and fits(parameter, values[name])
            place = parameter.to_unit(values[name]) if known else math.nan
            if isinstance(parameter, ChoiceParameter) and not is_ordered(parameter):
                units = [parameter.to_unit(option) for option in parameter.options]
                row += [_APART * (place == unit) if known else math.nan for unit in units]
            else:
                row.append(place)
        return row

    def _fit(self) -> None:
        """The lengths and the noise that make the gains most likely, one after the other."""
        apart = _squares(self.places, self.places)
        alike = self.campaigns[:, None] == self.campaigns
        best = self._likelihood(apart, alike)
        for _ in range(_SWEEPS if len(self.places) > 3 else 0):
            for at in range(len(self.lengths)):
                for length in _LENGTHS:
                    old, self.lengths[at] = self.lengths[at], length
                    found = self._likelihood(apart, alike)
                    best, self.lengths[at] = (found, length) if found > best else (best, old)
            for noise in _NOISES:
                before, self.noise = self.noise, noise
                found = self._likelihood(apart, alike)
                best, self.noise = (found, noise) if found > best else (best, before)
        self._likelihood(apart, alike)

    def _likelihood(self, apart: Array, alike: Any) -> float:
        """Of the gains, logarithmic, and of the lengths themselves."""
        import numpy as np

        kernel = self._kernel(apart, alike)
        kernel[np.diag_indices_from(kernel)] += self.noise * self.errors**2 + _TINY
        self.root = np.linalg.cholesky(kernel)
        half = np.linalg.solve(self.root, self.gains)
        self.weights = np.linalg.solve(self.root.T, half)
        usual = ((np.log(self.lengths / _USUAL) / _FREELY) ** 2).sum()
        return float(-half @ half / 2 - np.log(np.diag(self.root)).sum() - usual / 2)

    def _kernel(self, apart: Array, alike: Any) -> Array:
        """Matérn 5/2, with a variance of 1; more within a campaign, whose level is its own."""
        import numpy as np

        far = np.sqrt(5 * (apart @ self.lengths**-2))
        found: Array = (1 + far + far**2 / 3) * np.exp(-far) + _OFFSET * alike
        return found


def _squares(one: Array, other: Array) -> Array:
    """The squared distances by column: of each row of the one to each of the other."""
    import numpy as np

    apart = np.nan_to_num(one[:, None, :] - other[None, :, :])
    apart[np.isnan(one)[:, None, :] ^ np.isnan(other)[None, :, :]] = _UNKNOWN
    found: Array = apart**2
    return found


def outlook_of(scene: Scene) -> Outlook:
    """What the lessons of a scene say."""
    return Outlook(scene)


def _is_known(lesson: Lesson) -> bool:
    """Whether it says anything of its values; edits of the code are another thing."""
    return not lesson.trial.edited and bool(lesson.trial.parameters)


def _gains(lessons: Sequence[Lesson]) -> Array:
    """By lesson, the baseline's 0 first; bounded below, so that disasters don't hide the rest."""
    import numpy as np

    known = [x.over_baseline for x in lessons]
    seen = [0.0, *(gain for gain in known if gain is not None and math.isfinite(gain))]
    best, middle = max(seen), min(float(np.median(seen)), 0.0)
    lowest = max(min(seen), best - 4 * (best - middle))
    found = [lowest if gain is None or not math.isfinite(gain) else gain for gain in known]
    return np.array([max(gain, lowest) for gain in (0.0, *found)])


def _errors(lessons: Sequence[Lesson]) -> Array:
    import numpy as np

    known = [x.error for x in lessons if x.error is not None]
    usual = float(np.median(known)) if known else 0.0
    return np.array([usual / 2, *(usual if x.error is None else x.error for x in lessons)])
