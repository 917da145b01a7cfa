"""Near misses: trials that may be better than the incumbent, and what they move of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from nightlab.propose.sparse.effects import Effects
from nightlab.propose.sparse.evidence import Evidence
from nightlab.propose.sparse.steps import Steps
from nightlab.types import History, Parameters

_FEW = 6


@dataclass(frozen=True)
class NearMiss:
    """A trial by its number, and the values of it that the incumbent doesn't have."""

    number: int
    moved: Parameters


def near_misses(
    history: History, evidence: Evidence, effects: Effects, steps: Steps, most: int
) -> list[NearMiss]:
    """A few that kept within the limits, the most promising first, of `most` values at most."""
    return list(islice(_near(history, evidence, effects, steps, most), _FEW))


def _near(
    history: History, evidence: Evidence, effects: Effects, steps: Steps, most: int
) -> Iterator[NearMiss]:
    import numpy as np

    number = history.incumbent.number
    own = [
        m[0] for t, m in zip(evidence.trials, evidence.measured, strict=True) if t.number == number
    ]
    level = float(own[0]) if own else 0.0
    ahead = (effects.worth(evidence.measured) - level) * np.sqrt(evidence.runs)
    for at in np.argsort(-ahead, kind="stable"):
        if ahead[at] <= 0:
            return
        trial = evidence.trials[at]
        moved = {
            name: value for name, value in trial.moved.items() if value != steps.values.get(name)
        }
        if len(moved) <= most and steps.has_effect(moved):
            yield NearMiss(trial.number, moved)
