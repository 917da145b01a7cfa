"""What the sparse proposer reads from trials whose metrics are very large."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from nightlab.program.policy import parse_policy
from nightlab.program.space import FloatParameter, Space
from nightlab.propose.conformance import sample_history, sample_trial
from nightlab.propose.sparse.effects import Effects
from nightlab.propose.sparse.evidence import Evidence, Records
from nightlab.types import Decision, History, Outcome, Purpose, Run, Trial

POLICY = parse_policy("PRIMARY: minimize loss\nGUARDRAILS:\n- cost must not increase by > 10%")
SPACE = Space(
    {
        name: FloatParameter.model_validate({"type": "float", "low": 0.0, "high": 1.0})
        for name in ("x", "y")
    }
)
SEEDS = (1, 2, 3)


def measured(trial: Trial, loss: Callable[[int], float], size: float) -> Trial:
    purpose = Purpose.PANEL if trial.number else Purpose.BASELINE
    runs = tuple(
        Run(10 * trial.number + s, trial.number, s, purpose, "", 0.0, Outcome.OK, told)
        for s in SEEDS
        for told in [{"loss": size * loss(s), "cost": size * (2 + 0.1 * loss(s))}]
    )
    return replace(trial, runs=runs)


def read(size: float, last: float = 1.0) -> tuple[Records, Evidence]:
    """Six trials: `x` helps, and every run has some noise. The last is `last` times as large."""
    start = {"x": 0.1, "y": 0.5}
    history = sample_history(parameters=start)
    base = measured(history.baseline, lambda seed: 1.0 + 0.01 * seed, size)
    trials = []
    for number in range(1, 7):
        made = sample_trial(number, {"x": 0.1 + 0.1 * number, "y": 0.5}, 1.0, Decision.DISCARD)
        grown = size * (last if number == 6 else 1.0)
        found = measured(made, lambda seed, n=number: 1 - 0.1 * n + 0.02 * (seed * n % 3), grown)  # type: ignore[misc]
        trials.append(found)
    records = Records(SPACE, POLICY)
    told: History = replace(history, baseline=base, incumbent=base, trials=trials, open=())
    return records, records.read(told)


@pytest.mark.parametrize("size", [1e-160, 1e160, 1e290])
def test_a_scale_says_nothing(size: float) -> None:
    """In units of the noise it is all the same, and no square overflows."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (_, usual), (records, found) = read(1.0), read(size)
        assert found.measured == pytest.approx(usual.measured)
        assert found.most == pytest.approx(usual.most)
        means = Effects(found, records.columns.names).means
    assert means == pytest.approx(Effects(usual, records.columns.names).means)


def test_one_wild_trial_among_others_is_a_large_one() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, found = read(1.0, last=1e305)
    assert np.isfinite(found.measured).all()
    assert abs(found.measured[-1, 1]) == np.abs(found.measured[:, 1]).max()
