"""How the training of the best went: what its progress lines printed, at a few points."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nightlab.types import Outcome, Trial, one_line

Told = Sequence[tuple[float, Mapping[str, float]]]
"""Progress lines of a log: the fraction of the budget, and the values beside it."""

_POINTS = 8
_NAMES = 8


def diagnose(trial: Trial, progress: Callable[[Path], Told]) -> dict[str, Any] | None:
    """Values by name at a few fractions of the budget: the loss, gradient norms and the like.

    Of the last good run of a trial; None where it printed no progress.
    """
    good = [run for run in trial.runs if run.outcome is Outcome.OK and run.log]
    told = list(progress(Path(good[-1].log))) if good else []
    if not told:
        return None
    chosen = [told[round(n * (len(told) - 1) / (_POINTS - 1))] for n in range(_POINTS)]
    chosen = list({fraction: (fraction, values) for fraction, values in chosen}.values())
    names = list(dict.fromkeys(name for _, values in chosen for name in values))[:_NAMES]
    return {
        "trial": trial.number,
        "seed": good[-1].seed,
        "fraction": [round(fraction, 4) for fraction, _ in chosen],
        "values": {
            one_line(name, 40): [_short(values.get(name)) for _, values in chosen] for name in names
        },
    }


def _short(value: float | None) -> float | None:
    """Four digits are enough to see a shape; None where there is no finite number."""
    if value is None or value != value or value in (float("inf"), float("-inf")):
        return None
    return float(f"{value:.4g}")
