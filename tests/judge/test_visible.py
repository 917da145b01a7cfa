"""What can be seen: the promise is kept by the rule itself, and values are read rightly."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightlab.judge.boundary import boundary
from nightlab.judge.noise import Noise, spread
from nightlab.judge.seedwise import SeedwiseJudge
from nightlab.judge.settings import JudgeSettings
from nightlab.judge.visible import (
    POWER,
    Sameness,
    chance_found,
    grid_step,
    outliers,
    sameness,
    seeds_needed,
    smallest_visible,
)
from nightlab.program.policy import parse_policy
from nightlab.types import Decision, Direction, History, Outcome, Purpose, Run, Trial

LEVEL = 0.036
FEW = Noise(1.0, 2, False)
MANY = Noise(1.0, 60, False)


# -- how small an improvement ----------------------------------------------------------------------


def kept(draw: random.Random, gain: float, panel: int, seeds: int, freedom: int) -> bool:
    """One trial, by the rule as it is written: look by look, nothing dropped early."""
    theirs = [draw.gauss(0, 1) for _ in range(max(panel, seeds))]
    ours = [draw.gauss(gain, 1) for _ in range(seeds)]
    known = sum(draw.gauss(0, 1) ** 2 for _ in range(freedom))
    for look in range(panel, seeds + 1):
        met = max(panel, look)
        squares, more = spread(ours[:look])
        sigma = math.sqrt((known + squares) / (freedom + more))
        error = sigma * math.sqrt(1 / look + 1 / met)
        found = sum(ours[:look]) / look - sum(theirs[:met]) / met
        if found / error >= boundary(LEVEL, seeds, freedom + more, panel):
            return True
    return False


@pytest.mark.parametrize("noise", [FEW, MANY], ids=["hardly known", "known"])
@pytest.mark.parametrize(("panel", "seeds"), [(3, 3), (3, 12), (5, 8)])
def test_a_visible_improvement_is_found_as_often_as_is_said(
    noise: Noise, panel: int, seeds: int
) -> None:
    draw, count, freedom = random.Random(5), 1500, int(noise.freedom)
    least = smallest_visible(noise, panel, seeds, LEVEL)
    found = sum(kept(draw, least, panel, seeds, freedom) for _ in range(count)) / count
    assert found == pytest.approx(POWER, abs=0.04)


class Night:
    """A campaign of one trial that is better by `gain`, with noise of 1 and a judge."""

    def __init__(self, gain: float, draw: random.Random, panel: int = 3) -> None:
        self.gain, self.draw = gain, draw
        self.judge = SeedwiseJudge(parse_policy("PRIMARY: maximize score"), JudgeSettings())
        self.trials = {0: Trial(0, "c0"), 1: Trial(1, "c1", parent="c0", lines=1)}
        self.seeds = tuple(range(1, panel + 1))
        self.runs = 0
        for seed in self.seeds:
            self.measure(0, seed, Purpose.BASELINE)

    def measure(self, trial: int, seed: int, purpose: Purpose) -> None:
        self.runs += 1
        value = {"score": self.draw.gauss(trial * self.gain, 1)}
        run = Run(self.runs, trial, seed, purpose, "", 0.0, Outcome.OK, value)
        self.trials[trial] = replace(self.trials[trial], runs=(*self.trials[trial].runs, run))

    @property
    def history(self) -> History:
        first, trial = self.trials[0], self.trials[1]
        return History("score", Direction.MAXIMIZE, self.seeds, first, first, (trial,), (trial,))

    def step(self) -> Decision | None:
        verdict = self.judge.decide(self.history)
        for wanted in () if verdict else self.judge.wanted(self.history):
            self.measure(wanted.trial, wanted.seed, wanted.purpose)
        return verdict.decision if verdict else None

    def decided(self) -> Decision:
        while (decision := self.step()) is None:
            assert self.runs < 100
        return decision


def test_the_judge_itself_finds_about_as_many() -> None:
    draw, count = random.Random(6), 250
    least = 2 * smallest_visible(FEW, 3, 12, LEVEL)
    found = sum(Night(least, draw).decided() is Decision.KEEP for _ in range(count)) / count
    assert found == pytest.approx(chance_found(FEW, 3, 12, LEVEL, least), abs=0.15)


def test_an_open_trial_has_evidence_as_its_verdict_would() -> None:
    night = Night(1.5, random.Random(2))
    assert night.judge.standing(night.history, night.trials[1]) == {}
    night.step()
    so_far = night.judge.standing(night.history, night.trials[1])
    assert so_far["seeds"]["trial"] == 1 and so_far["boundary"] is None


@given(
    sigma=st.sampled_from([1e-12, 1.0, 1e12]),
    freedom=st.sampled_from([1.0, 2.0, 7.5, 60.0]),
    panel=st.sampled_from([2, 3, 5]),
    level=st.sampled_from([0.001, 0.036, 0.2]),
)
@settings(max_examples=25, deadline=None)
def test_it_scales_with_the_noise_and_more_seeds_see_less(
    sigma: float, freedom: float, panel: int, level: float
) -> None:
    noise = Noise(sigma, freedom, False)
    few, many = (smallest_visible(noise, panel, seeds, level) for seeds in (12, 48))
    assert 0 < many < few
    plain = replace(noise, sigma=1.0)
    assert few == pytest.approx(sigma * smallest_visible(plain, panel, 12, level))
    assert smallest_visible(noise, panel, 192, level) == pytest.approx(many / 2)
    assert 0 <= chance_found(noise, panel, 12, level, few) <= POWER + 0.01
    assert smallest_visible(noise, panel, 12, level / 2) >= few
    needed = seeds_needed(noise, panel, few, level)
    assert needed is not None and panel <= needed <= 13


def test_what_needs_no_seeds_and_what_none_can_tell() -> None:
    still, unknown = Noise(0.0, 2, True), Noise(math.inf, 0, False)
    assert smallest_visible(still, 3, 12, LEVEL) == 0.0
    assert chance_found(still, 3, 12, LEVEL, 1e-9) == 1.0
    assert chance_found(still, 3, 12, LEVEL, 0.0) == 0.0
    assert smallest_visible(unknown, 3, 12, LEVEL) == math.inf
    assert seeds_needed(unknown, 3, 1.0, LEVEL) is None
    assert seeds_needed(FEW, 3, 0.0, LEVEL) is None
    assert smallest_visible(FEW, 3, 12, 0.0) == math.inf, "no chance of luck is left"
    assert seeds_needed(FEW, 3, 0.5, 0.0) is None
    assert (seeds_needed(MANY, 3, 0.01, LEVEL) or 0) > 10_000
    assert smallest_visible(FEW, 3, 3, 1.0) < smallest_visible(FEW, 3, 3, 0.01), "keep: any"


# -- what values look like -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("by_seed", "said"),
    [
        ({1: [2.0, 2.0], 2: [2.0]}, Sameness.ALL_EQUAL),
        ({1: [2.0], 2: [2.0]}, Sameness.ALL_EQUAL),
        ({1: [2.0, 2.0], 2: [3.0]}, Sameness.SEED_DECIDES),
        ({1: [2.0, 2.5], 2: [3.0]}, Sameness.UNREPEATABLE),
        ({1: [2.0, 2.5], 2: [2.0]}, Sameness.UNREPEATABLE),
        ({1: [2.0], 2: [3.0]}, Sameness.SEEDS_DIFFER),
        ({1: [2.0]}, Sameness.UNKNOWN),
        ({1: [2.0, 2.0]}, Sameness.UNKNOWN),
        ({}, Sameness.UNKNOWN),
    ],
)
def test_what_agrees(by_seed: dict[int, list[float]], said: Sameness) -> None:
    assert sameness(by_seed) is said


@pytest.mark.parametrize("told", [lambda v: v, lambda v: round(v, 4)], ids=["whole", "rounded"])
@pytest.mark.parametrize("cases", [26, 61, 7])
def test_counts_of_cases_have_their_step(told: Callable[[float], float], cases: int) -> None:
    values = [told((cases - k) / cases) for k in (1, 3, 4, 6)]
    assert grid_step(values) == pytest.approx(1 / cases)


def test_other_grids() -> None:
    assert grid_step([3, 4, 7]) == 1.0
    assert grid_step([1.47, 1.45, 1.48]) == 0.01
    assert grid_step([1.0, 1.0]) is None and grid_step([]) is None
    assert grid_step([math.pi, math.e, math.sqrt(2)]) is None
    assert grid_step([math.nan, math.inf, 1.0]) is None


@given(st.lists(st.floats(0, 1), min_size=3, max_size=12, unique=True))
def test_a_step_is_a_grid(values: list[float]) -> None:
    step = grid_step(values)
    for value in values if step else ():
        assert abs(value / step - round(value / step)) < 0.51


@given(st.floats(1e-12, 1e12), st.integers(0, 2**20))
def test_a_wild_value_is_named_first(scale: float, seed: int) -> None:
    draw = random.Random(seed)
    values = [scale * (5 + draw.uniform(-1, 1)) for _ in range(9)]
    wild = scale * 500
    assert outliers([*values, wild])[0] == wild
    assert outliers(values[:2]) == [] and outliers([scale] * 9) == []


@pytest.mark.parametrize("count", [3, 4, 5, 8, 12, 30])
def test_values_that_are_merely_noisy_are_seldom_called_wild(count: int) -> None:
    draw = random.Random(count)
    sets = [[draw.gauss(0, 1) for _ in range(count)] for _ in range(1000)]
    assert sum(bool(outliers(values)) for values in sets) <= 25


def test_among_equal_values_one_that_differs_is_wild_if_there_are_many() -> None:
    assert outliers([1.0] * 20 + [2.0]) == [2.0]
