"""Candidates that met different seeds, put on one level."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nightlab.governance.ledger.level import levels
from nightlab.types import (
    Decision,
    Direction,
    History,
    Outcome,
    Purpose,
    Run,
    Trial,
    Verdict,
)

NOISE = {7: 0.10, 11: 0.20, 19: 0.60, 101: 0.90, 102: 0.40}
"""What a seed brings to all alike."""


def trial(
    number: int, worth: float, seeds: dict[int, Purpose], against: int = 0, **extra: float
) -> Trial:
    runs = tuple(
        Run(
            n, number, seed, purpose, "", 0.0, Outcome.OK,
            {"toxicity_rate": worth + NOISE[seed], **extra},
        )
        for n, (seed, purpose) in enumerate(seeds.items())
    )  # fmt: skip
    verdict = Verdict(number, Decision.DISCARD, "evidence", "", {"against": against})
    return Trial(number, f"c{number}", runs=runs, verdict=verdict)


def met(*seeds: int, purpose: Purpose = Purpose.PANEL) -> dict[int, Purpose]:
    return dict.fromkeys(seeds, purpose)


BASELINE = trial(0, 0.0, met(7, 11, 19, purpose=Purpose.BASELINE))
MEAN = 0.30


def level(*trials: Trial, name: str = "toxicity_rate") -> float | None:
    """The level of the last of these."""
    history = History("toxicity_rate", Direction.MINIMIZE, (7, 11, 19), BASELINE, BASELINE, trials)
    return levels(history, trials[-1], [name])[name]


def test_who_met_the_panel_has_the_plain_mean() -> None:
    found = level(trial(1, -0.05, met(19, 7, 11)))
    assert found == pytest.approx(MEAN - 0.05)


@pytest.mark.parametrize("seeds", [(7,), (19,), (11, 19)])
def test_who_was_dropped_early_has_its_paired_difference(seeds: tuple[int, ...]) -> None:
    assert level(trial(1, 0.02, met(*seeds))) == pytest.approx(MEAN + 0.02)


def test_on_seeds_of_whom_it_was_set_against_it_stands_on_their_level() -> None:
    kept = trial(1, -0.05, {**met(7, 11, 19), **met(101, 102, purpose=Purpose.REPLICATE)})
    candidate = trial(2, -0.08, met(101, 102), against=1)
    assert level(kept, candidate) == pytest.approx(MEAN - 0.08)
    on_that = trial(3, -0.01, met(102), against=2)
    assert level(kept, candidate, on_that) == pytest.approx(MEAN - 0.01)


@pytest.mark.parametrize("seeds", [(7,), (11, 19), (7, 11, 19)])
def test_its_place_beside_whom_it_was_set_against_has_the_sign_of_its_gain(
    seeds: tuple[int, ...],
) -> None:
    """A lever that acts on one seed alone: what it is worth there says nothing of the others."""
    kept = trial(1, -0.05, {**met(7, 11, 19, 101)})
    lucky = next(run for run in kept.runs if run.seed == 101)
    flattered = {"toxicity_rate": lucky.metrics["toxicity_rate"] - 0.4}
    runs = tuple(replace(run, metrics=flattered) if run is lucky else run for run in kept.runs)
    base = replace(
        BASELINE, runs=(*BASELINE.runs, *trial(0, 0.0, met(101, purpose=Purpose.REPLICATE)).runs)
    )
    kept, worse = replace(kept, runs=runs), trial(2, -0.04, met(*seeds), against=1)
    history = History("toxicity_rate", Direction.MINIMIZE, (7, 11, 19), base, base, [kept, worse])
    of_kept, of_worse = (
        levels(history, each, ["toxicity_rate"])["toxicity_rate"] for each in (kept, worse)
    )
    assert of_kept is not None and of_worse is not None
    assert of_worse - of_kept == pytest.approx(0.01)


def test_without_a_seed_in_common_it_is_the_plain_mean() -> None:
    assert level(trial(1, 0.0, met(101, 102))) == pytest.approx(0.65)


def test_trials_set_against_each_other_come_to_an_end() -> None:
    one, two = trial(1, 0.0, met(101), against=2), trial(2, 0.0, met(101), against=1)
    assert level(one, two) == pytest.approx(0.90)


def test_a_metric_that_a_run_lacks_is_absent() -> None:
    known = trial(1, 0.0, met(7), illusion_delta=0.5)
    assert level(known, name="illusion_delta") == 0.5, "the baseline has none to pair with"
    half = trial(1, 0.0, met(7, 11))
    torn = Trial(1, "c", runs=(*known.runs, half.runs[1]), verdict=half.verdict)
    assert level(torn, name="illusion_delta") is None
    assert level(trial(1, 0.0, {}), name="toxicity_rate") is None


def test_a_rate_is_not_put_below_zero_where_nobody_saw_it_there() -> None:
    assert level(trial(1, -0.60, met(19))) == 0.0
    assert level(trial(1, -0.61, met(19))) == pytest.approx(MEAN - 0.61), "it was seen below zero"
