"""The policy applied to values: every boundary of DESIGN's table."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlab.judge.limits import broken_rules
from nightlab.judge.rules import (
    Finding,
    check_policy,
    exceeds,
    reaches,
    requirements,
    simplicity,
)
from nightlab.program.policy import Policy, parse_policy
from nightlab.types import Direction, History, NightlabError, Outcome, Purpose, Run, Trial


def trial(number: int, by_seed: dict[int, dict[str, float]], lines: int = 0) -> Trial:
    runs = tuple(
        Run(number * 10 + s, number, s, Purpose.PANEL, "", 0.0, Outcome.OK, metrics)
        for s, metrics in by_seed.items()
    )
    return Trial(number, f"c{number}", runs=runs, lines=lines)


def history(baseline: Trial, incumbent: Trial | None = None, maximize: bool = False) -> History:
    direction = Direction.MAXIMIZE if maximize else Direction.MINIMIZE
    seeds = tuple(baseline.values("m")) or (1,)
    return History("m", direction, seeds, baseline, incumbent or baseline, [])


def required(policy: Policy, seen: History, candidate: Trial) -> Finding:
    """The requirements, on the gain over the incumbent; without any where there is none."""
    return requirements(policy, seen, candidate, seen.gain(candidate, seen.incumbent) or 0.0)


def one(number: int, lines: int = 0, **metrics: float) -> Trial:
    return trial(number, {1: metrics}, lines)


@given(st.floats(-1e12, 1e12), st.floats(1e-9, 1e3))
def test_a_difference_equal_to_the_limit_neither_exceeds_nor_misses_it(
    anchor: float, limit: float
) -> None:
    moved = anchor + limit
    difference = moved - anchor
    assert not exceeds(difference, limit, anchor, moved)
    assert reaches(difference, limit, anchor, moved)


def test_float_noise_decides_nothing() -> None:
    assert not exceeds(0.8 - 0.7, 0.1, 0.8, 0.7)
    assert exceeds(0.1002, 0.1, 0.8, 0.7)
    assert exceeds(3e-13, 1e-13, 2e-12, 1e-12)


@pytest.mark.parametrize(
    ("direction", "new", "passes"),
    [
        ("minimize", 0.98, True),
        ("minimize", 0.99, False),
        ("minimize", 1.0, False),
        ("maximize", 1.02, True),
        ("maximize", 1.01, False),
    ],
)
def test_require_passes_exactly_at_its_amount(direction: str, new: float, passes: bool) -> None:
    policy = parse_policy(f"PRIMARY: {direction} m\nREQUIRE: m improves by >= 0.02 absolute")
    seen = history(one(0, m=1.0), maximize=direction == "maximize")
    assert required(policy, seen, one(1, m=new)).passed is passes


def test_an_improvement_of_zero_is_none_even_without_require() -> None:
    policy = parse_policy("PRIMARY: minimize m")
    found = required(policy, history(one(0, m=0.3)), one(1, m=0.1 + 0.2))
    assert not found.passed
    assert found.rule == "improvement"


def test_require_over_baseline_and_over_incumbent_are_two_rules() -> None:
    policy = parse_policy(
        "PRIMARY: minimize m\n"
        "REQUIRE: m improves by >= 0.01 absolute\n"
        "REQUIRE: m improves by >= 10% over baseline\n"
    )
    seen = history(one(0, m=1.0), incumbent=one(1, m=0.95))
    assert not required(policy, seen, one(2, m=0.92)).passed
    assert required(policy, seen, one(2, m=0.90)).passed
    assert not required(policy, seen, one(2, m=0.945)).passed


def test_guardrails_look_at_the_baseline_so_that_keeps_cannot_drift() -> None:
    policy = parse_policy("PRIMARY: minimize m\nGUARDRAILS:\n- t must not increase by > 0.01")
    drifted = history(one(0, m=1.0, t=0.10), incumbent=one(1, m=0.9, t=0.11))
    assert not broken_rules(policy, drifted, one(2, m=0.8, t=0.11))
    broken = broken_rules(policy, drifted, one(2, m=0.8, t=0.115))
    assert [finding.rule for finding in broken] == ["guardrail"]
    assert "increased by 0.0150 > allowed 0.0100" in broken[0].reason


@pytest.mark.parametrize(
    ("rule", "baseline", "new", "passes"),
    [
        ("w must not decrease by > 5%", 100.0, 95.0, True),
        ("w must not decrease by > 5%", 100.0, 94.9, False),
        ("w must not decrease by > 5%", -100.0, -105.0, True),
        ("w must not decrease by > 5%", -100.0, -106.0, False),
        ("w must not decrease by > 5%", 0.0, 0.0, True),
        ("w must not decrease by > 5%", 0.0, -1e-9, False),
        ("w must not decrease by > 0.0", 1.0, 2.0, True),
        ("w must not increase by > 0.1", 0.7, 0.8, True),
        ("w must stay >= 0.7", 1.0, 0.7, True),
        ("w must stay >= 0.7", 1.0, 0.667, False),
        ("w must stay <= 10", 1.0, 10.0, True),
        ("w must stay <= 10", 1.0, 10.5, False),
    ],
)
def test_guardrail_boundaries(rule: str, baseline: float, new: float, passes: bool) -> None:
    policy = parse_policy(f"PRIMARY: minimize m\nGUARDRAILS:\n- {rule}")
    broken = broken_rules(policy, history(one(0, m=1.0, w=baseline)), one(1, m=0.5, w=new))
    assert (not broken) is passes


def test_vetoes_come_before_guardrails_and_a_pattern_is_a_rule_for_each_match() -> None:
    policy = parse_policy(
        "PRIMARY: maximize m\nGUARDRAILS:\n"
        "- agent.* must not decrease by > 0.1\n"
        "- jail.* must stay >= 0.7\n"
    )
    base = one(0, m=1.0, **{"agent.a": 0.9, "agent.b": 0.9, "jail.a": 1.0})
    bad = one(1, m=2.0, **{"agent.a": 0.9, "agent.b": 0.75, "jail.a": 0.5})
    assert [f.rule for f in broken_rules(policy, history(base, maximize=True), bad)] == [
        "veto",
        "guardrail",
    ]


def test_a_metric_that_is_missing_passes_nothing() -> None:
    policy = parse_policy(
        "PRIMARY: minimize m\nGUARDRAILS:\n- w must not increase by > 1\n- v must stay >= 0"
    )
    seen = history(one(0, m=1.0, w=1.0, v=1.0))
    assert {f.rule for f in broken_rules(policy, seen, one(1, m=0.5))} == {"veto", "guardrail"}
    assert not required(policy, seen, one(1, w=1.0)).passed


def test_means_are_taken_over_common_seeds_only() -> None:
    policy = parse_policy("PRIMARY: minimize m")
    base = trial(0, {1: {"m": 10.0}, 2: {"m": 1.0}})
    lucky = trial(1, {2: {"m": 1.5}})
    assert not required(policy, history(base), lucky).passed


def test_a_percentage_of_zero_is_an_error_for_require() -> None:
    policy = parse_policy("PRIMARY: minimize m\nREQUIRE: m improves by >= 1%")
    with pytest.raises(NightlabError, match="absolute"):
        check_policy(policy, history(one(0, m=0.0)))


def test_a_rule_that_names_no_metric_is_an_error_that_lists_them() -> None:
    policy = parse_policy("PRIMARY: minimize m\nGUARDRAILS:\n- agent.* must not decrease by > 1")
    with pytest.raises(NightlabError, match=r"agent\.\*.*it measured: m, toxicity"):
        check_policy(policy, history(one(0, m=1.0, toxicity=0.1)))


@pytest.mark.parametrize(
    ("lines", "loss", "error", "passes"),
    [
        (-3, 0.0, 0.0, True),
        (-3, 0.0002, 0.0, True),
        (-3, 0.0003, 0.0, False),
        (0, 0.0, 0.0, False),
        (2, -0.1, 0.0, False),
        (-3, 0.0001, 0.0002, False),
        (-3, -0.0001, 0.01, True),
        (-3, 0.0001, 0.01, False),
    ],
)
def test_simplicity(lines: int, loss: float, error: float, passes: bool) -> None:
    policy = parse_policy("PRIMARY: minimize m\nPREFER: fewer lines when m is within 0.0002")
    found = simplicity(policy, history(one(0, m=1.0)), one(1, lines, m=1.0 + loss), -loss, error)
    assert found.passed is passes


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_no_value_at_all_crashes_the_rules(value: float) -> None:
    policy = parse_policy("PRIMARY: minimize m\nGUARDRAILS:\n- m must not increase by > 5%")
    metrics = {"m": value} if math.isfinite(value) else {}
    seen = history(one(0, m=1.0))
    candidate = trial(1, {1: metrics})
    assert isinstance(required(policy, seen, candidate).passed, bool)
    assert isinstance(broken_rules(policy, seen, candidate), list)


def test_a_guardrail_is_weighed_on_common_seeds_and_on_means_where_there_are_none() -> None:
    policy = parse_policy("PRIMARY: minimize m\nGUARDRAILS:\n- w must not increase by > 1")
    seen = history(trial(0, {1: {"m": 1.0, "w": 5.0}, 2: {"m": 1.0, "w": 9.0}}))
    common = trial(1, {2: {"m": 1.0, "w": 9.5}, 3: {"m": 1.0, "w": 99.0}})
    assert broken_rules(policy, seen, common) == []
    apart = trial(1, {3: {"m": 1.0, "w": 8.5}})
    (found,) = broken_rules(policy, seen, apart)
    assert "w increased by 1.5000" in found.reason


def test_a_bound_on_the_spread_over_seeds() -> None:
    policy = parse_policy("PRIMARY: minimize m\nGUARDRAILS:\n- m.sd must stay <= 0.04")
    base = trial(0, {1: {"m": 1.0}, 2: {"m": 1.1}})
    check_policy(policy, history(base))
    calm = trial(1, {1: {"m": 0.5}, 2: {"m": 0.51}})
    assert broken_rules(policy, history(base), calm) == []
    (found,) = broken_rules(policy, history(base), trial(1, {1: {"m": 0.5}, 2: {"m": 0.6}}))
    assert found.rule == "veto" and found.reason == "m.sd is 0.0707107; m.sd must stay <= 0.04"
    assert broken_rules(policy, history(base), one(1, m=0.5)) == [], "one value has no spread"
    with pytest.raises(NightlabError, match="names no metric"):
        check_policy(
            parse_policy("PRIMARY: minimize m\nGUARDRAILS:\n- w.sd must stay <= 1"), history(base)
        )
