"""Fresh seeds: paired differences, their intervals, the shrunk primary, and broken rules."""

from __future__ import annotations

import math
from statistics import mean, stdev

import pytest
from governance.simulated import POLICY, Levers, Simulated, policy, scenario

from nightlab.governance.afterwards.fresh import difference, further_seeds, measure_fresh
from nightlab.governance.afterwards.sample import Sample
from nightlab.judge.seeds import reserved_seeds, search_seeds
from nightlab.types import NightlabError, Purpose

SEEDS = range(100, 116)


def tax_helps(levers: Levers, seed: int) -> dict[str, float]:
    return {"toxicity_rate": 0.35 - 0.2 * levers["tax"], "total_welfare": 100 - 10 * levers["tax"]}


def test_pairs_take_the_seed_out_and_have_a_t_interval() -> None:
    found = difference({1: 1.0, 2: 5.0, 3: 9.5}, {1: 0.5, 2: 4.0, 3: 8.0, 4: 99.0}, "loss")
    pairs = [0.5, 1.0, 1.5]
    assert found is not None
    assert (found.mean, found.seeds) == (pytest.approx(1.0), 3)
    assert found.error == pytest.approx(stdev(pairs) / math.sqrt(3))
    assert found.high - found.mean == pytest.approx(4.302653 * found.error)
    assert (found.ours, found.theirs) == (pytest.approx(mean([1, 5, 9.5])), pytest.approx(12.5 / 3))
    assert difference({1: 1.0}, {2: 1.0}, "loss") is None
    single = difference({1: 1.0}, {1: 0.5}, "loss")
    assert single is not None
    assert (single.mean, single.low, single.high) == (0.5, -math.inf, math.inf)


def test_an_improvement_is_told_with_an_interval_and_drawn_towards_none() -> None:
    sample = Sample(Simulated(tax_helps))
    fresh = measure_fresh(sample, scenario(tax=0.1), scenario(tax=0.0), SEEDS, POLICY)
    primary = fresh.primary
    assert fresh.improved
    assert primary is not None and primary.mean == pytest.approx(-0.02, abs=0.005)
    assert fresh.gain is not None and fresh.low is not None and fresh.high is not None
    assert 0 < fresh.gain < -primary.mean
    assert fresh.low < 0.02 < fresh.high
    welfare = fresh.differences["total_welfare"]
    assert (welfare.mean, welfare.exact) == (pytest.approx(-1.0), True)
    assert fresh.broken == ()
    assert "illusion_delta" in fresh.absent, "what is not there is said to be absent"


def test_nothing_gained_is_not_called_an_improvement() -> None:
    called = 0
    for first in range(0, 4000, 100):
        sample = Sample(Simulated(lambda levers, seed: {}))
        seeds = range(first, first + 8)
        fresh = measure_fresh(sample, scenario(tax=0.1), scenario(tax=0.0), seeds, POLICY)
        called += fresh.improved
        assert fresh.gain is not None and fresh.primary is not None
        assert abs(fresh.gain) <= abs(fresh.primary.mean)
    assert called <= 4


def test_an_illusion_is_of_a_whole_run_and_has_no_other_name_where_all_is_pooled() -> None:
    def truth(levers: Levers, seed: int) -> dict[str, float]:
        return {"pooled.avg_payoff": 1.0 + levers["tax"], "illusion_delta": 0.2}

    most = policy("PRIMARY: maximize pooled.avg_payoff")
    sample = Sample(Simulated(truth))
    fresh = measure_fresh(sample, scenario(tax=0.1), scenario(tax=0.0), SEEDS, most)
    assert fresh.differences["illusion_delta"].ours == pytest.approx(0.2)
    assert "pooled.toxicity_rate" in fresh.absent
    assert not [name for name in fresh.absent if "illusion" in name]


def test_rules_are_asked_of_fresh_seeds() -> None:
    sample = Sample(Simulated(tax_helps))
    fresh = measure_fresh(sample, scenario(tax=0.9), scenario(tax=0.0), SEEDS, POLICY)
    assert fresh.broken == (
        "total_welfare decreased by 9.0000 > allowed 5.0000 (over the baseline)",
    )


def test_more_is_better_where_it_is() -> None:
    sample = Sample(Simulated(tax_helps))
    most = policy("PRIMARY: maximize toxicity_rate")
    fresh = measure_fresh(sample, scenario(tax=0.1), scenario(tax=0.0), SEEDS, most)
    assert fresh.gain is not None and fresh.gain < 0
    assert not fresh.improved


def test_a_run_that_fails_is_told_and_its_pair_left_out() -> None:
    def fails(levers: Levers, seed: int) -> dict[str, float]:
        return {"avg_payoff": 1 / (0 if levers["tax"] and seed == 103 else 1)}

    fresh = measure_fresh(
        Sample(Simulated(fails)), scenario(tax=0.1), scenario(tax=0.0), SEEDS, POLICY
    )
    assert fresh.broken == ("seed 103 failed: ZeroDivisionError: division by zero",)
    assert fresh.primary is not None and fresh.primary.seeds == len(SEEDS) - 1


def test_where_nothing_can_be_measured_no_gain_is_told() -> None:
    def fails(levers: Levers, seed: int) -> dict[str, float]:
        return {"avg_payoff": 1 / (1 - levers["tax"])}

    sample = Sample(Simulated(fails))
    fresh = measure_fresh(sample, scenario(tax=1), scenario(tax=0), SEEDS, POLICY)
    assert (fresh.gain, fresh.improved, fresh.primary) == (None, False, None)
    assert fresh.broken


def test_a_configuration_is_measured_once_on_a_seed() -> None:
    pool = Simulated(tax_helps)
    sample = Sample(pool)
    measure_fresh(sample, scenario(tax=0.1), scenario(tax=0.0), SEEDS, POLICY)
    measure_fresh(sample, scenario(tax=0.2), scenario(tax=0.0), SEEDS, POLICY)
    assert len(pool.asked) == sample.runs == 3 * len(SEEDS)


def test_a_longer_horizon_is_asked_for() -> None:
    pool = Simulated(tax_helps)
    measure_fresh(Sample(pool, 3.0), scenario(tax=0.1), scenario(tax=0.0), SEEDS, POLICY)
    assert {task.times for task in pool.asked} == {3.0}


def test_further_seeds_are_those_that_no_trial_is_decided_on() -> None:
    panel = (7, 11, 19)
    first, then = further_seeds(panel, 4, 12), further_seeds(panel, 16, 20)
    confirmed = reserved_seeds(panel, 4, Purpose.CONFIRM)
    assert len({*first, *then, *confirmed}) == 36
    search = search_seeds(panel)
    assert not {next(search) for _ in range(500)} & {*first, *then}


def test_one_seed_is_too_few() -> None:
    with pytest.raises(NightlabError, match="two or more"):
        measure_fresh(Sample(Simulated(tax_helps)), scenario(tax=1), scenario(tax=0), [7], POLICY)


def test_the_interval_of_the_gain_is_that_of_the_measured_pairs() -> None:
    sample = Sample(Simulated(tax_helps))
    fresh = measure_fresh(sample, scenario(tax=0.02), scenario(tax=0.0), SEEDS, POLICY)
    primary = fresh.primary
    assert primary is not None and fresh.gain is not None
    assert (fresh.low, fresh.high) == pytest.approx((-primary.high, -primary.low))
    assert -primary.high <= fresh.gain <= -primary.low
