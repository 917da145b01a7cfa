"""What the judge promises over many campaigns, held against experiments of a known truth.

A few seconds of simulation: bounds are wide enough for the number of campaigns, and would not hold
for a loop that keeps whatever looks better.
"""

from __future__ import annotations

from random import Random

import pytest
from simulate import Simulated

from nightlab.judge.settings import JudgeSettings

CAMPAIGNS = 40


@pytest.mark.parametrize("shared", [0.0, 0.9])
def test_on_pure_noise_next_to_nothing_is_kept(shared: float) -> None:
    made = [
        Simulated(f"noise {n}", lambda random, best: best, shared).run(100)
        for n in range(CAMPAIGNS)
    ]
    trials = sum(len(each.trials) - 1 for each in made)
    keeps = sum(len(each.steps) for each in made)
    assert trials > 30 * CAMPAIGNS
    assert 60 * keeps / trials < 0.5


def test_a_loop_that_keeps_whatever_looks_better_keeps_noise() -> None:
    """The yardstick of the test above: the same noise, judged as the seeds' rule has it."""
    anything = JudgeSettings(keep="any")
    made = [
        Simulated(f"noise {n}", lambda random, best: best, 0.0, anything).run(100)
        for n in range(10)
    ]
    assert sum(len(each.steps) for each in made) > 2 * len(made)


def test_a_faint_slope_is_found() -> None:
    """The whole slope is one and a half standard deviations of a single run."""
    made = [
        Simulated(f"slope {n}", lambda random, best: -1.5 * random.random()).run(100)
        for n in range(CAMPAIGNS)
    ]
    half = [each for each in made if each.truth[each.incumbent] < -0.75]
    assert len(half) > 0.7 * CAMPAIGNS


@pytest.mark.parametrize("shared", [0.0, 0.9])
def test_keeps_are_real_where_there_is_something_to_find(shared: float) -> None:
    def gain(random: Random, best: float) -> float:
        kind = random.random()
        if kind < 0.7:
            return best + abs(random.gauss(0, 4))
        return best - (random.gauss(0, 0.3) if kind < 0.85 else abs(random.gauss(0, 2)))

    made = [Simulated(f"hill {n}", gain, shared).run(100) for n in range(CAMPAIGNS)]
    steps = [step for each in made for step in each.steps]
    assert len(steps) > 2 * CAMPAIGNS
    assert sum(step <= 0 for step in steps) <= 0.05 * len(steps)
    assert all(each.truth[each.incumbent] <= 0 for each in made)
