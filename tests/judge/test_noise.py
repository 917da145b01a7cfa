"""Noise is learned from runs and pairs; what a seed explains is believed as pairs speak for it."""

from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlab.judge.noise import Noise, measure_noise, spread
from nightlab.types import (
    Decision,
    Direction,
    History,
    Outcome,
    Purpose,
    Run,
    Trial,
    Verdict,
    mean_difference,
)


def trial(number: int, values: dict[int, float]) -> Trial:
    runs = tuple(
        Run(100 * number + seed, number, seed, Purpose.PANEL, "", 0.0, Outcome.OK, {"m": value})
        for seed, value in values.items()
    )
    verdict = Verdict(number, Decision.DISCARD, "evidence", "", {"against": 0})
    return Trial(number, f"c{number}", runs=runs, verdict=verdict if number else None)


def history(*trials: Trial) -> History:
    return History("m", Direction.MINIMIZE, (1, 2, 3), trials[0], trials[0], list(trials[1:]))


def test_until_there_are_pairs_it_is_that_of_the_baseline() -> None:
    noise = measure_noise(history(trial(0, {1: 1.0, 2: 2.0, 3: 3.0})))
    assert (noise.sigma, noise.freedom, noise.pairs, noise.pairing) == (1.0, 2, 0, 0.0)
    assert noise.likely_pairing == 0.5
    assert measure_noise(history(trial(0, {1: 1.0}))).sigma == math.inf


def test_pairs_that_agree_say_that_the_seed_explains_the_noise() -> None:
    base = {seed: float(seed) for seed in range(1, 7)}
    alike = {seed: value - 0.3 for seed, value in base.items()}
    noise = measure_noise(history(trial(0, base), trial(1, alike)))
    assert noise.pairing > 0.99
    found = noise.difference_of(alike, base)
    assert found is not None and found[0] == pytest.approx(-0.3) and found[1] < 0.25 * noise.sigma


@pytest.mark.parametrize("shared", [0.0, 0.6, 0.95])
def test_both_parts_of_the_noise_are_found(shared: float) -> None:
    random = Random(7)
    common = {seed: random.gauss(0, math.sqrt(shared)) for seed in range(8)}

    def values(mean: float) -> dict[int, float]:
        return {s: mean + c + random.gauss(0, math.sqrt(1 - shared)) for s, c in common.items()}

    made = [trial(n, values(5 - 0.1 * n)) for n in range(60)]
    noise = measure_noise(history(*made))
    assert noise.seen_pairing == pytest.approx(shared, abs=0.25)
    assert noise.pairing <= noise.likely_pairing <= noise.seen_pairing + 0.01


def test_deterministic_is_when_all_agree_exactly_and_no_trial_says_otherwise() -> None:
    same = trial(0, {1: 2.0, 2: 2.0, 3: 2.0})
    assert measure_noise(history(same)).deterministic
    assert not measure_noise(history(same, trial(1, {1: 1.0, 2: 1.1}))).deterministic


def test_a_trial_noisier_than_others_raises_its_own_error_and_a_calm_one_does_not_lower_it() -> (
    None
):
    noise = Noise(1.0, 20.0, False)
    assert noise.with_own([0.0, 8.0, -8.0]).sigma > 2.0
    assert noise.with_own([0.0, 0.01, 0.0]).sigma == 1.0


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20), st.floats(-1e6, 1e6))
def test_a_spread_is_that_of_the_textbook_wherever_it_lies(values: list[float], by: float) -> None:
    squares, freedom = spread(value + by for value in values)
    assert freedom == len(values) - 1
    assert squares == pytest.approx(spread(values)[0], rel=1e-3, abs=1e-3)


VALUES = st.dictionaries(st.integers(0, 6), st.floats(-10, 10), min_size=1, max_size=5)


@given(VALUES, VALUES, st.floats(0, 0.97))
def test_the_difference_is_the_generalised_least_squares_of_the_textbook(
    ours: dict[int, float], theirs: dict[int, float], pairing: float
) -> None:
    np = pytest.importorskip("numpy")
    seeds = [*ours, *theirs]
    group = np.array([0] * len(ours) + [1] * len(theirs))
    y = np.array([*ours.values(), *theirs.values()])
    common = np.equal.outer(seeds, seeds)
    covariance = np.where(common, pairing, 0.0)
    np.fill_diagonal(covariance, 1.0)
    design = np.stack([group == 0, group == 1], axis=1).astype(float)
    inverse = np.linalg.inv(covariance)
    spread_of = np.linalg.inv(design.T @ inverse @ design)
    means = spread_of @ design.T @ inverse @ y
    contrast = np.array([1.0, -1.0])
    found = mean_difference(ours, theirs, pairing)
    assert found is not None
    assert found[0] == pytest.approx(contrast @ means, abs=1e-6)
    assert found[1] == pytest.approx(contrast @ spread_of @ contrast, rel=1e-6)


def test_with_a_pairing_of_one_common_seeds_alone_count() -> None:
    assert mean_difference({1: 3.0, 2: 9.0}, {1: 1.0, 3: 0.0}, 1.0) == (2.0, 0.0)
    assert mean_difference({1: 3.0}, {2: 1.0}, 1.0) is None
